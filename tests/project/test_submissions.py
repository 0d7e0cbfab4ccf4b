"""Twenty notebooks as students really hand them in, through nbgrader's own cycle at once."""

import csv
import re
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin

from tests.handed_in import HANDED_IN
from tests.project.test_assignments import about, solution
from tools.assignments import build, notebook

NAME = "02-clock"
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg-full.js"
GRADED = {who: case.loses for who, case in HANDED_IN.items() if case.loses is not None}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course in which everyone has handed in, and everything has been graded."""
    folder = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.assignments.names", lambda: [NAME])
        grader = build(folder, 2024)
    grader.config.Execute.startup_timeout = 600
    # Only the loop is cut off early: on a busy machine any other cell may take its time.
    grader.config.Execute.timeout_func = lambda cell: 3 if "while True" in cell.source else 600
    source = notebook(NAME, 2024)
    for who, case in HANDED_IN.items():
        sheet = nbformat.read(folder / "release" / NAME / f"{NAME}.ipynb", as_version=4)
        for cell, model in zip(sheet.cells, source.cells, strict=True):
            if about(cell).get("solution") and cell.cell_type == "code":
                cell.source = solution(model)
        case.change(sheet)
        path = folder / "submitted" / who / NAME / case.file
        path.parent.mkdir(parents=True)
        nbformat.write(sheet, path)
    (folder / "submitted" / "no notebook" / NAME / f"{NAME}.ipynb").write_text("")
    return folder, grader, grader.autograde(NAME, "*")


@pytest.fixture(scope="module")
def grades(course):
    """Points, and whether a teacher is waited for, of each test and student."""
    with Gradebook(course[1].coursedir.db_url, course[1].coursedir.course_id) as book:
        found = {who: book.find_submission(NAME, who).notebooks[0].grades for who in HANDED_IN}
        return {
            who: {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in found[who]}
            for who in found
        }


def test_there_are_twenty():
    assert len(HANDED_IN) >= 20


@pytest.mark.parametrize("who", GRADED)
def test_marks(who, grades):
    source = notebook(NAME, 2024)
    full = {about(c)["grade_id"]: about(c)["points"] for c in source.cells if "points" in about(c)}
    del full["written"]
    expected = {test: 0 if test in GRADED[who] else most for test, most in full.items()}
    assert {test: grades[who][test][0] for test in full} == expected


def test_a_teacher_reads_what_was_written_and_only_that(grades):
    """An answer in either copy of the cell waits for the teacher; a blank one has its zero."""
    assert {who for who in GRADED if grades[who]["written"][1]} == {"copied question"}


def test_what_cannot_be_graded_is_named_and_has_no_grade(course, grades):
    result = course[2]
    named = set(re.findall(r"processing assignment '02-clock' for student '(.*)'", result["log"]))
    assert named == HANDED_IN.keys() - GRADED.keys(), result["log"]
    assert not result["success"]
    for who in named:
        assert {points for points, _ in grades[who].values()} == {None}


def test_the_export_holds_a_zero_for_it_all_the_same(course):
    """The page for instructors warns of that."""
    folder, grader, _ = course
    with Gradebook(grader.coursedir.db_url, grader.coursedir.course_id) as book:
        CsvExportPlugin(to=str(folder / "grades.csv")).export(book)
    with (folder / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert rows["killed"] == 0
    assert rows["åsa_müller"] == 22


def test_feedback_is_one_short_page_that_needs_no_network(course):
    """It shows the hidden tests, and the page for instructors says so."""
    folder, grader, _ = course
    for who in ("forty megabytes", "åsa_müller"):
        result = grader.generate_feedback(NAME, who)
        assert result["success"], result
        page = (folder / "feedback" / who / NAME / f"{NAME}.html").read_text(encoding="utf-8")
        assert len(page) < 4_000_000  # of which MathJax is 2.3
        text = page.replace(MATHJAX.read_text(encoding="utf-8"), "")
        assert len(text) < len(page)
        assert not re.search(r"\bsrc=|<link|@import|url\([\"']?http", text)
        assert "BEGIN HIDDEN TESTS" in re.sub("<[^>]*>", "", text)
