"""The ledger: every claim of the paper with its verdict, and the means to decide each again."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.study.checks import CHECKS, FAILS, HOLDS, OPEN, Frames
from mecllm.study.records import stored
from mecllm.study.run import experiment
from mecllm.system.files import data_path, read_toml

ONLY_IF = "holds only if"
VERDICTS = (HOLDS, ONLY_IF, FAILS, OPEN)
# What the claims are about, and how their ids start.
GROUPS = {
    "model and theory": "T",
    "set-up": "S",
    "Figure 2": "A",
    "Figure 3": "B",
    "Figure 4": "C",
    "Figure 5": "D",
    "abstract": "E",
    "the training itself": "L",
}
# Figures that the checks read.
FIGURES = ("2", "3", "4", "5")
# A fresh run may differ from a stored one by one unit of the tenth digit, the last that is stored:
# on the machines that the tests imitate the iterations stop at the same steps.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Parameters
    ----------
    id : str
        T* theory, S* set-up, A*-D* Figures 2-5, E* abstract, L* the training itself.
    where : str
        Section, figure or equation.
    statement : str
        What the paper says, in short.
    verdict : dict
        For "both" tracks, or for "literal" and "repaired": one of `VERDICTS`.
    reason : str
        Why; for "holds only if", the condition.
    evidence : str
        `chapter#anchor` of the book.
    """

    id: str
    where: str
    statement: str
    verdict: dict[str, str]
    reason: str
    evidence: str

    @property
    def simulated(self) -> bool:
        """Whether a check on data decides it."""
        return self.id in CHECKS

    @property
    def overall(self) -> str:
        """Join the verdicts of the two tracks; what holds on one of them holds only if."""
        literal = self.verdict.get("literal", self.verdict.get("both", ""))
        repaired = self.verdict.get("repaired", literal)
        if literal == repaired:
            return literal
        return ONLY_IF if HOLDS in (literal, repaired) else literal


def ledger() -> tuple[Claim, ...]:
    """Read `data/claims.toml`.

    Raises
    ------
    ScenarioError
        For a claim without a field, with an unknown verdict or with an id used twice.
    """
    path = data_path("claims.toml")
    table = read_toml(path)
    claims = tuple(_claim(path.name, entry) for entry in table["claim"])
    twice = [name for name, n in Counter(c.id for c in claims).items() if n > 1]
    if twice:
        raise ScenarioError(path.name, "id", twice[0], "an id of its own")
    return claims


def _claim(where: str, entry: dict[str, Any]) -> Claim:
    name = str(entry.get("id", "(no id)"))
    known = set(Claim.__dataclass_fields__)
    if set(entry) != known:
        raise ScenarioError(where, name, sorted(set(entry) ^ known), f"exactly {sorted(known)}")
    keys = {"literal", "repaired"} if name in CHECKS else {"both"}
    if set(entry["verdict"]) != keys:
        raise ScenarioError(where, f"{name}.verdict", sorted(entry["verdict"]), f"{sorted(keys)}")
    for key, verdict in entry["verdict"].items():
        if verdict not in VERDICTS:
            raise ScenarioError(where, f"{name}.verdict.{key}", verdict, f"one of {VERDICTS}")
    return Claim(**entry)


def verdict_counts(prefix: str = "") -> dict[str, int]:
    """How many claims, of those whose id starts with a prefix, have each overall verdict."""
    counts = Counter(claim.overall for claim in ledger() if claim.id.startswith(prefix))
    return {verdict: counts[verdict] for verdict in VERDICTS}


def results(track: str) -> Frames:
    """Read the stored tables of every figure on a track."""
    return {figure: stored(figure, track) for figure in FIGURES}


def fresh(
    track: str, seeds: int, workers: int = 1, done: Callable[[], object] = lambda: None
) -> Frames:
    """Run every figure of a track again.

    Parameters
    ----------
    track : {"literal", "repaired"}
    seeds : int
        Networks, from seed 0 on.
    workers : int
        Processes.
    done : callable
        Called after each seed of each figure.

    Returns
    -------
    mapping
        Figure → tidy table.
    """
    return {f: experiment(f, track, seeds, workers, done=done) for f in FIGURES}


def decide(frames: Frames, ids: Iterable[str] = tuple(CHECKS)) -> dict[str, tuple[str, str]]:
    """Verdict and numbers of each simulation claim on the tables of one track.

    Parameters
    ----------
    frames : mapping
        Figure → tidy table.
    ids : iterable of str
        Claims; all by default.

    Returns
    -------
    dict
        Id → (verdict, numbers).
    """
    return {name: CHECKS[name](frames) for name in ids}


def differences(track: str, frames: Frames) -> list[str]:
    """Say, a line each, where the verdicts on some tables differ from the recorded ones.

    Parameters
    ----------
    track : {"literal", "repaired"}
    frames : mapping
        Figure → tidy table.

    Returns
    -------
    list of str
    """
    recorded = {claim.id: claim.verdict for claim in ledger()}
    return [
        f"{name} on the {track} track: recorded {recorded[name][track]!r}, "
        f"found {verdict!r} ({numbers})"
        for name, (verdict, numbers) in decide(frames).items()
        if name not in recorded or recorded[name][track] != verdict
    ]


def deviation(frame: pd.DataFrame, kept: pd.DataFrame) -> float:
    """Largest relative difference of a fresh table from the stored one, on the seeds of both.

    Parameters
    ----------
    frame, kept : DataFrame
        Tidy tables, the fresh and the stored one.

    Returns
    -------
    float

    Raises
    ------
    ScenarioError
        When the fresh table holds a row that the stored one does not.
    """
    key = ["panel", "track", "scenario", "method", "x", "seed", "metric"]
    kept = kept[kept["seed"].isin(frame["seed"].unique())]
    both = frame.merge(kept, on=key, how="outer", suffixes=("", "_kept"))
    alone = int(both[["value", "value_kept"]].isna().any(axis=1).sum())
    if alone:
        raise ScenarioError("results", "rows", alone, "the same rows in both tables")
    scale = both["value_kept"].abs().clip(lower=1e-300)
    return float(((both["value"] - both["value_kept"]).abs() / scale).max())


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
