"""Run chapters and numeric tests as other machines would see them.

Each machine is a set of environment variables for the test run and its kernels (`variables`). What
this machine lacks (glibc, say) is told and left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from typing import Any

from tools.notebooks import BOOK, ROOT

# What `make` sets for a reproducible run, and a reader's own Jupyter does not have.
MAKE = (
    "PYTHONHASHSEED",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "IPYTHONDIR",
    "MPLCONFIGDIR",
)
HOOK = ROOT / "tests" / "elsewhere"
# Tests that compute; the others (files, draws, pages, commands) do not depend on the processor.
NUMERIC = ("system/test_model.py", "allocation", "paper", "certified", "theory", "study")
EACH = ("hash", "blas", "numpy", "libm", "moved")
# Two runs see it all: one an older processor, one other inputs and no limits.
TOGETHER = {"older": ("hash", "blas", "numpy", "libm"), "moved": ("moved", "threads", "backend")}


def dispatched() -> str:
    """Names of the processor features that NumPy uses here beyond its least ones."""
    import numpy as np

    about: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]
    return " ".join(about["SIMD Extensions"].get("found", ()))


def variables(machine: str) -> dict[str, str] | str:
    """Environment variables that make this machine look like another one, or why that cannot be."""
    intel, gnu = platform.machine() in ("x86_64", "AMD64"), platform.libc_ver()[0] == "glibc"
    if machine == "hash":
        return {"PYTHONHASHSEED": "1"}
    if machine == "threads":
        return {}  # `MAKE` is taken away in every run
    if machine == "backend":
        return {"MPLBACKEND": "agg"}  # as many servers set it
    if machine == "moved":
        return {"MECLLM_MOVED": "1", "PYTHONPATH": str(HOOK), "PYTHONHASHSEED": "2"}
    if not intel:
        return f"{machine} knows x86-64 only, and this is {platform.machine()}"
    if machine == "blas":
        return {"OPENBLAS_CORETYPE": "Prescott"}
    if machine == "numpy":
        return {"NPY_DISABLE_CPU_FEATURES": dispatched()}
    if machine == "libm" and gnu:
        return {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX2_Usable,-FMA_Usable"}
    return "libm needs glibc, which is not here"


def run(name: str, parts: tuple[str, ...], arguments: list[str]) -> int:
    """Run chapters and numeric tests on one such machine; exit code of pytest."""
    environment = {key: value for key, value in os.environ.items() if key not in MAKE}
    environment["PYTHONHASHSEED"] = "3"
    for part in parts:
        found = variables(part)
        if isinstance(found, str):
            print(f"{name}: left out, {found}", flush=True)
        else:
            environment |= found
    start = time.monotonic()
    what = arguments or [str(BOOK), *(str(ROOT / "tests" / folder) for folder in NUMERIC)]
    spread = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]  # as `make test` does
    command = [sys.executable, "-m", "pytest", "-q", *spread, "--nbval"]
    code = subprocess.run([*command, *what], env=environment, cwd=ROOT, check=False).returncode
    print(f"{name} ({', '.join(parts)}): {time.monotonic() - start:.0f} s", flush=True)
    return code


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--machine", choices=[*TOGETHER, "each", *EACH], help="only this one")
    options, rest = parser.parse_known_args()
    machines = dict(TOGETHER)
    if options.machine in TOGETHER:
        machines = {options.machine: TOGETHER[options.machine]}
    elif options.machine:
        names = EACH if options.machine == "each" else (options.machine,)
        machines = {name: (name,) for name in names}
    codes = [run(name, parts, rest) for name, parts in machines.items()]
    if any(codes):
        sys.exit("Another machine sees another book; the differences stand above.")


if __name__ == "__main__":
    main()
