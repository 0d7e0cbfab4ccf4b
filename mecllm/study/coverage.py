"""The paper sentence by sentence: which row of the ledger decides each one, or why none does.

`data/sentences.csv` names a sentence by its section and first words.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

from mecllm.errors import ScenarioError
from mecllm.study.ledgers import ledger
from mecllm.system.files import data_path

# Sections that are read, with the abstract, which Section 6 repeats.
SECTIONS = ("Abstract", "1", "2", "3", "3.1", "3.2", "3.3", "3.4", "4", "4.1", "4.2",
            "5", "5.1", "5.2", "5.3", "6")  # fmt: skip
# Why a sentence has no row of its own.
LEFT_OUT = {
    "announcement": "says what the paper does or will do; that it does so is plain",
    "background": "is about the field at large, too general to be tested",
    "definition": "introduces a name, a symbol or a part of the model",
    "motivation": "says why something is wanted",
    "others": "is about other works, to be judged by reading those; nothing here rests on it",
    "possibility": "says what may happen; no outcome would refute it",
    "setting": "states a number that is chosen",
}


@dataclass(frozen=True)
class Sentence:
    """One sentence of the paper.

    Parameters
    ----------
    section : str
        One of `SECTIONS`.
    begins : str
        Its first words.
    claims : tuple of str
        Rows of the ledger that decide it; empty where it is left out.
    left_out : str
        Of `LEFT_OUT`; empty where rows decide it.
    """

    section: str
    begins: str
    claims: tuple[str, ...]
    left_out: str


def sentences() -> list[Sentence]:
    """Read `data/sentences.csv`.

    Raises
    ------
    ScenarioError
        For an unknown section, claim or reason, or a sentence with both a claim and a reason or
        with neither.
    """
    known = {claim.id for claim in ledger()}
    path = data_path("sentences.csv")
    with path.open(newline="", encoding="utf-8") as file:
        return [_sentence(path.name, row, known) for row in csv.DictReader(file)]


def _sentence(file: str, row: dict[str, str], known: set[str]) -> Sentence:
    name, claims, reason = row["begins"], tuple(row["claims"].split()), row["left_out"]
    if row["section"] not in SECTIONS:
        raise ScenarioError(file, f"{name}: section", row["section"], ", ".join(SECTIONS))
    for claim in claims:
        if claim not in known:
            raise ScenarioError(file, f"{name}: claims", claim, "ids of data/claims.toml")
    if bool(claims) == bool(reason) or (reason and reason not in LEFT_OUT):
        allowed = f"claims, or one of {', '.join(LEFT_OUT)}"
        raise ScenarioError(file, f"{name}: left_out", reason, allowed)
    return Sentence(row["section"], name, claims, reason)
