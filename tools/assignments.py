"""Build an nbgrader course from `assignments/`: sources with solutions, and the release folder.

COURSE/source/NAME/NAME.ipynb    with solutions and hidden tests, for the teacher
COURSE/release/NAME/NAME.ipynb   the students' version
COURSE/nbgrader_config.py        run nbgrader in COURSE from here on

The sources are Python with Markdown cells; a cell's metadata holds what differs from `CELL`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import jupytext
from nbgrader.apps import NbGraderAPI
from traitlets.config.loader import Config, PyFileConfigLoader

from tools.notebooks import slim, write

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENTS = ROOT / "assignments"
COURSE = ROOT / "_build" / "assignments"

# What nbgrader wants to know of each cell that it looks after.
CELL = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
SEED_LINE = re.compile(r"^SEED = \.\.\.$", re.MULTILINE)


def names() -> list[str]:
    """Names of the assignments, in order."""
    return sorted(path.stem for path in (ASSIGNMENTS / "source").glob("*.py"))


def read_seed() -> int:
    """Seed of this year's course."""
    course = tomllib.loads((ASSIGNMENTS / "course.toml").read_text(encoding="utf-8"))
    return int(course["seed"])


def shielded(test: str, setup: str) -> str:
    """Put a test into a function with a setup of its own, hidden from students.

    A student may call a variable `network`, write another `close` or use up the random numbers:
    of all that, nothing but the answer itself reaches the test.
    """
    body = f"### BEGIN HIDDEN TESTS\n{setup}\n### END HIDDEN TESTS\n{test}"
    return f"def check():\n{textwrap.indent(body, '    ')}\n\n\ncheck()"


def notebook(name: str, seed: int) -> Any:
    """Read an assignment with its solutions: the seed, the rules and nbgrader's metadata put in.

    Raises
    ------
    ValueError
        When the source does not have exactly one line `SEED = ...`.
    """
    source = ASSIGNMENTS / "source" / f"{name}.py"
    text, count = SEED_LINE.subn(f"SEED = {seed}", source.read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(f"{source.name} has {count} lines `SEED = ...`; expected one")
    sheet = jupytext.reads(text, fmt="py:percent")
    sheet.cells[0].source += "\n" + (ASSIGNMENTS / "rules.md").read_text(encoding="utf-8").rstrip()
    about = [cell.metadata.get("nbgrader", {}) for cell in sheet.cells]
    (setup,) = (cell.source for cell in sheet.cells if _id(cell) == "setup")
    tests = [given.get("grade", False) and not given.get("solution", False) for given in about]
    for cell, is_test in zip(sheet.cells, tests, strict=True):
        if is_test:
            cell.source = shielded(cell.source, setup)
    slim(sheet)
    for cell, given, is_test in zip(sheet.cells, about, tests, strict=True):
        if given:
            cell.metadata["nbgrader"] = CELL | {"locked": is_test} | given
    return sheet


def _id(cell: Any) -> str | None:
    """Name that nbgrader knows a cell by."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def settings(course: Path) -> Config:
    """Return what `nbgrader_config.py` of a course says."""
    return PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()


def build(course: Path, seed: int) -> NbGraderAPI:
    """Write sources and settings into a course folder and generate the students' versions.

    Submissions and grades in the folder stay.

    Raises
    ------
    RuntimeError
        With nbgrader's log, when it refuses an assignment.
    """
    # nbgrader calls `alembic` by name, which lies beside the Python that runs this.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    course.mkdir(parents=True, exist_ok=True)
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", course)
    grader = NbGraderAPI(config=settings(course))
    for name in names():
        write(notebook(name, seed), course / "source" / name / f"{name}.ipynb")
        result = grader.generate_assignment(name)
        if not result["success"]:
            raise RuntimeError(f"{name}: {result.get('error') or ''}\n{result['log']}")
    return grader


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("course", nargs="?", type=Path, default=COURSE, help="folder of the course")
    course = parser.parse_args().course.expanduser().resolve()
    seed = read_seed()
    try:
        build(course, seed)
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    where = course.relative_to(ROOT) if course.is_relative_to(ROOT) else course
    print(f"{len(names())} assignments with seed {seed}: {where / 'release'}")


if __name__ == "__main__":
    main()
