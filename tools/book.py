"""Render the book into `_build/`, never touching the committed notebooks.

By default every chapter is executed afresh and the page lands in `_build/html`; with
`--committed` the outputs are rendered as they are stored, into `_build/html-committed`. With
`--without-solutions` the page is for students, and the answers to the exercises go into a zip file.

Whatever decides a page is hashed: an unchanged book is not built again, and a change in `mecllm/`,
`data/` or the lock runs every chapter again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.answers import withhold
from tools.notebooks import BOOK, ROOT

BUILD = ROOT / "_build"
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
# What chapters compute with, as opposed to what they say.
COMPUTING = ("mecllm", "data", "requirements.lock", "tools/notebooks.py")
# Read by the extensions in book/_ext while rendering.
BESIDE = ("_config.yml", "pyproject.toml", "requirements.lock")
MAKING = ("tools/book.py", "tools/answers.py")
CACHES = ("__pycache__", ".ipynb_checkpoints")


def files(*names: str) -> list[Path]:
    """All files under the named files and folders, without caches."""
    found: list[Path] = []
    for path in (ROOT / name for name in names):
        found += path.rglob("*") if path.is_dir() else [path]
    return sorted(p for p in found if p.is_file() and not set(CACHES) & set(p.parts))


def fingerprint(paths: Iterable[Path]) -> str:
    """Hash of names and contents."""
    digest = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT)}\0{content}\n".encode())
    return digest.hexdigest()


def longest_first(notebooks: Iterable[Path]) -> list[Path]:
    """Order chapters by the time they took last; one that was never timed goes first."""
    with (BOOK / "_data" / "times.csv").open(encoding="utf-8", newline="") as file:
        seconds = {row["chapter"]: float(row["seconds"]) for row in csv.DictReader(file)}
    return sorted(notebooks, key=lambda path: (-seconds.get(path.stem, math.inf), path.name))


def executed(notebook: Path) -> Path:
    """Return the executed copy of a chapter, run now unless nothing it rests on has changed."""
    key = fingerprint([*files(*COMPUTING), notebook])
    target = BUILD / "executed" / f"{notebook.stem}.{key}.ipynb"
    if not target.exists():
        command = [sys.executable, "-m", "tools.notebooks", "execute", notebook.stem]
        subprocess.run([*command, "--to", target], check=True, cwd=ROOT)
        for old in set(target.parent.glob(f"{notebook.stem}.*.ipynb")) - {target}:
            old.unlink()
    return target


def copied(source: Path, target: Path) -> None:
    """Copy a folder so that the copy can be written, whoever may write the original.

    What is left of an earlier copy is removed, also where it cannot be written.
    """
    if target.exists():
        _writable(target)
        shutil.rmtree(target)
    ignore = shutil.ignore_patterns(*CACHES)
    shutil.copytree(source, target, ignore=ignore, copy_function=shutil.copyfile)
    _writable(target)


def _writable(folder: Path) -> None:
    """Let the owner write a folder and all folders in it."""
    for path in (
        folder,
        *(Path(root) / name for root, names, _ in os.walk(folder) for name in names),
    ):
        path.chmod(path.stat().st_mode | stat.S_IRWXU)


def render(work: Path) -> Path:
    """Run Jupyter Book in a fresh folder; a warning is an error."""
    build = [sys.executable, "-c", JUPYTER_BOOK, "build", "book", "-W", "-n", "--keep-going", "-q"]
    # Its closing words name the work folder; warnings and errors come on the other channel.
    subprocess.run(build, check=True, cwd=work, stdout=subprocess.DEVNULL)
    return work / "_build" / "html"


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--committed", action="store_true", help="render the stored outputs, execute nothing"
    )
    parser.add_argument(
        "--without-solutions", action="store_true", help="leave out what students should find"
    )
    options = parser.parse_args()
    committed: bool = options.committed
    ending = "-without-solutions" if options.without_solutions else ""
    page = BUILD / f"html{'-committed' if committed else ''}{ending}"
    worked = BUILD / "worked-answers.zip"
    stamp = page / ".made-from"
    wanted = fingerprint(files("book", *MAKING, *BESIDE, *COMPUTING))
    if committed or not stamp.is_file() or stamp.read_text() != wanted:
        work = BUILD / "work"
        copied(BOOK, work / "book")
        for name in BESIDE:
            shutil.copy(ROOT / name, work)
        try:
            if not committed:
                notebooks = longest_first(BOOK.glob("*.ipynb"))
                with ThreadPoolExecutor(os.cpu_count()) as pool:
                    copies = list(pool.map(executed, notebooks))
                for notebook, copy in zip(notebooks, copies, strict=True):
                    shutil.copy(copy, work / "book" / notebook.name)
            if options.without_solutions:
                withhold(work / "book", worked)
            made = render(work)
        except subprocess.CalledProcessError:
            sys.exit("The book was not built; the reason stands above.")
        (made / stamp.name).write_text(wanted)
        shutil.rmtree(page, ignore_errors=True)
        made.rename(page)
        shutil.rmtree(work)
    print(f"The book is at {page / 'index.html'}")
    if options.without_solutions:
        print(f"The answers are in {worked}")


if __name__ == "__main__":
    main()
