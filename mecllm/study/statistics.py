"""Two methods over paired seeds: how much lower one is, with an interval, and what that says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, require

# Two methods closer than this share count as tied. The iterations are run to within some 1e-4 of
# their limits, so that the band is a choice of what matters and not of where they stopped; the
# ledger shows what half and twice of it would change.
TIE_BAND = 0.01
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Effect:
    """One method over another, paired over seeds.

    Parameters
    ----------
    ratio : float
        Geometric mean over seeds of the paired ratios: a network of large sums counts as any other.
    low, high : float
        Interval of that ratio.
    means : float
        Ratio of the two means over seeds, which the largest networks dominate.
    below : int
        Seeds on which the first method is the lower one.
    seeds : int
    """

    ratio: float
    low: float
    high: float
    means: float
    below: int
    seeds: int

    @property
    def verdict(self) -> str:
        """Say lower, higher, tie (the interval lies within the band around 1) or undecided."""
        return str(verdicts(np.array([self.low]), np.array([self.high]), TIE_BAND)[0])

    def __str__(self) -> str:
        """Ratio and interval."""
        return f"×{self.ratio:.3g} [{self.low:.3g}, {self.high:.3g}]"


def verdicts(low: Array, high: Array, band: float) -> np.ndarray:
    """Say of intervals of ratios whether they lie below 1, above it, around it, or none of these.

    Parameters
    ----------
    low, high : array (K,)
        Ends of the intervals.
    band : float
        Half-width of what counts as 1.

    Returns
    -------
    array (K,)
        "lower", "higher", "tie" or "undecided".
    """
    inside = (low >= 1 - band) & (high <= 1 + band)
    cases = [high < 1 - band, low > 1 + band, inside]
    return np.select(cases, ["lower", "higher", "tie"], "undecided")


def _student(freedom: int, comparisons: int) -> float:
    """Quantile of Student's distribution that bounds intervals which hold all at once.

    With k of them each is made at 1 - 0.05/k (Bonferroni), as they share their networks.
    """
    from scipy.special import stdtrit  # imported late, and not scipy.stats, which takes seconds

    return float(stdtrit(freedom, 1 - (1 - _CONFIDENCE) / (2 * comparisons)))


def intervals(values: Array, comparisons: int = 1) -> tuple[Array, Array]:
    """Means over seeds and half-widths of their Student intervals.

    Parameters
    ----------
    values : array (S, K)
        Seeds in rows.
    comparisons : int
        Intervals that must hold at once with 95 %.

    Returns
    -------
    mean, half : array (K,)
        Infinitely wide for a single seed, and where a value is infinite.

    Raises
    ------
    ScenarioError
        When a value is missing.
    """
    require(~np.isnan(values), "values", values, "a number for every seed")
    size = len(values)
    finite = np.isfinite(values).all(axis=0)
    known = np.where(finite, values, 0.0)
    if size < 2:
        return known.mean(axis=0), np.full(values.shape[1], np.inf)
    half = _student(size - 1, comparisons) * known.std(axis=0, ddof=1) / size**0.5
    return known.mean(axis=0), np.where(finite, half, np.inf)


def interval(values: Array) -> tuple[float, float]:
    """Mean (S,) and half-width of its 95 % Student interval; 0 wide for a single value."""
    mean, half = intervals(np.asarray(values, dtype=float)[:, None])
    return float(mean[0]), float(half[0]) if len(values) > 1 else 0.0


def log_ratios(one: Array, other: Array) -> Array:
    """Logarithms of the paired ratios.

    Parameters
    ----------
    one, other : array
        Of one shape, not negative.

    Returns
    -------
    array
        In that shape; 0 where both are 0, infinite where one of them is.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(one == other, 0.0, np.log(one) - np.log(other))


def effect(one: Array, other: Array, comparisons: int = 1) -> Effect:
    """Compare two paired samples of positive numbers.

    Parameters
    ----------
    one, other : array (S,)
        Values seed by seed, in the same order.
    comparisons : int
        Intervals that must hold at once with 95 %.

    Returns
    -------
    Effect
    """
    logs = log_ratios(one, other)
    mean, half = intervals(logs[:, None], comparisons)
    with np.errstate(over="ignore"):
        ratio, low, high = np.exp([mean[0], mean[0] - half[0], mean[0] + half[0]])
    means = float(np.mean(one) / np.mean(other)) if np.any(other != 0) else 1.0
    return Effect(float(ratio), float(low), float(high), means, int(np.sum(one < other)), len(logs))


def select(frame: pd.DataFrame, metric: str, method: str, panel: str | None = None) -> pd.DataFrame:
    """Values of a metric of one method.

    Parameters
    ----------
    frame : DataFrame
        Tidy table of an experiment.
    metric : str
    method : str
    panel : str, optional
        Only rows of this panel.

    Returns
    -------
    DataFrame
        Seeds in rows, x in columns.

    Raises
    ------
    ScenarioError
        When the table holds no such row.
    """
    rows = frame[(frame["metric"] == metric) & (frame["method"] == method)]
    if panel is not None:
        rows = rows[rows["panel"] == panel]
    if rows.empty:
        raise ScenarioError("results", "method and metric", (method, metric), "rows of the table")
    # Unlike pivot_table, pivot refuses two values for one cell.
    return rows.pivot(index="seed", columns="x", values="value")  # noqa: PD010


def compare(
    frame: pd.DataFrame, metric: str, one: str, other: str, panel: str | None = None
) -> dict[float, Effect]:
    """Effect of one method against another at each x that both have, intervals for all at once.

    Parameters
    ----------
    frame : DataFrame
        Tidy table of an experiment.
    metric : str
    one, other : str
        Methods; the ratio is `one` over `other`.
    panel : str, optional
        Only rows of this panel.

    Returns
    -------
    dict
        x → effect.

    Raises
    ------
    ScenarioError
        When the table holds no such row.
    """
    left, right = (select(frame, metric, m, panel) for m in (one, other))
    left, right = left.align(right, join="inner")
    pairs = ((x, left[x].to_numpy(), right[x].to_numpy()) for x in left.columns)
    return {float(x): effect(a, b, len(left.columns)) for x, a, b in pairs}


def curve(frame: pd.DataFrame, metric: str, method: str, panel: str | None = None) -> pd.DataFrame:
    """Mean and half-width of its 95 % interval by x.

    Parameters
    ----------
    frame : DataFrame
        Tidy table of an experiment.
    metric : str
    method : str
    panel : str, optional
        Only rows of this panel.

    Returns
    -------
    DataFrame
        Columns x, mean, half.

    Raises
    ------
    ScenarioError
        When the table holds no such row.
    """
    return summary(select(frame, metric, method, panel))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and half-width of its 95 % interval of each column.

    Parameters
    ----------
    table : DataFrame
        Seeds in rows, x in columns.

    Returns
    -------
    DataFrame
        Columns x, mean, half.
    """
    rows = [(float(x), *interval(table[x].to_numpy())) for x in table.columns]
    return pd.DataFrame(rows, columns=["x", "mean", "half"])
