"""The book for students holds no solution, and the file for the teacher holds them all."""

import subprocess
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.book import BOOK, ROOT, chapters
from tools.answers import answers, withhold, without_solutions

EXERCISE = (
    "Before.\n\n```{exercise-start} Count\n:label: ex\n```\nHow many?\n```{exercise-end}\n```"
)
OPEN = "\n\n```{solution-start} ex\n:class: dropdown\n```\nTwo:"
CLOSE = "```{solution-end}\n```\n\nAfter."


def chapter(*cells):
    """A chapter of one title and these cells; strings are Markdown."""
    made = [new_markdown_cell(c) if isinstance(c, str) else c for c in ("# One", *cells)]
    return new_notebook(cells=made)


def text(sheet):
    return "\n".join(cell.source for cell in sheet.cells)


def test_a_solution_goes_with_its_code_and_all_else_stays():
    sheet = chapter(EXERCISE + OPEN, new_code_cell("1 + 1"), CLOSE, new_code_cell("3"))
    public = text(without_solutions(sheet))
    for kept in ("# One", "Before.", ":label: ex", "How many?", "{exercise-end}", "After.", "3"):
        assert kept in public
    for gone in ("solution", "Two", "1 + 1"):
        assert gone not in public
    assert text(sheet).count("solution") == 2  # the chapter itself is as it was


def test_answers_are_the_exercise_and_the_solution_in_plain_markdown():
    sheet = chapter(EXERCISE + OPEN, new_code_cell("1 + 1"), CLOSE)
    found = [cell.source for cell in answers(sheet, "01-one").cells]
    assert found[0].startswith("# One: answers")
    assert found[1:] == ["## Count", "How many?", "**Answer**", "Two:", "1 + 1"]


@pytest.mark.parametrize(
    "cells",
    [(EXERCISE + OPEN,), (CLOSE,), (OPEN, EXERCISE, CLOSE)],
    ids=["never ends", "never starts", "one inside another"],
)
def test_what_does_not_fit_together_is_refused(cells):
    with pytest.raises(ValueError, match=r"inside|does not end"):
        without_solutions(chapter(*cells))


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_every_solution_of_the_book_is_in_the_one_file_and_not_in_the_other(path):
    sheet = nbformat.read(path, as_version=4)
    public, worked = text(without_solutions(sheet)), text(answers(sheet, path.stem))
    assert "```{solution" not in public
    assert text(sheet).count("```{exercise-start}") == public.count("```{exercise-start}")
    assert worked.count("**Answer**") == text(sheet).count("```{solution-start}")
    assert worked.count("\n## ") == text(sheet).count("```{exercise-start}")


def test_the_page_for_instructors_keeps_its_rubric_from_students(tmp_path):
    page = (BOOK / "instructors.md").read_text(encoding="utf-8")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "instructors.md").write_text(page, encoding="utf-8")
    nbformat.write(chapter(EXERCISE + OPEN, CLOSE), tmp_path / "book" / "01-one.ipynb")
    nbformat.write(chapter("Nothing to do."), tmp_path / "book" / "02-two.ipynb")
    withhold(tmp_path / "book", tmp_path / "worked.zip")
    public = (tmp_path / "book" / "instructors.md").read_text(encoding="utf-8")
    assert "## Adopting the course" in public
    for kept_back in ("## Common mistakes", "## Rubric", "% teachers"):
        assert kept_back in page
        assert kept_back not in public
    with zipfile.ZipFile(tmp_path / "worked.zip") as file:
        assert file.namelist() == ["worked/01-one.ipynb"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "-m tools.book \n"),
        (["SOLUTIONS=yes"], "-m tools.book \n"),
        (["SOLUTIONS=no"], "-m tools.book --without-solutions\n"),
        (["SOLUTIONS=No"], "SOLUTIONS is yes or no, not No"),
    ],
)
def test_make_leaves_solutions_out_for_no_and_for_nothing_else(given, says):
    made = subprocess.run(
        ["make", "-n", "book", *given], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert says in made.stdout + made.stderr
