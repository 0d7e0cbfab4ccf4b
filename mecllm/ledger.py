"""The ledgers as data: the paper's equations and the errata, with links to their evidence."""

from __future__ import annotations

import csv
import html
import tomllib
from dataclasses import dataclass, fields
from typing import Any

from mecllm.errors import ScenarioError
from mecllm.resources import data_path


@dataclass(frozen=True)
class Equation:
    """One numbered equation of the paper.

    Parameters
    ----------
    number, section : str
        As the paper numbers them.
    statement : str
        What it says, in words.
    verdict : str
        What became of it.
    evidence : str
        `chapter#label` or `tests/file.py::test`.
    """

    number: str
    section: str
    statement: str
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
        `chapter#label` or `tests/file.py::test`.
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
    table = tomllib.loads(data_path("errata.toml").read_text(encoding="utf-8"))
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


def evidence_link(evidence: str) -> str:
    """HTML of an evidence: a link for `chapter#label`, plain code for a test."""
    page, mark, label = evidence.partition("#")
    if not mark:
        return f"<code>{html.escape(evidence)}</code>"
    return f'<a href="{html.escape(page)}.html#{html.escape(label)}">{html.escape(page)}</a>'


def table_html(rows: list[Any], identity: str) -> str:
    """HTML table of entries; each row has an id, so that other pages can point at it."""
    keys = [field.name for field in fields(rows[0])]
    head = "".join(f'<th scope="col">{html.escape(key)}</th>' for key in keys)
    body = []
    for row in rows:
        values = [str(getattr(row, key)) for key in keys]
        cells = "".join(
            f"<td>{evidence_link(value) if key == 'evidence' else html.escape(value)}</td>"
            for key, value in zip(keys, values, strict=True)
        )
        anchor = f"{identity}-{values[0]}".lower().replace(".", "-")
        body.append(f'<tr id="{html.escape(anchor)}">{cells}</tr>')
    return (
        f'<table class="ledger"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )
