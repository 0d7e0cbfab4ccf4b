"""All vertices of a small polytope, and from them the exact-penalty constants of Lemma 1.

Only for examples that fit on a page: the number of candidate bases grows like a binomial.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.paper.concave_convex import violation
from mecllm.paper.polytope import Polytope
from mecllm.system.arrays import Array

# Data of the examples are numbers of order 1 (constraints are scaled by their right sides), so a
# coordinate below this is a zero that rounding has touched.
_ROUNDING = 1e-9
# Candidate bases that a chapter may try; 300,000 systems of 12 equations take about a second.
_MOST_BASES = 300_000


def vertices(polytope: Polytope) -> Array:
    """Return every vertex (V, NM) of a polytope.

    Each basis of the equations (with slacks for the inequalities) is solved; the solutions
    without a negative coordinate are the vertices.

    Raises
    ------
    ScenarioError
        For more than 300,000 candidate bases.
    """
    size, slacks = polytope.equal.shape[1], len(polytope.limit)
    free = np.zeros((len(polytope.target), slacks))
    system = np.block(
        [[polytope.equal.toarray(), free], [polytope.at_most.toarray(), np.eye(slacks)]]
    )
    found = _independent(system, np.concatenate((polytope.target, polytope.limit)))
    if found is None:
        return np.empty((0, size))
    rows, right = found
    rank, columns = rows.shape
    if comb(columns, rank) > _MOST_BASES:
        raise ScenarioError("vertices", "bases", comb(columns, rank), f"at most {_MOST_BASES}")
    bases = np.array(list(combinations(range(columns), rank)))
    systems = rows.T[bases].transpose(0, 2, 1)
    regular = np.abs(np.linalg.det(systems)) > _ROUNDING
    bases = bases[regular]
    solved = np.linalg.solve(systems[regular], np.broadcast_to(right, bases.shape)[..., None])
    points = np.zeros((len(bases), columns))
    np.put_along_axis(points, bases, solved[..., 0], axis=1)
    points = points[(points >= -_ROUNDING).all(axis=1), :size]
    # A degenerate vertex has several bases; + 0.0 makes -0.0 the same number as 0.0.
    _, first = np.unique(np.round(points, 9) + 0.0, axis=0, return_index=True)
    return np.clip(points[first], 0.0, 1.0)


def _independent(rows: Array, right: Array) -> tuple[Array, Array] | None:
    """Drop the equations that follow from others; None when they contradict each other."""
    from scipy.linalg import qr  # imported late: it takes most of a second

    _, triangle, order = qr(rows.T, mode="economic", pivoting=True)
    rank = int(np.sum(np.abs(np.diag(triangle)) > _ROUNDING))
    kept, rest = order[:rank], order[rank:]
    weights = np.linalg.lstsq(rows[kept].T, rows[rest].T, rcond=None)[0]
    if not np.allclose(weights.T @ right[kept], right[rest], atol=_ROUNDING):
        return None
    return rows[kept], right[kept]


@dataclass(frozen=True, eq=False)
class ExactPenalty:
    """What Lemma 1 needs, from the vertices of the polytope (9c), (9e), (9g), (46).

    Parameters
    ----------
    least_penalty : float
        Denominator of (49): the least penalty of all, which is 0 if a vertex is binary.
    least_positive : float
        The least positive penalty of a vertex; infinite when every vertex is binary.
    constant : float
        ϱ0 of (49) with the least positive penalty below the bar, at the best binary vertex.
    threshold : float
        The smallest ϱ0 with which the lemma is true.
    """

    least_penalty: float
    least_positive: float
    constant: float
    threshold: float


def exact_penalty(costs: Array, points: Array) -> ExactPenalty:
    """Constants of Lemma 1, equation (49), for a linear cost over a polytope.

    Parameters
    ----------
    costs : array (n,)
        Cost of each variable.
    points : array (V, n)
        Vertices of the polytope.

    Returns
    -------
    ExactPenalty

    Raises
    ------
    ScenarioError
        When no vertex is binary, so that P5 has no feasible point.
    """
    value, excess = points @ costs, violation(points)
    binary = excess <= _ROUNDING
    if not binary.any():
        raise ScenarioError("exact_penalty", "binary vertices", 0, "at least 1")
    best = float(value[binary].min())
    positive = excess[~binary]
    slopes = (best - value[~binary]) / positive
    least = float(positive.min(initial=np.inf))
    return ExactPenalty(
        least_penalty=float(excess.min()),
        least_positive=least,
        constant=(best - float(value.min())) / least,
        threshold=float(slopes.max(initial=0.0)),
    )
