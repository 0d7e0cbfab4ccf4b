"""The graded assignments, through nbgrader itself: generate, submit, grade, feedback, export."""

import ast
import builtins
import csv
import dis
import re
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin

from tests.assignment_answers import ALTERNATIVES, MISTAKES
from tools.assignments import ASSIGNMENTS, build, names, notebook, read_seed

NAMES = names()
STUDENTS = ("right", "blank", "wrong")
# What the teacher gives for the written question, as a share of its points.
WRITTEN = {"right": 1.0, "blank": 0.0, "wrong": 0.5}
STUBS = {
    "code": ["# YOUR CODE HERE", "raise NotImplementedError()"],
    "markdown": ["YOUR ANSWER HERE"],
}
each_assignment = pytest.mark.parametrize("name", NAMES)


def about(cell):
    return cell.metadata.get("nbgrader", {})


def solution(cell):
    """A solution cell as a student would have it, without the markers."""
    return "\n".join(line for line in cell.source.split("\n") if " SOLUTION" not in line)


def without_region(source, what):
    """What is left of a cell when its regions go; each leaves one line that marks its place."""
    region = rf"^[ ]*### BEGIN {what}\n.*?^[ ]*### END {what}$"
    return re.sub(region, "<region>", source, flags=re.MULTILINE | re.DOTALL)


def global_names(code):
    """Names that a function and those within it look up outside themselves."""
    loads = {
        i.argval for i in dis.get_instructions(code) if i.opname in {"LOAD_GLOBAL", "LOAD_NAME"}
    }
    return loads.union(*(global_names(c) for c in code.co_consts if hasattr(c, "co_code")))


def points(sheet):
    return sum(about(cell).get("points", 0) for cell in sheet.cells)


def written_points(sheet):
    return sum(about(c).get("points", 0) for c in sheet.cells if about(c).get("solution"))


def mistaken(name, cell):
    source = solution(cell)
    for mistake in MISTAKES[name]:
        if mistake.cell == about(cell)["grade_id"]:
            assert source.count(mistake.right) == 1, mistake
            source = source.replace(mistake.right, mistake.wrong)
    return source


def submit(course, name, student):
    """Take the released notebook, fill in the answers, hand it in."""
    released = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    source = notebook(name, read_seed())
    for cell, model in zip(released.cells, source.cells, strict=True):
        if about(cell).get("solution") and student != "blank":
            cell.source = solution(model) if student == "right" else mistaken(name, model)
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(released, folder / f"{name}.ipynb")


def grade_by_hand(course, grader):
    """Do in the gradebook what a teacher does in nbgrader's form."""
    with Gradebook(grader.coursedir.db_url, grader.coursedir.course_id) as book:
        for name in NAMES:
            for student in STUDENTS:
                for sheet in book.find_submission(name, student).notebooks:
                    for grade in sheet.grades:
                        if grade.cell.cell_type == "markdown":
                            grade.manual_score = WRITTEN[student] * grade.max_score
                            grade.needs_manual_grade = False
        book.db.commit()
        scores = {
            (name, student): {
                grade.name: grade.score
                for sheet in book.find_submission(name, student).notebooks
                for grade in sheet.grades
            }
            for name in NAMES
            for student in STUDENTS
        }
        CsvExportPlugin(to=str(course / "grades.csv")).export(book)
    return scores


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    course = tmp_path_factory.mktemp("a course")  # a name with a space, on purpose
    return course, build(course, read_seed())


@pytest.fixture(scope="module")
def graded(released):
    """Scores of each test cell by (assignment, student), after the whole cycle."""
    course, grader = released
    for name in NAMES:
        for student in STUDENTS:
            submit(course, name, student)
            result = grader.autograde(name, student)
            assert result["success"], result
    scores = grade_by_hand(course, grader)
    for name in NAMES:
        result = grader.generate_feedback(name)
        assert result["success"], result
    return scores


def test_there_are_six_from_easy_to_a_capstone():
    totals = [points(notebook(name, 1)) for name in NAMES]
    assert totals == [25, 25, 25, 25, 25, 35]


@each_assignment
def test_title_tells_aims_points_time_and_what_to_read(name):
    sheet = notebook(name, 1)
    title = sheet.cells[0].source
    for part in ("# ", "**Aims.**", "**Time**", "**Read first**", "**How to work.**"):
        assert part in title
    assert f"**Points** {points(sheet):g}." in title
    headings = "\n".join(c.source for c in sheet.cells if c.source.startswith("## Task"))
    assert sum(map(int, re.findall(r"^## .*\((\d+) points", headings, re.M))) == points(sheet)
    assert written_points(sheet) > 0


@each_assignment
def test_released_notebook_is_the_source_but_for_solutions_and_hidden_tests(name, released):
    path = released[0] / "release" / name / f"{name}.ipynb"
    stub, source = nbformat.read(path, as_version=4), notebook(name, read_seed())
    assert len(stub.cells) == len(source.cells)
    for ours, theirs in zip(source.cells, stub.cells, strict=True):
        expected, found = ours.source, theirs.source
        if about(ours).get("solution"):
            expected = without_region(expected, "SOLUTION")
            assert "<region>" in expected
            lines = [r"[ ]*" + re.escape(line) for line in STUBS[ours.cell_type]]
            found = re.sub("^" + "\n".join(lines) + "$", "<region>", found, flags=re.MULTILINE)
        elif about(ours).get("grade"):
            expected = without_region(expected, "HIDDEN TESTS").replace("\n<region>", "")
        assert found.split("\n") == expected.split("\n")
        assert not theirs.get("outputs")
    assert not re.search("(BEGIN|END) (SOLUTION|HIDDEN)", path.read_text(encoding="utf-8"))


@each_assignment
def test_needs_nothing_but_mecllm_and_what_it_needs(name):
    allowed = {"mecllm", "numpy", "scipy"} | set(sys.stdlib_module_names)
    for cell in notebook(name, 1).cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    assert {a.name.partition(".")[0] for a in node.names} <= allowed
                elif isinstance(node, ast.ImportFrom):
                    assert (node.module or "").partition(".")[0] in allowed


@each_assignment
def test_right_answers_get_all_points(name, graded):
    source = notebook(name, 1)
    full = {about(c)["grade_id"]: about(c)["points"] for c in source.cells if "points" in about(c)}
    assert graded[name, "right"] == full


@each_assignment
def test_blank_answers_get_none(name, graded):
    assert set(graded[name, "blank"].values()) == {0}


@each_assignment
def test_wrong_answers_lose_the_points_of_their_tests_and_no_others(name, graded):
    noticed = {test for mistake in MISTAKES[name] for test in mistake.fails}
    right, wrong = graded[name, "right"], graded[name, "wrong"]
    assert {k for k in right if wrong[k] == 0} == noticed
    assert {k for k in right if wrong[k] != right[k]} == noticed | {"written"}


def test_exported_grades_are_full_zero_and_partial(graded, released):
    with (released[0] / "grades.csv").open(encoding="utf-8") as file:
        rows = {(row["assignment"], row["student_id"]): row for row in csv.DictReader(file)}
    assert len(rows) == len(NAMES) * len(STUDENTS)
    for name in NAMES:
        full = points(notebook(name, 1))
        score = {student: float(rows[name, student]["score"]) for student in STUDENTS}
        assert float(rows[name, "right"]["max_score"]) == score["right"] == full
        assert score["blank"] == 0
        assert score["wrong"] == sum(graded[name, "wrong"].values())
        assert 0.2 * full < score["wrong"] < 0.9 * full


@each_assignment
def test_a_test_reaches_nothing_of_a_student_but_the_answer(name):
    """Whatever else it names is its own, or Python's: another `close` or `network` does no harm."""
    sheet = notebook(name, 1)
    answers = {
        node.name
        for cell in sheet.cells
        if about(cell).get("solution") and cell.cell_type == "code"
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.FunctionDef)
    }
    for cell in sheet.cells:
        if about(cell).get("locked") and about(cell)["grade"]:
            (check,) = compile(cell.source, "test", "exec").co_consts[:1]
            assert set(global_names(check)) <= answers | set(dir(builtins)), about(cell)["grade_id"]


@each_assignment
@pytest.mark.parametrize("student", STUDENTS)
def test_feedback_is_a_page_with_the_score(name, student, graded, released):
    page = (released[0] / "feedback" / student / name / f"{name}.html").read_text(encoding="utf-8")
    score = sum(graded[name, student].values())
    assert f"(Score: {score} / {float(points(notebook(name, 1)))})" in page


def run(sheet):
    """Run the cells in this process; a failing test raises."""
    space = {"__name__": "submission"}
    for cell in sheet.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, about(cell).get("grade_id", "cell"), "exec"), space)


@each_assignment
def test_model_solutions_hold_in_another_year(name):
    run(notebook(name, read_seed() + 1))


@each_assignment
def test_any_correct_answer_counts(name):
    sheet = notebook(name, read_seed() + 2)
    answers = dict(ALTERNATIVES[name])
    for cell in sheet.cells:
        cell.source = answers.pop(about(cell).get("grade_id"), cell.source)
    assert not answers
    run(sheet)


def test_years_differ_by_one_number():
    """It stands in the setup, and in the setup of every test."""
    first, second = notebook(NAMES[0], 1), notebook(NAMES[0], 2)
    for ours, theirs in zip(first.cells, second.cells, strict=True):
        own = about(ours).get("grade_id") == "setup" or about(ours).get("locked", False)
        assert ours.source.count("SEED = 1\n") == own
        assert ours.source.replace("SEED = 1\n", "SEED = 2\n") == theirs.source


def test_a_source_without_a_seed_is_refused(tmp_path, monkeypatch):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x.py").write_text("# %%\nSEED = 3\n")
    monkeypatch.setattr("tools.assignments.ASSIGNMENTS", tmp_path)
    with pytest.raises(ValueError, match=r"0 lines `SEED = \.\.\.`"):
        notebook("x", 1)


def test_the_course_root_is_absolute(released):
    course, grader = released
    assert grader.coursedir.root == str(course.resolve())
    assert (ASSIGNMENTS / "nbgrader_config.py").read_text() == (
        course / "nbgrader_config.py"
    ).read_text()
