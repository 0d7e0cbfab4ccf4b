"""Settings of the nbgrader course; `make assignments` copies this file into the course folder."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from nbgrader.converters import Autograde
from nbgrader.preprocessors import NbGraderPreprocessor

COURSE = Path(__file__).resolve().parent
# Characters that a cell may print, and a line of a traceback may have, before it is cut.
MOST_PRINTED = 50_000


class AsReleased(NbGraderPreprocessor):
    """Give each cell the metadata it was released with, and put missing locked cells back.

    Students copy cells, delete them, retype them, and use editors that keep the metadata in part.
    nbgrader stops at the first such notebook, and with it the grading of everyone after it.
    """

    def preprocess(self, sheet, resources):
        """Return the notebook with every known cell once, and no other metadata of nbgrader."""
        name = resources["nbgrader"]["notebook"]
        path = COURSE / "release" / resources["nbgrader"]["assignment"] / f"{name}.ipynb"
        released = nbformat.read(path, as_version=4)
        copies = {}
        for cell in sheet.cells:
            grade_id = cell.metadata.pop("nbgrader", {}).get("grade_id")
            copies.setdefault(grade_id, []).append(cell)
        place = len(sheet.cells)
        for cell in reversed(released.cells):
            about = cell.metadata.get("nbgrader")
            if about is None:
                continue
            # Of several copies the last that was worked on: it is what runs last.
            known = copies.get(about["grade_id"], [])
            known.sort(key=lambda copy, stub=cell.source: copy.source != stub)
            if known:
                known[-1].metadata["nbgrader"] = about
                place = min(place, sheet.cells.index(known[-1]))
            elif about["grade"] or about["locked"]:
                sheet.cells.insert(place, cell)
        return sheet, resources


class Shorten(NbGraderPreprocessor):
    """Cut what a cell prints: 40 MB in the gradebook and on a page of feedback help nobody."""

    def preprocess_cell(self, cell, resources, index):
        """Return the cell with its outputs cut."""
        left = MOST_PRINTED
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and len(output.text) > left:
                output.text = output.text[:left] + "\n... cut ...\n"
            if output.output_type == "stream":
                left = max(0, left - len(output.text))
            if output.output_type == "error":
                output.evalue = output.evalue[:MOST_PRINTED]
                output.traceback = [line[:MOST_PRINTED] for line in output.traceback]
        return cell, resources


class OfflineFeedback(HTMLExporter):
    """A page of feedback that holds its own MathJax, so that formulas need no network."""

    def from_notebook_node(self, sheet, resources=None, **options):
        """Return the page, with what it would fetch written into it."""
        page, resources = super().from_notebook_node(sheet, resources, **options)
        package = Path(find_spec("sphinx-mathjax-offline").origin).parent
        script = (package / "static" / "mathjax" / "tex-svg-full.js").read_text(encoding="utf-8")
        settings = {"tex": {"inlineMath": [["$", "$"], ["\\(", "\\)"]], "processEscapes": True}}
        own = f"<script>MathJax = {json.dumps(settings)}</script><script>{script}</script>"
        fetched = r"<!-- Load mathjax -->.*<!-- End of mathjax configuration -->"
        page, count = re.subn(fetched, lambda _: own, page, flags=re.DOTALL)
        if count != 1:
            raise ValueError("nbgrader's page of feedback loads MathJax in another way than it did")
        return page, resources


def keep_name(assignment, student, notebooks):
    """Give a notebook that stands alone in its folder its name back: browsers add ` (1)`."""
    if len(notebooks) == 1:
        handed_in = Path(notebooks[0])
        notebooks[0] = str(handed_in.rename(handed_in.with_stem(handed_in.parent.name)))


c = get_config()  # noqa: F821 (nbgrader puts it there)

c.CourseDirectory.course_id = "mecllm"
# nbgrader wants an absolute path; the course is where this file is.
c.CourseDirectory.root = str(COURSE)
# The slowest correct cell takes a few seconds; a search that does not end takes this long.
c.Execute.timeout = 60
# Much output, or a busy machine, is no reason to give up the notebook after four seconds.
c.Execute.iopub_timeout = 60
# nbgrader takes anything on the error channel for a wrong answer: a warning, a progress bar.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"\A"
c.Autograde.pre_convert_hook = keep_name
_steps = Autograde.class_traits()
c.Autograde.sanitize_preprocessors = [AsReleased, *_steps["sanitize_preprocessors"].default()]
c.Autograde.autograde_preprocessors = [*_steps["autograde_preprocessors"].default(), Shorten]
c.GenerateFeedback.exporter_class = OfflineFeedback
