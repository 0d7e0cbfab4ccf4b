"""The paper's χ-step: problem P5 at fixed resources, its penalty P6, and CCCP (Section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mecllm.errors import ScenarioError, SolverError
from mecllm.paper.offers import Offer
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# HiGHS meets its constraints to 1e-7 in these units; nearer than that, two numbers are one.
_TOLERANCE = 1e-7
# CCCP meets no vertex twice, in practice two or three in all.
_MAX_STEPS = 100


@dataclass(frozen=True, eq=False)
class Polytope:
    """{x >= 0 : equal x = target, at_most x <= limit} over χ, flattened user by user.

    Parameters
    ----------
    equal, target : sparse array (E, NM), array (E,)
    at_most, limit : sparse array (U, NM), array (U,)
    """

    equal: csr_array
    target: Array
    at_most: csr_array
    limit: Array

    @classmethod
    def of(cls, network: Network, offer: Offer) -> Polytope:
        """Constraints of P6 on a network under an offer; (9e) and (9g) as it formulates them."""
        shares = (
            offer.bandwidth / network.bandwidth_max,
            offer.frequency / network.server_frequency_max,
        )
        return cls.of_shares(np.stack(shares), network.formulation.capacity == "equal")

    @classmethod
    def of_shares(cls, shares: Array, equal: bool) -> Polytope:
        """(9c), 0 <= χ <= 1 and, for each resource, sum over n of χ_nm shares_nm = 1 (or <= 1).

        Parameters
        ----------
        shares : array (K, N, M)
            What each pair takes of each of a server's K resources, relative to what there is.
        equal : bool
            Whether a server must hand out all it has, as (9e) and (9g) print.

        Returns
        -------
        Polytope
            Of N + K M rows.
        """
        users, servers = shares.shape[1:]
        # One entry in N or M of a row is not 0: stored in full, 800 users and 125 servers would
        # take a gigabyte, and most of the time.
        from scipy.sparse import csr_array, vstack  # imported late, as below

        pair, size = np.arange(users * servers), users * servers
        one = csr_array((np.ones(size), (pair // servers, pair)), (users, size))
        rows = csr_array((0, size))
        for share in shares:
            rows = vstack(
                (rows, csr_array((share.ravel(), (pair % servers, pair)), (servers, size)))
            )
        rows.eliminate_zeros()
        if equal:
            target = np.ones(users + rows.shape[0])
            return cls(vstack((one, rows), "csr"), target, rows[:0], target[:0])
        return cls(one, np.ones(users), rows, np.ones(rows.shape[0]))

    def contains(self, point: Array) -> bool:
        """Whether a point (NM,) satisfies every row, to `_TOLERANCE`."""
        return bool(
            np.all(np.abs(self.equal @ point - self.target) <= _TOLERANCE)
            and np.all(self.at_most @ point - self.limit <= _TOLERANCE)
            and np.all(point >= -_TOLERANCE)
        )

    def minimise(self, costs: Array, binary: bool = False) -> Array:
        """Vertex (NM,), or binary point, of least linear cost; infinite costs forbid a pair.

        Parameters
        ----------
        costs : array (NM,)
            c.
        binary : bool
            Whether every χ_nm must be 0 or 1.

        Returns
        -------
        array (NM,)
            χ.

        Raises
        ------
        SolverError
            When there is none.
        """
        # CCCP asks for the same costs from every start, and without a penalty at every step.
        asked = (costs.tobytes(), binary)
        if asked not in self._solved:
            self._solved[asked] = self._minimised(costs, binary)
        return self._solved[asked].copy()

    @cached_property
    def _solved(self) -> dict[tuple[bytes, bool], Array]:
        return {}

    def _minimised(self, costs: Array, binary: bool) -> Array:
        # Imported late: it takes most of a second.
        from scipy.optimize import Bounds, LinearConstraint, milp

        possible = np.isfinite(costs)
        result = milp(
            np.where(possible, costs, 0.0),
            integrality=np.full(len(costs), int(binary)),
            bounds=Bounds(0.0, possible.astype(float)),
            constraints=[
                LinearConstraint(self.equal, self.target, self.target),
                *([LinearConstraint(self.at_most, -np.inf, self.limit)] if len(self.limit) else []),
            ],
        )
        if result.x is None:
            raise SolverError(f"linear problem of the χ-step: {result.message}")
        whole = np.round(result.x)
        # + 0.0 makes -0.0 the same number as 0.0.
        return np.where(np.abs(result.x - whole) <= _TOLERANCE, whole, result.x) + 0.0


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
        if gain <= _TOLERANCE * np.sum(np.abs(slope[point > 0])):
            return CCCP(point, np.array(history))
        point = trial
        history.append(penalised(costs, penalty, point))
    raise SolverError(f"CCCP: still moving after {_MAX_STEPS} steps")
