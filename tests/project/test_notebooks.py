"""Every chapter is stored executed, clean and readable; nbval then compares what it stores."""

import csv
import json
import re

import pytest

from tests.book import BOOK, ROOT, chapters
from tests.order import LONGEST
from tools.book import longest_first

FORBIDDEN = {
    "memory address": re.compile(r"\b0x[0-9a-f]{6,}"),
    "absolute path": re.compile(r"(?<![\w.:/<])/(home|root|tmp|usr|work|Users|var|opt|private)/\S"),
    "Windows path": re.compile(r"\b[A-Z]:\\"),
    "not a number": re.compile(r"\bnan\b|>NaN<"),  # of Python and NumPy; of a table of pandas
    "traceback": re.compile(r"Traceback \(most recent call last\)"),
}
# A chapter shows a picture once, at a readable size; more than this is a mistake in the resolution.
LARGEST_IMAGE = 600_000


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"])]


def texts(cell):
    """Everything readable that a cell has put out."""
    for output in cell["outputs"]:
        yield "".join(output.get("text", ""))
        for kind, content in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield content if isinstance(content, str) else "".join(map(str, content))


def images(cell):
    return [
        content
        for output in cell["outputs"]
        for kind, content in output.get("data", {}).items()
        if kind.startswith("image/")
    ]


each_chapter = pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)


def test_every_notebook_is_a_chapter():
    assert sorted(BOOK.rglob("[!.]*.ipynb")) == sorted(chapters())


@each_chapter
def test_is_executed_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    assert counts


@each_chapter
def test_has_no_error_and_no_warning(path):
    for cell in code_cells(path):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output["text"]


@each_chapter
@pytest.mark.parametrize("what", FORBIDDEN)
def test_outputs_hold_on_every_machine(path, what):
    for cell in code_cells(path):
        for text in texts(cell):
            assert not FORBIDDEN[what].search(text), what


@each_chapter
def test_every_picture_is_a_described_png(path):
    for cell in code_cells(path):
        kinds = {k for o in cell["outputs"] for k in o.get("data", {}) if k.startswith("image/")}
        assert kinds <= {"image/png"}
        if kinds:
            about = cell["metadata"].get("mystnb", {})
            assert len(about.get("image", {}).get("alt", "")) > 20, cell["source"]
            assert len(about.get("figure", {}).get("caption", "")) > 20, cell["source"]
            assert max(map(len, images(cell))) < LARGEST_IMAGE
        for text in texts(cell):
            assert all("alt=" in tag for tag in re.findall(r"<img\b[^>]*>", text))


@each_chapter
def test_metadata_is_slim(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info", "mystnb", "myst"}
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags", "mystnb"}


def test_files_that_are_run_first_are_there():
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []


def test_the_longest_chapter_is_built_first():
    order = [path.stem for path in longest_first([*chapters(), BOOK / "new.ipynb"])]
    with (BOOK / "_data" / "times.csv").open(encoding="utf-8", newline="") as file:
        seconds = {row["chapter"]: int(row["seconds"]) for row in csv.DictReader(file)}
    # Which one is longest hangs on the measurement, and two may tie.
    assert order[0] == "new"
    assert [seconds[name] for name in order[1:]] == sorted(seconds.values(), reverse=True)
    assert sorted(order[1:]) == sorted(path.stem for path in chapters())
