"""Every sentence has a row of the ledger or a reason, and every claim has a sentence."""

import pytest

from mecllm.errors import ScenarioError
from mecllm.study import coverage as module
from mecllm.study.coverage import LEFT_OUT, SECTIONS, sentences
from mecllm.study.html import sentence_table
from mecllm.study.ledgers import ledger

# A quarter of a sentence at most: enough to find it, too little to stand for it.
MOST_WORDS = 12


def test_every_section_is_read():
    read = sentences()
    assert list(dict.fromkeys(s.section for s in read)) == list(SECTIONS)
    assert len({(s.section, s.begins) for s in read}) == len(read)
    assert all(len(s.begins.split()) <= MOST_WORDS for s in read)


def test_every_claim_of_the_paper_is_named_by_a_sentence():
    named = {claim for s in sentences() for claim in s.claims}
    ours = {claim.id for claim in ledger() if claim.where.startswith("This book")}
    assert {claim.id for claim in ledger()} - named == ours == {"T5"}


def test_every_reason_is_used():
    assert {s.left_out for s in sentences()} == {"", *LEFT_OUT}


HEAD = "section,begins,claims,left_out\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("9,Words,T1,", "section"),
        ("1,Words,T999,", "T999"),
        ("1,Words,,", "left_out"),
        ("1,Words,,whim", "whim"),
        ("1,Words,T1,setting", "setting"),
    ],
)
def test_a_faulty_sentence_is_refused(tmp_path, monkeypatch, row, message):
    (tmp_path / "sentences.csv").write_text(HEAD + row + "\n", encoding="utf-8")
    monkeypatch.setattr(module, "data_path", tmp_path.joinpath)
    with pytest.raises(ScenarioError, match=message):
        sentences()


def test_table_links_each_row_to_the_ledger():
    table = sentence_table()
    assert table.count("<tr>") == len(sentences()) + 1
    assert '<a href="13-claims.html#claim-t28">T28</a>' in table
    assert "none: setting" in table
