"""The ledger: every claim of the paper with its verdict, and the means to decide each again."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from mecllm.checks import CHECKS, FAILS, HOLDS, OPEN, Frames
from mecllm.errors import ScenarioError
from mecllm.experiments import TRACKS, experiment, stored
from mecllm.resources import data_path

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
        T* theory, S* set-up, A*-D* Figures 2-5, E* abstract.
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
    table = tomllib.loads(path.read_text(encoding="utf-8"))
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
    track: str, seeds: int, workers: int = 1, done: Callable[[], Any] | None = None
) -> Frames:
    """Run every figure of a track again."""
    return {f: experiment(f, track, seeds, workers, done=done) for f in FIGURES}


def decide(frames: Frames, ids: Iterable[str] = tuple(CHECKS)) -> dict[str, tuple[str, str]]:
    """Verdict and numbers of each simulation claim on the tables of one track."""
    return {name: CHECKS[name](frames) for name in ids}


def differences(track: str, frames: Frames) -> list[str]:
    """Say, a line each, where the verdicts on some tables differ from the recorded ones."""
    recorded = {claim.id: claim.verdict for claim in ledger()}
    return [
        f"{name} on the {track} track: recorded {recorded[name][track]!r}, "
        f"found {verdict!r} ({numbers})"
        for name, (verdict, numbers) in decide(frames).items()
        if name not in recorded or recorded[name][track] != verdict
    ]


def deviation(frame: pd.DataFrame, kept: pd.DataFrame) -> float:
    """Largest relative difference of a fresh table from the stored one, on the seeds of both.

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


def verdict_table(ids: Iterable[str]) -> str:
    """HTML table of simulation claims: what the paper says, and what is found on each track."""
    names = tuple(ids)
    found = {track: decide(results(track), names) for track in TRACKS}
    says = {claim.id: claim.statement for claim in ledger()}
    rows = [
        _row([name, says[name], *("<br>".join(map(escape, found[t][name])) for t in TRACKS)])
        for name in names
    ]
    head = ["", "The paper", "Literal track", "Repaired track"]
    return _table("verdicts", head, rows)


# Shows the rows of one verdict; without scripts the whole table stands.
FILTER = (
    '<p><label>Show <select onchange="for (const row of document.querySelectorAll('
    "'tr[data-verdict]')) row.hidden = this.value && row.dataset.verdict !== this.value\">"
    '<option value="">all verdicts</option>'
    + "".join(f"<option>{verdict}</option>" for verdict in VERDICTS)
    + "</select></label></p>"
)


def ledger_table() -> str:
    """HTML table of the whole ledger; each row has the claim's id and links to its evidence."""
    found = {track: decide(results(track)) for track in TRACKS}
    rows = []
    for claim in ledger():
        if claim.simulated:
            parts = [f"{t}: {'; '.join(found[t][claim.id])}" for t in TRACKS]
            reason = "<br>".join(escape(part) for part in (claim.reason, *parts) if part)
        else:
            reason = escape(claim.reason)
        page, _, anchor = claim.evidence.partition("#")
        link = f'<a href="{page}.html#{anchor}">{escape(page)}</a>'
        says = [escape(claim.where), escape(claim.statement)]
        cells = [claim.id, *says, claim.overall, reason, link]
        name = f'id="claim-{claim.id.lower()}" data-verdict="{claim.overall}"'
        rows.append(_row(cells, name))
    head = ["", "Where", "The paper", "Verdict", "Why, with numbers", "Evidence"]
    return FILTER + _table("ledger", head, rows)


def _row(cells: Iterable[str], attributes: str = "") -> str:
    start = f"<tr {attributes}>" if attributes else "<tr>"
    return start + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _table(kind: str, head: list[str], rows: list[str]) -> str:
    top = "".join(f"<th>{cell}</th>" for cell in head)
    lines = [f'<table class="{kind}">', f"<thead><tr>{top}</tr></thead>", "<tbody>", *rows]
    return "\n".join([*lines, "</tbody></table>"])
