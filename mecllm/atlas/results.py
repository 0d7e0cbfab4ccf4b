"""The claims of Section 5 as margins, and in what share of the space each holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mecllm.atlas.rows import Outcome, Task
from mecllm.atlas.space import Sweep
from mecllm.study import claims
from mecllm.study.claims import COMPARISONS, EQUAL_TERMS, SUMMARIES, Get
from mecllm.study.statistics import TIE_BAND

_METRICS = {"largest_load": "load"}
# The claims that are decided at a point, with its weights: all comparisons but that of Figure 4.
_AT_A_POINT = {name: claim for name, claim in COMPARISONS.items() if claim.figure != "4"}
STATEMENTS = {claim.id: claim.text for claim in _AT_A_POINT.values()} | {
    name: text for name, (text, _) in SUMMARIES.items()
}


@dataclass(frozen=True, eq=False)
class Results:
    """An exported sweep, one row a point, track and replicate, failed ones left out.

    Parameters
    ----------
    sweep : Sweep
    constants : DataFrame
        Values of the swept constants.
    outcomes : DataFrame
        Columns (metric, method).
    margins : DataFrame
        Margin of each claim.
    failed : int
        Rows of the file that have an error.
    """

    sweep: Sweep
    constants: pd.DataFrame
    outcomes: pd.DataFrame
    margins: pd.DataFrame
    failed: int

    @classmethod
    def load(cls, sweep: Sweep, path: str | Path, equal: bool = False) -> Results:
        """Read what `export` wrote.

        Parameters
        ----------
        sweep : Sweep
        path : str or Path
            CSV file, compressed or not.
        equal : bool
            Take the margins against the baselines that have the χ-step as well.

        Returns
        -------
        Results
        """
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"error": object})
        key = list(Task._fields[:3])
        table = frame.set_index(key)
        bad = table.index[table["error"].notna()]
        table = table.loc[~table.index.isin(bad)]
        metrics = [name for name in Outcome._fields if name != "error"]
        values = table.pivot_table(index=key, columns="method", values=metrics, aggfunc="first")
        constants = table.loc[~table.index.duplicated(), list(sweep.keys)].loc[values.index]
        found = {c: margin(c, lambda metric, m: values[metric, m], equal) for c in STATEMENTS}
        return cls(sweep, constants, values, pd.DataFrame(found), int(frame["error"].notna().sum()))

    def on(self, track: str) -> Results:
        """Return the rows of one track."""
        rows = self.outcomes.index.get_level_values("track") == track
        parts = (self.constants.loc[rows], self.outcomes.loc[rows], self.margins.loc[rows])
        return Results(self.sweep, *parts, self.failed)


def margin(claim: str, get: Get, equal: bool = False) -> pd.Series:
    """Margin of one claim at points of the atlas; of a summary, the least of its parts.

    Parameters
    ----------
    claim : str
        One of `STATEMENTS`.
    get : callable
        (metric, method) → values, by the names of the rows.
    equal : bool
        As `Results.load` takes it.

    Returns
    -------
    Series
        Positive where the claim holds, relative to what it is about.
    """
    if claim in SUMMARIES:
        parts = [margin(part, get, equal) for part in SUMMARIES[claim][1]]
        return pd.concat(parts, axis=1).min(axis=1)

    def look_up(metric: str, method: str) -> pd.Series:
        name = EQUAL_TERMS.get(method, method) if equal else method
        return get(_METRICS.get(metric, metric), name)

    return claims.margin(COMPARISONS[claim], look_up)


def shares(results: Results) -> pd.DataFrame:
    """Share of each track's space where a claim holds, ties and fails, with Wilson's interval.

    Points of a Sobol sequence fill the space more evenly than independent ones, for which the
    interval is made: it errs to the wide side.
    """
    from scipy.stats import binomtest  # takes more than a second to import

    rows = []
    for track, part in results.margins.groupby(level="track"):
        for claim, text in STATEMENTS.items():
            values = part[claim]
            holds, fails = int((values > TIE_BAND).sum()), int((values < -TIE_BAND).sum())
            share = binomtest(holds, len(values)).proportion_ci(method="wilson")
            rows.append(
                {
                    "track": track,
                    "claim": claim,
                    "statement": text,
                    "points": len(values),
                    "holds": holds / len(values),
                    "low": share.low,
                    "high": share.high,
                    "ties": 1 - (holds + fails) / len(values),
                    "fails": fails / len(values),
                    "median margin": float(values.median()),
                }
            )
    return pd.DataFrame(rows)
