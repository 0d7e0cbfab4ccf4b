"""The main findings: linked, and their numbers are those of the tables."""

from __future__ import annotations

import re

import pytest

from mecllm.study import findings as module
from mecllm.study.findings import findings
from mecllm.study.records import stored
from tests.study.test_ledgers import assert_exists


@pytest.fixture(scope="module")
def found():
    return findings()


def test_each_finding_is_one_headline_with_a_number_and_a_link(found) -> None:
    assert len(found) == 6
    for sentence, evidence in found:
        assert re.match(r"\*\*[^*]+[.?]\*\* ", sentence)
        assert re.search(r"\d", sentence)
        assert_exists(evidence)


def test_the_page_of_findings_fits_a_screen(found) -> None:
    assert sum(len(sentence) for sentence, _ in found) < 2200


def test_the_numbers_follow_the_tables(found, monkeypatch) -> None:
    def changed(figure, track):
        frame = stored(figure, track)
        if str(figure) == "2":
            rows = frame["metric"] == "split_users"
            return frame.assign(value=frame["value"].where(~rows, 7.0))
        rows = frame["method"] == "proposed"
        return frame.assign(value=frame["value"].where(~rows, 2 * frame["value"]))

    monkeypatch.setattr(module, "stored", changed)
    for place in (0, 2, 3):
        assert findings()[place] != found[place]
    assert "in 0% of" in findings()[0][0]
