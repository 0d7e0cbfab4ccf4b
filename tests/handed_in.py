"""What students do to a notebook before they hand it in, and the tests that it may cost them.

Each entry of `HANDED_IN` takes the notebook of a student who solved the second set without a fault,
and changes it. `None` instead of a set of tests says that nbgrader cannot grade what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

from nbformat.v4 import new_code_cell


class HandedIn(NamedTuple):
    """A change of the notebook in place, the tests it loses, and the file's name."""

    change: Callable[[Any], object]
    loses: frozenset[str] | None = frozenset()
    file: str = "02-clock.ipynb"


def place(sheet, grade_id):
    """Index of a cell."""
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in sheet.cells]
    return ids.index(grade_id)


def cell(sheet, grade_id):
    return sheet.cells[place(sheet, grade_id)]


def drop(sheet, *grade_ids):
    for grade_id in grade_ids:
        del sheet.cells[place(sheet, grade_id)]


def write(sheet, before, source):
    """Put a cell of the student's own before another one."""
    sheet.cells.insert(place(sheet, before), new_code_cell(source))


def mistake(sheet):
    """Forget the factor two of the derivative."""
    cell(sheet, "price").source = cell(sheet, "price").source.replace("2 * kappa", "kappa")


def own_close(sheet):
    write(sheet, "best-clock", "def close(one, two):\n    return abs(one - two) < 1e-9")


def everything_is_close(sheet):
    mistake(sheet)
    write(sheet, "test-price", "close = lambda *a: True\ncheck = print")


def variables(sheet):
    write(sheet, "test-best-clock", "network = 3\nScenario = user_frequency = SEED = None")
    write(sheet, "test-deadline", "rng = rng.uniform(size=5)")


def old_attempt(sheet):
    """Keep a wrong attempt in a copy of the cell, above the right one."""
    copy = deepcopy(cell(sheet, "price"))
    copy.source = copy.source.replace("2 * kappa", "kappa")
    sheet.cells.insert(place(sheet, "price"), copy)


def copied_question(sheet):
    """Answer in the first of two copies of the cell for the text."""
    sheet.cells.append(deepcopy(cell(sheet, "written")))
    cell(sheet, "written").source = "Four times; no; static power."


def copied_test(sheet):
    sheet.cells.append(deepcopy(cell(sheet, "test-front")))


def retyped(sheet):
    """The answer typed into a cell of the student's own, nbgrader's cells thrown away."""
    source = cell(sheet, "front").source
    write(sheet, "front", source)
    drop(sheet, "front", "test-front")


def as_text(sheet):
    """Turn a cell of code into Markdown by a slip of the finger (the key M)."""
    for grade_id in ("front", "test-front"):
        found = cell(sheet, grade_id)
        found.cell_type = "markdown"
        del found["outputs"], found["execution_count"]


def edited_test(sheet):
    mistake(sheet)
    cell(sheet, "test-price").source = "assert True"


def another_kernel(sheet):
    sheet.metadata["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    sheet.metadata["language_info"] = {"name": "R"}


def colab(sheet):
    """Colab knows no ids of cells, writes its own, and mounts a drive."""
    sheet.nbformat_minor = 0
    sheet.metadata["colab"] = {"provenance": []}
    write(sheet, "setup", "from google.colab import drive\ndrive.mount('/content/drive')")
    for number, found in enumerate(sheet.cells):
        found.pop("id", None)
        found.metadata |= {"id": f"c{number}", "outputId": f"o{number}"}


def half_the_metadata(sheet):
    """Keep of nbgrader's metadata the name alone, as an older editor does."""
    for found in sheet.cells:
        if "nbgrader" in found.metadata:
            found.metadata["nbgrader"] = {"grade_id": found.metadata["nbgrader"]["grade_id"]}


def endless(sheet):
    """A loop that does not end, above the answer."""
    loop = "import time\n\nwhile True:\n    time.sleep(0.1)\n\n"
    cell(sheet, "front").source = loop + cell(sheet, "front").source


def forty_megabytes(sheet):
    write(
        sheet, "price", "print('x' * 20_000_000)\nfor _ in range(20):\n    print('y' * 1_000_000)"
    )


def error_channel(sheet):
    """A warning and a progress bar."""
    source = cell(sheet, "front").source
    note = (
        "    import sys, warnings\n    warnings.warn('slow')\n    print('9 %', file=sys.stderr)\n"
    )
    head, body = source.split('"""\n', 1)
    cell(sheet, "front").source = f'{head}"""\n{note}{body}'


def unfinished(sheet):
    """A slip of the syntax in one answer, a question to the user, an error at the top."""
    cell(sheet, "price").source += "\n)"
    write(sheet, "setup", "raise RuntimeError('first')")
    write(sheet, "price", "name = input('Who is there?')")


def killed(sheet):
    write(sheet, "price", "import os\nos._exit(1)")


def nothing(sheet):
    """Leave the notebook as it is."""


PRICE, FRONT = frozenset({"test-price"}), frozenset({"test-front"})
HANDED_IN = {
    "åsa_müller": HandedIn(nothing),
    "own close": HandedIn(own_close),
    "always close": HandedIn(everything_is_close, PRICE),
    "own variables": HandedIn(variables),
    "old attempt": HandedIn(old_attempt),
    "copied question": HandedIn(copied_question),
    "copied test": HandedIn(copied_test),
    "deleted test": HandedIn(lambda sheet: drop(sheet, "test-price")),
    "deleted setup": HandedIn(lambda sheet: drop(sheet, "setup", "written")),
    "deleted task": HandedIn(lambda sheet: drop(sheet, "price", "test-price"), PRICE),
    "retyped": HandedIn(retyped),
    "as text": HandedIn(as_text),
    "edited test": HandedIn(edited_test, PRICE),
    "another kernel": HandedIn(another_kernel),
    "colab": HandedIn(colab),
    "half the metadata": HandedIn(half_the_metadata),
    "renamed": HandedIn(nothing, file="02-clock (1).ipynb"),
    "endless": HandedIn(endless, FRONT),
    "forty megabytes": HandedIn(forty_megabytes),
    "error channel": HandedIn(error_channel),
    "unfinished": HandedIn(unfinished, PRICE),
    "killed": HandedIn(killed, None),
    "no notebook": HandedIn(nothing, None),
}
