"""Settings of the nbgrader course; `make assignments` copies this file into the course folder."""

from pathlib import Path

c = get_config()  # noqa: F821 (nbgrader puts it there)

c.CourseDirectory.course_id = "mecllm"
# nbgrader wants an absolute path; the course is where this file is.
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
# The slowest correct cell takes a few seconds; a search that does not end takes this long.
c.Execute.timeout = 60
