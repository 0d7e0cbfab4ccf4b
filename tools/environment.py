"""Create `.venv` from the lock; do nothing when it is there and up to date.

Nothing is resolved: the lock is complete, so it is installed as a list, every file by its hash, and
then checked for consistency. A release that is newer than the lock cannot change what arrives.

The packages come by uv, which itself comes by pip and its hash in the lock; `--pip` leaves uv out
and takes three minutes instead of half a one. `.ci/run` does so, to see that pip alone will do.

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

# The lock as a list: nothing resolved, and nothing built, since that would resolve build tools.
LIST = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement")

# Of the user's settings for pip and uv, those stay that say where files come from and how; others
# would send packages elsewhere or change which ones.
SETTING = re.compile(r"(PIP|UV)_")
SOURCE = re.compile(
    r"INDEX|FIND_LINKS|CERT|TLS|PROXY|HOST|TIMEOUT|RETRIES|CACHE|OFFLINE|KEYRING|CONFIG|LINK_MODE"
)
NEUTRAL = {
    "PIP_USER": "0",
    "PIP_CONSTRAINT": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_COMPILE": "1",  # as uv does it: Python compiles what is imported, when it is
}

# What pip, uv and Python say, and what it means to a person; the first that fits counts.
FAULTS = {
    r"DO NOT MATCH THE HASHES|[Hh]ash mismatch": (
        "A file is not the one that requirements.lock names by its hash, and was not installed: "
        "try again, and if it stays so, the package index or something before it is at fault."
    ),
    r"No space left on device|os error 28|Disk quota exceeded": (
        "The disk is full: make room, .venv takes 1.4 GB, and try again."
    ),
    r"No usable temporary directory": (
        "No temporary folder can be written: it is full, or TMPDIR names one that is not there."
    ),
    r"[Tt]emporary failure in name|NewConnectionError|ConnectTimeout|ProxyError|SSLError"
    r"|Could not connect|error sending request|dns error|timed out|Failed to fetch"
    r"|Connection (?:refused|reset|broken)|network was disabled": (
        "No package index could be reached: the first set-up needs a network, or a mirror named in "
        "PIP_INDEX_URL and UV_DEFAULT_INDEX."
    ),
    r"No matching distribution|no versions of|not found in the|no wheels? with|no usable wheels"
    r"|Wheels are required|not a supported"
    r"|doesn't have a": (
        "A package of requirements.lock has no file for this Python and platform in the package "
        "index: try another Python (make PYTHON=...), or another index."
    ),
    r"which is not installed|but you have|but it's not installed|but `.*` is installed": (
        "requirements.lock is not complete: `make lock` in a working environment mends it."
    ),
    r"No module named ensurepip": (
        "This Python cannot put pip into an environment: on Debian and Ubuntu, install the package "
        "python3-venv."
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


def version(python: Path) -> str | None:
    """Version of an interpreter, None where it does not run."""
    command = [str(python), "-I", "-c", "import sys; print(sys.version)"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def locked(name: str, lock: Path = LOCK) -> str:
    """Entry of one package in the lock, with its hashes.

    Raises
    ------
    SetupError
        When the lock has no such package.
    """
    text = lock.read_text(encoding="utf-8")
    entry = re.search(rf"^{re.escape(name)}==(?:.*\\\n)*.*\n", text, re.MULTILINE)
    if entry is None:
        raise SetupError(f"{lock.name} does not name {name}: `make lock` mends it.")
    return entry.group()


def explain(said: str) -> str:
    """Last lines of what a program said, and what they mean."""
    why = [words for pattern, words in FAULTS.items() if re.search(pattern, said)]
    return "\n".join([*said.strip().splitlines()[-12:], *why[:1]])


def surroundings(environment: Path) -> dict[str, str]:
    """Variables for pip and uv: the user's, without those that lead away from the environment.

    Temporary files go where the environment goes, so that a small /tmp is no trouble.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX"))
        and (SOURCE.search(name) or not SETTING.match(name))
    }
    scratch = environment / "tmp"
    scratch.mkdir(exist_ok=True)
    return kept | NEUTRAL | {"UV_PYTHON": str(python_of(environment)), "TMPDIR": str(scratch)}


def run(environment: Path, *command: str | Path) -> None:
    """Run a program for an environment; what it says is shown when it fails, and explained.

    Raises
    ------
    SetupError
        With the program's last words and what they mean.
    """
    done = subprocess.run(
        [str(part) for part in command],
        env=surroundings(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise SetupError(explain(done.stdout))


def python_of(environment: Path) -> Path:
    """Path of an environment's interpreter."""
    return environment / "bin" / "python"


def pip(environment: Path) -> list[str | Path]:
    """Command line of an environment's own pip."""
    return [python_of(environment), "-I", "-m", "pip", "--no-input"]


def uv(environment: Path) -> list[str | Path]:
    """Command line of an environment's own uv, fetched by pip: a fifth of the time of pip."""
    wanted = environment / "uv.txt"
    wanted.write_text(locked("uv"), encoding="utf-8")
    run(environment, *pip(environment), "install", *LIST, wanted)
    return [environment / "bin" / "uv", "pip"]


def install(environment: Path, installer: list[str | Path], lock: Path = LOCK) -> None:
    """Install the lock as it stands into an environment and check that all fits together.

    Raises
    ------
    SetupError
        When a file cannot be had, is not the one that the lock names, or a package lacks another.
    """
    run(environment, *installer, "install", *LIST, lock)
    run(environment, *installer, "check")


def make(environment: Path, by_pip: bool = False) -> None:
    """Create the environment, install the lock and the package itself.

    Raises
    ------
    SetupError
        With one sentence for the user.
    """
    try:
        # Links, since a copied interpreter may not find its shared library.
        venv.create(environment, clear=True, symlinks=True)
        python = python_of(environment)
        run(environment, python, "-I", "-m", "ensurepip", "--default-pip")
        installer = pip(environment) if by_pip else uv(environment)
        install(environment, installer)
        # The package itself has no hash; its build tool comes from the lock, not from outside.
        run(environment, *installer, "install", "--no-deps", "--no-build-isolation", "-e", ROOT)
        # Matplotlib lists the fonts at first import and may say so; that must not be in a page.
        run(environment, python, "-I", "-c", "import matplotlib.font_manager")
        shutil.rmtree(environment / "tmp")
    except OSError as error:
        raise SetupError(explain(f"{environment.name} could not be written: {error}.")) from error


def main(*options: str) -> None:
    """Make the environment unless it is there.

    Parameters
    ----------
    *options : str
        `--pip` installs by pip alone. `--this-python` replaces a `.venv` of another Python than
        the running one, which otherwise stays; the Makefile asks so when the caller names a Python.
    """
    stamp = ENVIRONMENT / "made-from.sha256"
    wanted = fingerprint()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        there = version(python_of(ENVIRONMENT))
        if there == sys.version or (there and "--this-python" not in options):
            return
    if sys.version_info < OLDEST:
        sys.exit(
            f"mecllm needs Python 3.11 or newer; this is {sys.version.split()[0]} "
            f"({sys.executable}). Name another one: make PYTHON=/path/to/python3.12"
        )
    by_pip = "--pip" in options
    took = "three minutes" if by_pip else "half a minute"
    print(f"Creating .venv from requirements.lock ({took}, once)", flush=True)
    again = "Nothing else was touched; `make env` starts again from the beginning."
    try:
        stamp.unlink(missing_ok=True)  # first of all: what is half removed must not pass as whole
        make(ENVIRONMENT, by_pip)
    except SetupError as error:
        sys.exit(f"{error}\n{again}")
    except KeyboardInterrupt:
        sys.exit(f"\nInterrupted. {again}")
    stamp.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
