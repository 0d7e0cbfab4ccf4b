"""Measure how long each chapter, `make book` and `make test` take, in whole seconds.

Chapters are run one after the other and thrown away, into `book/_data/times.csv`. The two commands
run from a clean folder with the environment in place, into `book/_data/commands.csv`. With names of
chapters, or `commands`, only these are measured again.
"""

from __future__ import annotations

import csv
import datetime
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from mecllm.study.machine import processor
from tools.notebooks import BOOK, ROOT, execute

TIMES = BOOK / "_data" / "times.csv"
FIELDS = ("chapter", "seconds", "cores", "python")
MEASURED_COMMANDS = BOOK / "_data" / "commands.csv"
COMMAND_FIELDS = ("command", "seconds", "cores", "python", "processor", "date")
COMMANDS = ("make book", "make test")


def surroundings() -> tuple[int | None, str]:
    """Cores of this machine, and version of this Python."""
    return os.cpu_count(), ".".join(platform.python_version_tuple()[:2])


def measure(notebook: Path) -> dict[str, str]:
    """Run one chapter, its own kernel's start included."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        execute(notebook, Path(folder) / notebook.name)
        seconds = time.perf_counter() - start
    values = (notebook.stem, math.ceil(seconds), *surroundings())
    return dict(zip(FIELDS, map(str, values), strict=True))


def measure_command(command: str) -> dict[str, str]:
    """Run one of `COMMANDS`; a failing one is no measurement."""
    start = time.perf_counter()
    subprocess.run(command.split(), cwd=ROOT, check=True)
    seconds = time.perf_counter() - start
    today = datetime.datetime.now(datetime.UTC).date()
    values = (command, math.ceil(seconds), *surroundings(), processor(), today)
    return dict(zip(COMMAND_FIELDS, map(str, values), strict=True))


def write(path: Path, fields: tuple[str, ...], rows: Iterable[dict[str, str]]) -> None:
    """Write a table."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Measure what the command line names, or all, and write the tables."""
    names = sys.argv[1:]
    kept = {}
    if TIMES.exists():
        with TIMES.open(encoding="utf-8", newline="") as file:
            kept = {row["chapter"]: row for row in csv.DictReader(file)}
    chapters = sorted(BOOK.glob("*.ipynb"))
    for notebook in chapters:
        if not names or notebook.stem in names:
            kept[notebook.stem] = measure(notebook)
            print(f"{notebook.stem}: {kept[notebook.stem]['seconds']} s", flush=True)
    write(TIMES, FIELDS, (kept[path.stem] for path in chapters if path.stem in kept))
    if not names or "commands" in names:
        subprocess.run(["make", "clean"], cwd=ROOT, check=True)
        write(MEASURED_COMMANDS, COMMAND_FIELDS, [measure_command(each) for each in COMMANDS])


if __name__ == "__main__":
    main()
