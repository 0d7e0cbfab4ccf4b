"""The claims of Section 5 as margins, and in what share of the space each holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mecllm.atlas.rows import Outcome, Task
from mecllm.atlas.space import Sweep
from mecllm.study.statistics import TIE_BAND

# "Marginal" in the paper's sentence on the greedy baseline: up to this share.
MARGINAL = 0.10

Get = Callable[[str, str], pd.Series]


@dataclass(frozen=True)
class AtlasClaim:
    """A claim of Section 5 as a margin: positive where it holds, relative to what it is about."""

    id: str
    text: str
    margin: Callable[[Get], pd.Series]


def _least_of(*values: pd.Series) -> pd.Series:
    return pd.concat(values, axis=1).min(axis=1)


def _below(get: Get, metric: str, method: str, *others: str) -> pd.Series:
    """How far a method is below the least of others, relative to itself."""
    own = get(metric, method)
    return (_least_of(*(get(metric, m) for m in others)) - own) / own


def _above(get: Get, metric: str, method: str, *others: str) -> pd.Series:
    """How far a method is above the most of others, relative to these."""
    rest = pd.concat([get(metric, m) for m in others], axis=1).max(axis=1)
    return (get(metric, method) - rest) / rest


def _between(excess: pd.Series, most: float) -> pd.Series:
    """Positive where an excess is between 0 and its most."""
    return _least_of(excess, most - excess)


def _closer(get: Get) -> pd.Series:
    own = get("delay", "joint")
    to_local = (get("delay", "local_only") - own).abs()
    return (to_local - (get("delay", "edge_only") - own).abs()) / own


_FIGURE_3 = ("alternating", "alpha_only", "resource_only")
# Figures 2 and 3 are taken at the association of `joint`; in Figure 5 `assigned` is the proposed
# method and `joint`, whose association is greedy, the baseline. Weights are 1 throughout.
CLAIMS = (
    AtlasClaim(
        "A1",
        "less energy than edge-only and local-only",
        lambda get: _below(get, "energy", "joint", "edge_only", "local_only"),
    ),
    AtlasClaim("A2", "delay closer to edge-only than to local-only", _closer),
    AtlasClaim(
        "A3",
        "delay below local-only",
        lambda get: _below(get, "delay", "joint", "local_only"),
    ),
    AtlasClaim(
        "B1",
        "least energy of the four methods",
        lambda get: _below(get, "energy", "joint", *_FIGURE_3),
    ),
    AtlasClaim(
        "B2",
        "alternating second in energy",
        lambda get: _least_of(
            _below(get, "energy", "joint", "alternating"),
            _below(get, "energy", "alternating", "alpha_only", "resource_only"),
        ),
    ),
    AtlasClaim(
        "B3",
        "α-only most energy",
        lambda get: _above(get, "energy", "alpha_only", "joint", "alternating", "resource_only"),
    ),
    AtlasClaim(
        "B6",
        "least delay of the four methods",
        lambda get: _below(get, "delay", "joint", *_FIGURE_3),
    ),
    AtlasClaim(
        "B7",
        "less delay than alternating",
        lambda get: _below(get, "delay", "joint", "alternating"),
    ),
    AtlasClaim(
        "B8",
        "α-only less delay than resource-only",
        lambda get: _below(get, "delay", "alpha_only", "resource_only"),
    ),
    AtlasClaim(
        "B9",
        "best stability of the four methods",
        lambda get: _below(get, "stability", "joint", *_FIGURE_3),
    ),
    AtlasClaim(
        "B10",
        "alternating more stable than α-only",
        lambda get: _below(get, "stability", "alternating", "alpha_only"),
    ),
    AtlasClaim(
        "B11",
        "resource-only least stable",
        lambda get: _above(get, "stability", "resource_only", "joint", "alternating", "alpha_only"),
    ),
    AtlasClaim(
        "D1", "less energy than greedy", lambda get: _below(get, "energy", "assigned", "joint")
    ),
    AtlasClaim(
        "D2", "less energy than random", lambda get: _below(get, "energy", "assigned", "random")
    ),
    AtlasClaim(
        "D3",
        "random most energy",
        lambda get: _above(get, "energy", "random", "assigned", "joint"),
    ),
    AtlasClaim(
        "D4",
        f"greedy more energy, by {MARGINAL:.0%} at most",
        lambda get: _between(_below(get, "energy", "assigned", "joint"), MARGINAL),
    ),
    AtlasClaim(
        "D5",
        "less delay than greedy and random",
        lambda get: _below(get, "delay", "assigned", "joint", "random"),
    ),
    AtlasClaim(
        "D6", "random most delay", lambda get: _above(get, "delay", "random", "assigned", "joint")
    ),
    AtlasClaim(
        "D7",
        "greedy's fullest server fuller than random's",
        lambda get: _above(get, "load", "joint", "random"),
    ),
)
# The abstract's claims are about every baseline at once: the least of the margins they name.
SUMMARIES = {
    "E1": ("less energy than every baseline", ("A1", "B1", "D1", "D2")),
    "E2": ("less delay than every baseline", ("A3", "B6", "D5")),
    "E3": ("more stable than every baseline", ("B9",)),
}
_MARGINS = {claim.id: claim.margin for claim in CLAIMS}
STATEMENTS = {claim.id: claim.text for claim in CLAIMS} | {k: v[0] for k, v in SUMMARIES.items()}


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
    def load(cls, sweep: Sweep, path: str | Path) -> Results:
        """Read what `export` wrote."""
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"error": object})
        key = list(Task._fields[:3])
        table = frame.set_index(key)
        bad = table.index[table["error"].notna()]
        table = table.loc[~table.index.isin(bad)]
        metrics = [name for name in Outcome._fields if name != "error"]
        values = table.pivot_table(index=key, columns="method", values=metrics, aggfunc="first")
        constants = table.loc[~table.index.duplicated(), list(sweep.keys)].loc[values.index]
        found = {c: margin(c, lambda metric, m: values[metric, m]) for c in STATEMENTS}
        return cls(sweep, constants, values, pd.DataFrame(found), int(frame["error"].notna().sum()))

    def on(self, track: str) -> Results:
        """Return the rows of one track."""
        rows = self.outcomes.index.get_level_values("track") == track
        parts = (self.constants.loc[rows], self.outcomes.loc[rows], self.margins.loc[rows])
        return Results(self.sweep, *parts, self.failed)


def margin(claim: str, get: Get) -> pd.Series:
    """Margin of one claim from a function that looks up a metric of a method."""
    if claim in SUMMARIES:
        return _least_of(*(margin(part, get) for part in SUMMARIES[claim][1]))
    return _MARGINS[claim](get)


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), which stays within [0, 1] and works at 0 and n.

    For independent points; Sobol points fill the space more evenly, so it errs to the wide side.
    """
    if trials == 0:
        return 0.0, 1.0
    share, square = successes / trials, z**2 / trials
    centre = (share + square / 2) / (1 + square)
    half = z / (1 + square) * np.sqrt(share * (1 - share) / trials + square / (4 * trials))
    # At the ends the interval touches 0 or 1, but for rounding.
    low = 0.0 if successes == 0 else max(0.0, float(centre - half))
    return low, 1.0 if successes == trials else min(1.0, float(centre + half))


def shares(results: Results) -> pd.DataFrame:
    """Share of each track's space where a claim holds, ties and fails, with Wilson's interval."""
    rows = []
    for track, part in results.margins.groupby(level="track"):
        for claim, text in STATEMENTS.items():
            values = part[claim]
            holds, fails = int((values > TIE_BAND).sum()), int((values < -TIE_BAND).sum())
            low, high = wilson(holds, len(values))
            rows.append(
                {
                    "track": track,
                    "claim": claim,
                    "statement": text,
                    "points": len(values),
                    "holds": holds / len(values),
                    "low": low,
                    "high": high,
                    "ties": 1 - (holds + fails) / len(values),
                    "fails": fails / len(values),
                    "median margin": float(values.median()),
                }
            )
    return pd.DataFrame(rows)
