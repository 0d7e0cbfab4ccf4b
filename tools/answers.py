"""The book as a teacher hands it out: exercises without solutions, and the answers in a file.

In a chapter, an exercise and its solution stand between directives of sphinx-exercise. On another
page, what only teachers should read stands between the comments `% teachers` and `% everyone`.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell

from tools.notebooks import slim

# ```{solution-start} ex-model-phone, its options, and the closing fence.
MARK = re.compile(
    r"^(?P<fence>`{3,})\{(?P<what>exercise|solution)-(?P<edge>start|end)\} *(?P<title>[^\n]*)\n"
    r"(?:[^\n]*\n)*?(?P=fence)$",
    re.MULTILINE,
)
HEADINGS = {"exercise-start": "## {}", "solution-start": "**Answer**"}
TEACHERS = re.compile(r"^% teachers\n.*?^% everyone\n", re.DOTALL | re.MULTILINE)


def _cut(sheet: Any) -> Iterator[tuple[str, Any]]:
    """Cut a chapter into cells that belong to "chapter", "exercise" or "solution" as a whole."""
    where = "chapter"
    for cell in sheet.cells:
        done = 0
        for mark in MARK.finditer(cell.source if cell.cell_type == "markdown" else ""):
            yield where, new_markdown_cell(cell.source[done : mark.start()].strip())
            if where != ("chapter" if mark["edge"] == "start" else mark["what"]):
                raise ValueError(f"{mark[0]!r} stands inside {where!r}")
            yield mark["what"], new_markdown_cell(mark[0])
            where = mark["what"] if mark["edge"] == "start" else "chapter"
            done = mark.end()
        rest = deepcopy(cell)
        rest.source = cell.source[done:].lstrip("\n") if done else cell.source
        yield where, rest
    if where != "chapter":
        raise ValueError(f"the last {where} does not end")


def _heading(mark: re.Match[str]) -> str:
    return HEADINGS.get(f"{mark['what']}-{mark['edge']}", "").format(mark["title"])


def _keep(sheet: Any, *places: str) -> Any:
    kept = deepcopy(sheet)
    kept.cells = [cell for where, cell in _cut(sheet) if where in places and cell.source]
    return slim(kept)


def without_solutions(sheet: Any) -> Any:
    """Return a chapter with its exercises and without their solutions.

    Raises
    ------
    ValueError
        When an exercise or a solution starts in another one, or does not end.
    """
    return _keep(sheet, "chapter", "exercise")


def answers(sheet: Any, name: str) -> Any:
    """Return the exercises of a chapter with their solutions, as a notebook to read."""
    found = _keep(sheet, "exercise", "solution")
    for cell in found.cells:
        if cell.cell_type == "markdown":
            cell.source = MARK.sub(_heading, cell.source)
    title = re.search(r"^# (.*)$", sheet.cells[0].source, re.MULTILINE)
    if title is None:
        raise ValueError(f"{name} has no title")
    head = f"# {title[1]}: answers\n\nThe code goes on where the chapter `{name}.ipynb` ends."
    found.cells = [new_markdown_cell(head), *(cell for cell in found.cells if cell.source)]
    return slim(found)


def withhold(book: Path, target: Path) -> None:
    """Take the solutions out of a copy of the book, and write them into a zip file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(book.glob("*.ipynb")):
            sheet = nbformat.read(path, as_version=4)
            found = answers(sheet, path.stem)
            if len(found.cells) > 1:
                file.writestr(f"{target.stem}/{path.name}", nbformat.writes(found))
            nbformat.write(without_solutions(sheet), path)
    for path in sorted(book.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        path.write_text(TEACHERS.sub("", text), encoding="utf-8")
