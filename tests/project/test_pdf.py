"""Printing needs LaTeX, which nobody must have: without it, one message says what is missing."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.book import ROOT
from tools import pdf

SPEC = importlib.util.spec_from_file_location("printed", ROOT / "book" / "_ext" / "printed.py")
printed = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(printed)


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


# By way of the shell, as the path of an interpreter may hold a space.
FAKE = """#!/bin/sh
exec "{python}" - <<'END'
import pathlib, sys
pathlib.Path("book.log").write_text({log!r})
pathlib.Path("book.pdf").write_text("printed")
sys.exit({code})
END
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
        source = tmp_path / "book.tex"
        source.touch()
        return source

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


def test_a_table_of_html_keeps_every_cell():
    html = """<p><select><option>all</option></select></p><table>
    <thead><tr><th></th><th>x</th><th>where</th></tr></thead>
    <tbody><tr><th rowspan="2">both</th><td>1<br>2</td>
    <td><a href="02-model.html#a">02</a></td></tr>
    <tr><td>3</td><td><code>f_n</code></td></tr></tbody></table>"""
    cells = printed.Cells(html)
    texts = [[text.replace(printed.BREAK, "") for text in column] for column in
             printed.columns(cells.table())]  # fmt: skip
    assert texts == [["", "both", ""], ["x", "1 2", "3"], ["where", "02", "f_n"]]
    (link,) = cells.table().findall(lambda node: "refuri" in getattr(node, "attributes", {}))
    assert link["refuri"] == "%02-model#a"


def test_columns_fit_the_line_and_cut_no_word():
    assert printed.specification([["track", "a"], ["gap", "0.5"]]) == "lr"
    texts = [["T10"], ["holds only if"], ["word " * 80], ["certificate " * 3]]
    parts = [
        tuple(map(int, part))
        for part in re.findall(r"\\Y\{(\d+)\}\{(\d+)\}", printed.specification(texts))
    ]
    assert sum(part for part, _ in parts) == parts[0][1]
    for column, (part, whole) in zip(texts, parts, strict=True):
        longest = max(map(len, column[0].split()))
        assert part / whole * printed.LINE >= longest + printed.SEPARATION
    assert parts[2][0] == max(part for part, _ in parts)


def test_the_report_has_sections_under_one_title():
    book = r"\sphinxmaketitle \sphinxtableofcontents \part{One} \chapter{Two} \section{Three}"
    report = pdf.as_report(book)
    assert r"\section*{One} \subsection*{Two} \subsection*{Three}" in report
    assert "sphinx" not in report


def test_links_lead_to_the_row_of_a_table():
    rows = '<tr id="claim-t1"><td>T1</td><td>x</td></tr><tr><td>T2</td></tr>'
    html = f"<table><tbody>{rows}</tbody></table>"
    (target,) = printed.Cells(html).table().findall(printed.nodes.target)
    assert target["ids"] == ["claim-t1"]
