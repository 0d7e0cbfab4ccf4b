"""Every numbered equation of the paper has a verdict, and every evidence exists."""

import json
import re

import pytest

from mecllm.errors import ScenarioError
from mecllm.study import entries as ledger
from mecllm.theory.letters import readings
from mecllm.theory.printed import PRINTED
from tests.book import BOOK

PAPER = {str(n) for n in range(1, 52)} | {f"A.{n}" for n in range(1, 19)}


def labels(chapter):
    cells = json.loads((BOOK / f"{chapter}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    return set(re.findall(r"^\(([\w-]+)\)=", text, re.MULTILINE)) | set(
        re.findall(r"^:(?:label|name): *([\w-]+)", text, re.MULTILINE)
    )


def assert_exists(evidence):
    """A place in the book, so that a reader can follow it."""
    chapter, _, label = evidence.partition("#")
    assert label in labels(chapter), evidence


def test_every_numbered_equation_has_one_row():
    numbers = [row.number for row in ledger.equations()]
    assert len(numbers) == len(set(numbers))
    whole = {re.sub(r"(?<=\d)[a-z]$", "", number) for number in numbers}
    assert whole >= PAPER


@pytest.mark.parametrize("row", ledger.equations(), ids=lambda row: row.number)
def test_evidence_of_each_equation_exists(row):
    assert_exists(row.evidence)


@pytest.mark.parametrize("row", ledger.errata(), ids=lambda row: row.id)
def test_evidence_of_each_erratum_exists(row):
    assert_exists(row.evidence)


def test_every_fault_of_the_audit_is_listed():
    listed = {re.match(r"F\d+", row.id)[0] for row in ledger.errata()}
    assert listed >= {f"F{n}" for n in range(1, 17)}


def test_readings_stand_beside_their_equations():
    """Words in the table and readings of the transcription are of the same equations."""
    written = {row.number for row in ledger.equations() if row.reading != "as printed"}
    undone = {number for reading in readings() for number in reading.numbers}
    assert written & PRINTED.keys() == undone - {"v#"}  # the text assigns v#, without a number


def test_a_row_without_a_verdict_is_refused(tmp_path, monkeypatch):
    text = "number,section,statement,reading,verdict,evidence\n13,4.1,K,as printed,,05-a#x\n"
    (tmp_path / "equations.csv").write_text(text, encoding="utf-8")
    monkeypatch.setattr(ledger, "data_path", tmp_path.joinpath)
    with pytest.raises(ScenarioError, match="13: verdict"):
        ledger.equations()
