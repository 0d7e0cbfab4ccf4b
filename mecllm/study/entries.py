"""The equations of the paper and its faults, each with what became of it and the evidence."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from typing import Any

from mecllm.errors import ScenarioError
from mecllm.system.files import data_path, read_toml


@dataclass(frozen=True)
class Equation:
    """One numbered equation of the paper.

    Parameters
    ----------
    number, section : str
        As the paper numbers them.
    statement : str
        What it says, in words.
    reading : str
        Where it is not taken by the letters of our copy: what stands there, and what is read.
    verdict : str
        What became of it, under that reading.
    evidence : str
        `chapter#label`.
    """

    number: str
    section: str
    statement: str
    reading: str
    verdict: str
    evidence: str


@dataclass(frozen=True)
class Erratum:
    """One fault of the paper, or of an earlier edition of this book.

    Parameters
    ----------
    id, where : str
        Our label, and the place in the paper.
    printed, correct : str
        What stands there and what should.
    effect : str
        On the figures and claims.
    evidence : str
        `chapter#label`.
    """

    id: str
    where: str
    printed: str
    correct: str
    effect: str
    evidence: str


def equations() -> list[Equation]:
    """Read `data/equations.csv`.

    Raises
    ------
    ScenarioError
        For a missing column or an empty entry, naming the row.
    """
    with data_path("equations.csv").open(newline="", encoding="utf-8") as file:
        return [_entry(Equation, "equations.csv", row) for row in csv.DictReader(file)]


def errata() -> list[Erratum]:
    """Read `data/errata.toml`; raises as `equations` does."""
    table = read_toml(data_path("errata.toml"))
    return [_entry(Erratum, "errata.toml", row) for row in table["erratum"]]


def _entry(kind: type[Any], file: str, row: dict[str, Any]) -> Any:
    keys = [field.name for field in fields(kind)]
    for key in keys:
        if not str(row.get(key) or "").strip():
            raise ScenarioError(file, f"{row.get(keys[0])}: {key}", row.get(key), "a text")
    unknown = set(row) - set(keys)
    if unknown:
        raise ScenarioError(file, f"{row[keys[0]]}", sorted(map(str, unknown)), ", ".join(keys))
    return kind(**row)
