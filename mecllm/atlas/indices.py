"""Sobol indices from a plain sample: which constant decides.

No pick-freeze design is needed: a polynomial in orthonormal Legendre polynomials is fitted to the
points of the sweep, and its squared coefficients are variances (Sudret 2008). What the polynomial
misses is stated as 1 - Q², Q² by leave-one-out. A second, polynomial-free estimate of the first
order, the variance of the means over bins, stands beside it (Plischke, Borgonovo, Smith 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from numpy.polynomial import legendre

from mecllm.system.arrays import Array

# Points a bin and coefficients: at most one coefficient for four points keeps a fit honest, and
# degree 3 is as much as that allows for fifteen constants and 4,096 points; 512 allow degree 1.
_MAX_DEGREE = 3
_POINTS_A_TERM = 4
_BINS = 16


def ranks(values: Array) -> Array:
    """Ranks in (0, 1): margins span orders of magnitude, and a variance sees only the largest."""
    from scipy.stats import rankdata  # imported late: it takes more than a second

    return (rankdata(values) - 0.5) / len(values)


@dataclass(frozen=True)
class Indices:
    """Sobol indices of several responses.

    Parameters
    ----------
    first, total : DataFrame (K, R)
        Of the polynomial, as shares of the variance of the response itself.
    binned : DataFrame (K, R)
        First order again, without the polynomial.
    quality : Series (R,)
        Q² in (-∞, 1], the share of the variance that the polynomial predicts, by leave-one-out.
    """

    first: pd.DataFrame
    total: pd.DataFrame
    binned: pd.DataFrame
    quality: pd.Series


def sobol_indices(units: pd.DataFrame, responses: pd.DataFrame) -> Indices:
    """First-order and total indices of responses for each constant.

    Parameters
    ----------
    units : DataFrame (P, K)
        Independent coordinates, uniform in [0, 1].
    responses : DataFrame (P, R)
        A constant one depends on nothing and gets zeros.

    Returns
    -------
    Indices
    """
    x, y = units.to_numpy(dtype=np.float64), responses.to_numpy(dtype=np.float64)
    # What is left of a constant after rounding is not a variance.
    varies = y.std(axis=0) > 1e-12 * np.maximum(1.0, np.abs(y.mean(axis=0)))
    scaled = np.where(varies, (y - y.mean(axis=0)) / np.where(varies, y.std(axis=0), 1.0), 0.0)
    quality = np.where(varies, -np.inf, 1.0)
    first, total = np.zeros((2, x.shape[1], y.shape[1]))
    for degree in range(1, _MAX_DEGREE + 1):
        terms = _terms(x.shape[1], degree)
        if degree > 1 and _POINTS_A_TERM * (len(terms) + 1) > len(y):
            break
        found, power = _fit(x, scaled, terms)
        better = varies & (found > quality)
        quality = np.where(better, found, quality)
        involved = np.zeros((x.shape[1], len(terms)))
        for column, term in enumerate(terms):
            involved[list(term), column] = 1.0
        alone = involved.sum(axis=0) == 1
        first = np.where(better, involved[:, alone] @ power[alone], first)
        total = np.where(better, involved @ power, total)
    bins = np.array([_binned(column, scaled) for column in x.T])

    def labelled(values: Array) -> pd.DataFrame:
        return pd.DataFrame(values, index=units.columns, columns=responses.columns)

    return Indices(
        labelled(first),
        labelled(total),
        labelled(bins),
        pd.Series(quality, index=responses.columns),
    )


def _terms(count: int, degree: int) -> list[tuple[int, ...]]:
    """Monomials as the variables they hold, each as often as its degree."""
    return [
        term
        for total in range(1, degree + 1)
        for term in combinations_with_replacement(range(count), total)
    ]


def _fit(x: Array, y: Array, terms: list[tuple[int, ...]]) -> tuple[Array, Array]:
    """Q² (R,) by leave-one-out and the squared coefficients (T, R), for responses of variance 1."""
    from scipy.linalg import qr, solve_triangular

    highest = max(map(len, terms))
    # Orthonormal on [0, 1]: √(2k+1) P_k(2x-1).
    base = legendre.legvander(2 * x - 1, highest) * np.sqrt(2 * np.arange(highest + 1) + 1)
    columns = [np.ones(len(y))]
    for term in terms:
        degrees = np.bincount(term, minlength=x.shape[1])
        columns.append(np.prod([base[:, i, k] for i, k in enumerate(degrees) if k], axis=0))
    q, r = qr(np.column_stack(columns), mode="economic")
    projected = q.T @ y
    leverage = np.sum(q**2, axis=1)[:, None]
    left_out = (y - q @ projected) / np.maximum(1 - leverage, 1e-12)
    return 1 - np.mean(left_out**2, axis=0), solve_triangular(r, projected)[1:] ** 2


def _binned(x: Array, y: Array) -> Array:
    """Variance (R,) of the means over bins of equal counts, less what noise alone would give it."""
    groups = np.array_split(y[np.argsort(x, kind="stable")], _BINS)
    between = np.sum([len(g) * g.mean(axis=0) ** 2 for g in groups], axis=0)
    within = np.sum([len(g) * g.var(axis=0) for g in groups], axis=0)
    noise = (len(groups) - 1) * within / max(len(y) - len(groups), 1)
    return np.maximum(between - noise, 0.0) / len(y)
