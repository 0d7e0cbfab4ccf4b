"""The paper's χ-step: problem P5 at fixed resources, its penalty P6, and CCCP (Section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.errors import ScenarioError, SolverError
from mecllm.paper.polytope import TOLERANCE, Polytope
from mecllm.system.arrays import Array, IntArray

# CCCP meets no vertex twice, in practice two or three in all.
_MAX_STEPS = 100


def indicator(association: IntArray, servers: int) -> Array:
    """χ (NM,) of an association given as server indices (N,).

    Parameters
    ----------
    association : int array (N,)
        χ as server indices.
    servers : int
        M.

    Returns
    -------
    array (NM,)
        1 at each user's server and 0 elsewhere, user by user.
    """
    return np.eye(servers)[association].ravel()


def violation(points: Array) -> Array:
    """Left side of (47), the sum of χ (1 - χ), of each point (..., NM)."""
    return np.sum(points * (1 - points), axis=-1)


def penalised(costs: Array, penalty: float, point: Array) -> float:
    """Objective of P6, equation (50), without the local cost, which does not depend on χ.

    Parameters
    ----------
    costs : array (NM,)
        c, from `pair_costs`, flattened user by user.
    penalty : float
        ϱ.
    point : array (NM,)
        χ.

    Returns
    -------
    float
        P6 at the point.
    """
    used = point > 0
    return float(np.sum(costs[used] * point[used]) + penalty * violation(point))


def linearised(costs: Array, penalty: float, point: Array) -> Array:
    """Costs of the linear problem of one CCCP step at a point: c + ϱ (1 - 2χ), from (51).

    Parameters
    ----------
    costs : array (NM,)
        c, from `pair_costs`, flattened user by user.
    penalty : float
        ϱ.
    point : array (NM,)
        χ.

    Returns
    -------
    array (NM,)
        Infinite where c is.
    """
    return costs + penalty * (1 - 2 * point)


@dataclass(frozen=True, eq=False)
class CCCP:
    """Outcome of the concave-convex procedure on P6.

    Parameters
    ----------
    point : array (NM,)
        Where it stopped: a vertex that minimises its own linearised problem.
    history : array (T,)
        P6 at the start and after each step.
    """

    point: Array
    history: Array

    @property
    def steps(self) -> int:
        """Steps that moved the point."""
        return len(self.history) - 1


def cccp(costs: Array, polytope: Polytope, penalty: float, start: Array) -> CCCP:
    """Minimise P6 from a start by the method of Section 4.2: linearise by (51), solve, repeat.

    A step from x to y lowers P6 by at least ϱ |y - x|², so no vertex is met twice.

    Parameters
    ----------
    costs : array (NM,)
        c, from `pair_costs`, flattened user by user.
    polytope : Polytope
        The constraints.
    penalty : float
        ϱ >= 0.
    start : array (NM,)
        A point of the polytope.

    Returns
    -------
    CCCP
        Where it stopped, and P6 on the way.

    Raises
    ------
    ScenarioError
        For a start outside the polytope.
    SolverError
        When a linear problem fails, or `_MAX_STEPS` are not enough.
    """
    if not polytope.contains(start) or np.any(start[~np.isfinite(costs)] > 0):
        raise ScenarioError("cccp", "start", "a point outside", "a point of (9c), (9e), (9g), (46)")
    point, history = start, [penalised(costs, penalty, start)]
    for _ in range(_MAX_STEPS):
        slope = linearised(costs, penalty, point)
        trial = polytope.minimise(slope)
        moved = trial != point
        gain = float(np.sum(slope[moved] * (point - trial)[moved]))
        if gain <= TOLERANCE * np.sum(np.abs(slope[point > 0])):
            return CCCP(point, np.array(history))
        point = trial
        history.append(penalised(costs, penalty, point))
    raise SolverError(f"CCCP: still moving after {_MAX_STEPS} steps")
