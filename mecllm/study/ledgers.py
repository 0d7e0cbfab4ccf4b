"""The ledger: every claim of the paper with its verdict, and the means to decide each again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.study.checks import CHECKED, RESAMPLES, Verdict, verdict
from mecllm.study.records import stored
from mecllm.study.rules import FAILS, HOLDS, ONLY_IF, OPEN, TIES, Frames
from mecllm.study.run import experiment
from mecllm.system.files import data_path, read_toml

VERDICTS = (HOLDS, ONLY_IF, TIES, FAILS, OPEN)
# What the claims are about, and how their ids start.
GROUPS = {
    "model and theory": "T",
    "set-up": "S",
    "literature": "N",
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
        T* theory, S* set-up, N* literature, A*-D* Figures 2-5, E* abstract, L* training.
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
    note : str
        Why the verdict and the share of the space in which the atlas finds the claim differ.
    """

    id: str
    where: str
    statement: str
    verdict: dict[str, str]
    reason: str
    evidence: str
    note: str = ""

    @property
    def simulated(self) -> bool:
        """Whether a check on data decides it."""
        return self.id in CHECKED

    def on(self, track: str) -> str:
        """Verdict on a track.

        Parameters
        ----------
        track : {"literal", "repaired"}

        Returns
        -------
        str
            One of `VERDICTS`.
        """
        return self.verdict.get(track) or self.verdict["both"]


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
    if set(entry) | {"note"} != known:
        wrong = sorted((set(entry) | {"note"}) ^ known)
        raise ScenarioError(where, name, wrong, f"exactly {sorted(known)}, the note where needed")
    keys = {"literal", "repaired"} if name in CHECKED else {"both"}
    if set(entry["verdict"]) != keys:
        raise ScenarioError(where, f"{name}.verdict", sorted(entry["verdict"]), f"{sorted(keys)}")
    for key, given in entry["verdict"].items():
        if given not in VERDICTS:
            raise ScenarioError(where, f"{name}.verdict.{key}", given, f"one of {VERDICTS}")
    return Claim(**entry)


def verdict_counts(track: str, prefix: str = "") -> dict[str, int]:
    """How many claims, of those whose id starts with a prefix, have each verdict on a track.

    Parameters
    ----------
    track : {"literal", "repaired"}
    prefix : str

    Returns
    -------
    dict
        Verdict → number.
    """
    counts = Counter(claim.on(track) for claim in ledger() if claim.id.startswith(prefix))
    return {given: counts[given] for given in VERDICTS}


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


def decide(
    frames: Frames, ids: Iterable[str] = CHECKED, resamples: int = RESAMPLES
) -> dict[str, Verdict]:
    """Verdict and numbers of each simulation claim on the tables of one track.

    Parameters
    ----------
    frames : mapping
        Figure → tidy table.
    ids : iterable of str
        Claims; all by default.
    resamples : int
        Bootstrap samples of the networks.

    Returns
    -------
    dict
        Id → verdict.
    """
    return {name: verdict(name, frames, resamples=resamples) for name in ids}


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
        f"{name} on the {track} track: recorded {recorded[name][track]!r}, found {found.verdict!r} "
        f"(as described: {found.described.numbers}; on equal terms: {found.equal.numbers})"
        for name, found in decide(frames, resamples=0).items()
        if name not in recorded or recorded[name][track] != found.verdict
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
