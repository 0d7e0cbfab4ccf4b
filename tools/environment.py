"""Create `.venv` from the lock; do nothing when it is there and up to date.

Nothing is resolved: the lock is complete, so it is installed as a list, every file by its hash, and
then checked for consistency. A release that is newer than the lock cannot change what arrives.

Runs on the system's Python, so it needs the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
OLDEST = (3, 11)

LIST = ("--no-deps", "--require-hashes", "-r")
# Settings of the user that would send packages elsewhere or change what the lock says; those that
# name a mirror, a proxy or a certificate stay.
HARMFUL = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIREMENT",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
)
HARMFUL_TO_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
NEUTRAL = {"PIP_USER": "0", "PIP_CONSTRAINT": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

# What pip and uv say, and what it means to a person.
FAULTS = {
    r"DO NOT MATCH THE HASHES|[Hh]ash mismatch": (
        "A downloaded file is not the one that requirements.lock names by its hash. It was not "
        "installed. Try again; if it stays so, the package index or something before it is at fault."
    ),
    r"No space left on device|os error 28": "The disk is full. Make room and try again.",
    r"[Tt]emporary failure in name|NewConnectionError|Could not connect|error sending request"
    r"|dns error|Connection (?:refused|reset|broken)|timed out|ProxyError|[Ff]ailed to fetch": (
        "No package index could be reached. The first set-up needs a network, or a mirror named in "
        "PIP_INDEX_URL (pip) and UV_INDEX_URL (uv)."
    ),
    r"No matching distribution|no wheels? with a matching|doesn't have a (?:source|wheel)": (
        "A package of requirements.lock has no file for this Python and platform."
    ),
}


class SetupError(Exception):
    """Why there is no environment, in words for the person who asked for it."""


def fingerprint() -> str:
    """Hash of all that decides what `.venv` holds.

    The path is part of it, since a virtual environment does not survive being moved.
    """
    # Read as text, not as TOML, since an old Python has to reach the message in `main`.
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("\n[tool.")[0]
    digest = hashlib.sha256(f"{ROOT}\0{project}".encode())
    for path in (LOCK, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def version(python: Path | str) -> str | None:
    """Version of an interpreter, None where it does not run."""
    command = [str(python), "-I", "-c", "import sys; print(sys.version)"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def locked(name: str, lock: Path = LOCK) -> str:
    """Entry of one package in the lock, with its hashes.

    Raises
    ------
    SetupError
        When the lock has no such package.
    """
    entry = re.search(
        rf"^{re.escape(name)}==(?:.*\\\n)*.*\n", lock.read_text("utf-8"), re.MULTILINE
    )
    if entry is None:
        raise SetupError(f"{lock.name} does not name {name}.")
    return entry.group()


def clean_surroundings() -> dict[str, str]:
    """Environment variables for pip and uv: the user's, without what would lead astray."""
    kept = {k: v for k, v in os.environ.items() if k not in (*HARMFUL, *HARMFUL_TO_PYTHON)}
    return kept | NEUTRAL


def run(*command: str | Path) -> None:
    """Run an installer; what it says is shown when it fails, and explained.

    Raises
    ------
    SetupError
        With the installer's last words.
    """
    done = subprocess.run(
        [str(part) for part in command],
        env=clean_surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()
        last = "\n".join(said.splitlines()[-12:])
        why = [words for pattern, words in FAULTS.items() if re.search(pattern, said)]
        raise SetupError("\n".join([last, *why[:1]]))


def pip(python: Path) -> list[str | Path]:
    """Command line of an environment's own pip."""
    return [python, "-I", "-m", "pip", "--quiet", "--no-input"]


def installer(python: Path, lock: Path = LOCK) -> list[str | Path]:
    """Return the fastest way to install: uv, of this machine or fetched by its hash, else pip."""
    uv = shutil.which("uv") or python.parent / "uv"
    if not Path(uv).exists():
        wanted = python.parent.parent / "uv.txt"
        wanted.write_text(locked("uv", lock), encoding="utf-8")
        try:
            run(*pip(python), "install", *LIST, wanted)
        except SetupError as error:
            # Platforms without a wheel of uv: slower, and the same packages.
            print(f"{error}\nuv is not to be had here; pip goes on alone.", flush=True)
            return pip(python)
    return [uv, "pip"]


def install(python: Path, command: list[str | Path], lock: Path = LOCK) -> None:
    """Install the lock as it stands into an environment and check that all fits together.

    Raises
    ------
    SetupError
        When a file cannot be had, is not the one that the lock names, or a package lacks another.
    """
    of = [] if "-m" in command else ["--python", python]
    binary = ["--only-binary", ":all:"]  # building from source would resolve build tools anew
    run(*command, "install", *of, *binary, *LIST, lock)
    run(*command, "check", *of)


def make(root: Path, environment: Path) -> None:
    """Create the environment, install the lock and the package itself.

    Raises
    ------
    SetupError
        With one sentence for the user.
    """
    try:
        venv.create(environment, clear=True, with_pip=False)
        # Temporary files go where the environment goes: a small /tmp is then no trouble.
        scratch = environment / "tmp"
        scratch.mkdir()
        os.environ["TMPDIR"] = str(scratch)
        python = environment / "bin" / "python"
        done = subprocess.run(
            [str(python), "-I", "-m", "ensurepip", "--default-pip"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            if "No space left" in done.stderr:
                raise OSError("No space left on device")
            raise SetupError(
                "Python could not put pip into a new environment. On Debian and Ubuntu the missing "
                f"part is the package python3-venv.\n{done.stderr.strip()[-300:]}"
            )
        command = installer(python)
        install(python, command)
        # The package itself has no hash; its build tool comes from the lock, not from outside.
        of = [] if "-m" in command else ["--python", python]
        run(*command, "install", *of, "--no-deps", "--no-build-isolation", "-e", root)
        # Matplotlib lists the fonts at first import and may say so; that must not be in a page.
        run(python, "-I", "-c", "import matplotlib.font_manager")
        shutil.rmtree(scratch)
    except OSError as error:
        raise SetupError(f"{environment.name} could not be written: {error}.") from error


def main() -> None:
    """Make the environment unless it is there.

    A `.venv` of another Python than the one that runs this stays, unless `--this-python` asks for
    it, which the Makefile does where the caller names a Python.
    """
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "made-from.sha256"
    wanted = fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted:
        there = version(python)
        if there == sys.version or (there and "--this-python" not in sys.argv):
            return
    if sys.version_info < OLDEST:
        sys.exit(
            f"mecllm needs Python 3.11 or newer; this is {sys.version.split()[0]} "
            f"({sys.executable}). Name another one: make PYTHON=/path/to/python3.12"
        )
    print("Creating .venv from requirements.lock (half a minute, once)", flush=True)
    again = "Nothing else was touched; `make env` starts again from the beginning."
    try:
        make(ROOT, ENVIRONMENT)
    except SetupError as error:
        sys.exit(f"{error}\n{again}")
    except KeyboardInterrupt:
        sys.exit(f"\nInterrupted. {again}")
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
