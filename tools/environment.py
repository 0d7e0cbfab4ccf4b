"""Create `.venv` from the lock; do nothing when it is there and up to date.

Runs on the system's Python, so it needs the standard library only.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "made-from.sha256"


def fingerprint() -> str:
    """Hash of all that decides what `.venv` holds.

    The path is part of it, since a virtual environment does not survive being moved.
    """
    import tomllib  # an older Python has to reach the message in main()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    about = [sys.version, str(ROOT), project["project"], project["build-system"]]
    digest = hashlib.sha256(repr(about).encode())
    for name in ("requirements.lock", "tools/environment.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def install(*arguments: str) -> None:
    """Install into `.venv` with uv where it is at hand (4 s), else with pip (40 s)."""
    uv = shutil.which("uv")
    pip: list[str | Path]
    pip = [uv, "pip", "install", "--python", PYTHON] if uv else [PYTHON, "-m", "pip", "install"]
    subprocess.run([*pip, "--quiet", *arguments], check=True, cwd=ROOT)


def main() -> None:
    """Make the environment."""
    if sys.version_info < (3, 11):  # noqa: UP036 (the check that tells a user of an old Python)
        sys.exit(
            f"mecllm needs Python 3.11 or newer; this is {sys.version.split()[0]} "
            f"({sys.executable}). Name another one: make PYTHON=/path/to/python3.12"
        )
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    print("Creating .venv from requirements.lock (a minute or so, once)", flush=True)
    try:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit(
            "Python could not put pip into a new environment. On Debian and Ubuntu the missing "
            "part is the package python3-venv."
        )
    try:
        install("--require-hashes", "-r", "requirements.lock")
        # The package itself has no hash; its build tool comes from the lock, not from outside.
        install("--no-deps", "--no-build-isolation", "-e", ".")
        # Matplotlib lists the fonts at first import and may say so; that must not be in a page.
        subprocess.run([PYTHON, "-c", "import matplotlib.font_manager"], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"Installing failed (exit code {error.returncode}); see the message above.")
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
