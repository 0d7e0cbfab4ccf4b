"""Printing needs LaTeX, which nobody must have: without it, one message says what is missing."""

import subprocess
import sys

import pytest

from tests.book import ROOT
from tools import pdf


def test_without_latex_one_message_names_what_is_missing(tmp_path):
    command = [sys.executable, "-m", "tools.pdf"]
    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for name in (*pdf.PROGRAMS, *pdf.DEBIAN):
        assert name in done.stderr


def test_readme_names_the_packages():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"`apt-get install --no-install-recommends {' '.join(pdf.DEBIAN)}`" in text


FAKE = """#!{python}
import pathlib, sys
pathlib.Path("book.log").write_text({log!r})
pathlib.Path("book.pdf").write_text("printed")
sys.exit({code})
"""


@pytest.fixture
def latexmk(tmp_path, monkeypatch):
    """A LaTeX that says and ends as the test wants."""

    def fake(log, code=0):
        program = tmp_path / "bin" / "latexmk"
        program.parent.mkdir()
        program.write_text(FAKE.format(python=sys.executable, log=log, code=code))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        monkeypatch.setattr(pdf, "ROOT", tmp_path)
        (tmp_path / "book.tex").touch()
        return tmp_path

    return fake


@pytest.mark.parametrize(
    "fault",
    [
        "Missing character: There is no χ (U+03C7) in font [FreeMono.otf]",
        "LaTeX Warning: Reference `claim' on page 3 undefined on input line 7.",
        "LaTeX Warning: Hyper reference `02-model:gone' on page 3 undefined on input line 7.",
    ],
)
def test_what_the_reader_would_miss_is_an_error(latexmk, fault):
    with pytest.raises(SystemExit, match="would lack") as stop:
        pdf.typeset(latexmk(f"before\n{fault}\nafter\n"))
    assert fault in str(stop.value)


def test_an_error_of_latex_is_shown(latexmk):
    with pytest.raises(SystemExit, match=r"(?s)book\.log.*Undefined control sequence.*l\.12"):
        pdf.typeset(latexmk("x\n! Undefined control sequence.\n\\foo\n\nl.12 \\foo\n", code=12))


def test_a_clean_run_gives_the_file(latexmk):
    assert pdf.typeset(latexmk("Output written on book.pdf")).read_text() == "printed"
