"""Two methods over paired seeds: how much lower one is, with an interval, and what that says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mecllm.errors import ScenarioError

# Two means closer than this share count as a tie. Fractional programming stops at a relative
# change of 1e-4 a step and so up to some 1e-3 of the objective, and more of a single term of it,
# away from its limit; a difference of less than one per cent says nothing about the methods.
TIE_BAND = 0.01
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Effect:
    """Mean of one method over that of another, paired over seeds.

    Parameters
    ----------
    ratio : float
        Ratio of the two means over seeds.
    low, high : float
        95 % interval of that ratio.
    seeds : int
    """

    ratio: float
    low: float
    high: float
    seeds: int

    @property
    def verdict(self) -> str:
        """Say lower, higher, tie (the interval lies within the band around 1) or undecided."""
        if self.high < 1 - TIE_BAND:
            return "lower"
        if self.low > 1 + TIE_BAND:
            return "higher"
        if self.low >= 1 - TIE_BAND and self.high <= 1 + TIE_BAND:
            return "tie"
        return "undecided"

    def __str__(self) -> str:
        """Ratio and interval."""
        return f"×{self.ratio:.3g} [{self.low:.3g}, {self.high:.3g}]"


def _student(freedom: int) -> float:
    """Quantile of Student's distribution that bounds the two-sided interval."""
    from scipy.special import stdtrit  # imported late, and not scipy.stats, which takes seconds

    return float(stdtrit(freedom, (1 + _CONFIDENCE) / 2))


def interval(values: np.ndarray) -> tuple[float, float]:
    """Mean and half-width of its 95 % Student interval; 0 wide for a single value."""
    size = len(values)
    if size < 2:
        return float(np.mean(values)), 0.0
    half = _student(size - 1) * np.std(values, ddof=1) / size**0.5
    return float(np.mean(values)), float(half)


def effect(one: np.ndarray, other: np.ndarray) -> Effect:
    """Ratio of means of two paired samples, with Fieller's interval.

    The ratio ρ is compatible with the data when the mean of one - ρ·other is within its own
    Student interval of 0; that is a quadratic inequality in ρ. Paired seeds enter through the
    covariance. Where the denominator itself may be 0 the interval is unbounded.

    Parameters
    ----------
    one, other : array (S,)
        Values seed by seed, in the same order.

    Returns
    -------
    Effect
    """
    size, top, bottom = len(one), float(np.mean(one)), float(np.mean(other))
    ratio = top / bottom
    if size < 2:
        return Effect(ratio, -np.inf, np.inf, size)
    cov = np.cov(one, other, ddof=1) * _student(size - 1) ** 2 / size
    a, b, c = bottom**2 - cov[1, 1], top * bottom - cov[0, 1], top**2 - cov[0, 0]
    if a <= 0:
        return Effect(ratio, -np.inf, np.inf, size)
    root = float(np.sqrt(max(b**2 - a * c, 0.0)))
    return Effect(ratio, (b - root) / a, (b + root) / a, size)


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
    """Effect of one method against another at each x that both have.

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
    return {float(x): effect(left[x].to_numpy(), right[x].to_numpy()) for x in left.columns}


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
    table = select(frame, metric, method, panel)
    rows = [(float(x), *interval(table[x].dropna().to_numpy())) for x in table.columns]
    return pd.DataFrame(rows, columns=["x", "mean", "half"])
