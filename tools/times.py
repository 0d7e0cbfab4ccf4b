"""Measure how long each chapter takes and keep the whole seconds in `book/_data/times.csv`.

Chapters are run one after the other and thrown away. With names, only these are measured again.
"""

from __future__ import annotations

import csv
import math
import os
import platform
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.notebooks import BOOK, execute

TIMES = BOOK / "_data" / "times.csv"
FIELDS = ("chapter", "seconds", "cores", "python")


def measure(notebook: Path) -> dict[str, str]:
    """Run one chapter, its own kernel's start included."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        execute(notebook, Path(folder) / notebook.name)
        seconds = time.perf_counter() - start
    python = ".".join(platform.python_version_tuple()[:2])
    values = (notebook.stem, math.ceil(seconds), os.cpu_count(), python)
    return dict(zip(FIELDS, map(str, values), strict=True))


def main() -> None:
    """Measure the chapters named on the command line, or all, and write the table."""
    kept = {}
    if TIMES.exists():
        with TIMES.open(encoding="utf-8", newline="") as file:
            kept = {row["chapter"]: row for row in csv.DictReader(file)}
    chapters = sorted(BOOK.glob("*.ipynb"))
    for notebook in chapters:
        if not sys.argv[1:] or notebook.stem in sys.argv[1:]:
            kept[notebook.stem] = measure(notebook)
            print(f"{notebook.stem}: {kept[notebook.stem]['seconds']} s", flush=True)
    TIMES.parent.mkdir(exist_ok=True)
    with TIMES.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept[path.stem] for path in chapters if path.stem in kept)


if __name__ == "__main__":
    main()
