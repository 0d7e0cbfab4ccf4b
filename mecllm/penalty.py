"""The paper's χ-step: problem P5 at fixed resources, its penalty P6, and CCCP (Section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Uplink, Work
from mecllm.errors import ScenarioError, SolverError
from mecllm.model import Decision, server_load
from mecllm.network import Array, IntArray, Network

# HiGHS meets its constraints to 1e-7 in these units; nearer than that, two numbers are one.
TOLERANCE = 1e-7
# CCCP meets no vertex twice, in practice two or three in all.
MAX_STEPS = 100


@dataclass(frozen=True, eq=False)
class Offer:
    """What each server would give each user: arrays (N, M).

    P3 chooses b_nm and f_nm for the pairs with χ_nm = 1 and leaves the others open, but P5 needs
    all of them; `OFFERS` lists the declared readings.

    Parameters
    ----------
    bandwidth, frequency : array (N, M)
        b_nm and f_nm [Hz].
    """

    bandwidth: Array
    frequency: Array


def _nothing(network: Network, decision: Decision) -> Offer:
    """Offer 0 elsewhere, which is what (9e) and (9g) leave."""
    zero = np.zeros((network.users, network.servers))
    return _with_own(decision, zero, zero)


def _carried(network: Network, decision: Decision) -> Offer:
    """Let each user carry what it has to any server."""
    ones = np.ones(network.servers)
    return Offer(np.outer(decision.bandwidth, ones), np.outer(decision.server_frequency, ones))


def _newcomer(network: Network, decision: Decision) -> Offer:
    """Offer elsewhere an equal share of the server with one user more."""
    size = server_load(network, decision.association) + 1
    ones = np.ones(network.users)
    return _with_own(
        decision,
        np.outer(ones, network.bandwidth_max / size),
        np.outer(ones, network.server_frequency_max / size),
    )


def _average(network: Network, decision: Decision) -> Offer:
    """Offer everyone, also at its own server, the share of an average server: b^max M/N."""
    ones, share = np.ones(network.users), network.servers / network.users
    return Offer(
        np.outer(ones, network.bandwidth_max * share),
        np.outer(ones, network.server_frequency_max * share),
    )


def _with_own(decision: Decision, bandwidth: Array, frequency: Array) -> Offer:
    own = (np.arange(len(decision.association)), decision.association)
    bandwidth, frequency = bandwidth.copy(), frequency.copy()
    bandwidth[own], frequency[own] = decision.bandwidth, decision.server_frequency
    return Offer(bandwidth, frequency)


OFFERS: dict[str, Callable[[Network, Decision], Offer]] = {
    "nothing": _nothing,
    "carried": _carried,
    "newcomer": _newcomer,
    "average": _average,
}


def pair_costs(network: Network, decision: Decision, offer: Offer) -> Array:
    """Coefficients (N, M) of χ in (48) at fixed α, p, b, f; infinite where b or f is 0."""
    users, servers = np.arange(network.users)[:, None], np.arange(network.servers)
    given = (offer.bandwidth > 0) & (offer.frequency > 0)
    bandwidth, clock = np.where(given, offer.bandwidth, 1.0), np.where(given, offer.frequency, 1.0)
    upload = Uplink.of(network, users, servers).cost(bandwidth, decision.power[:, None])
    remaining = (network.layers - decision.local_layers)[:, None]
    edge = remaining * Work.of(network, users, servers).layer_cost(clock)
    return np.where(given, upload + edge, np.inf)


@dataclass(frozen=True, eq=False)
class Polytope:
    """{x >= 0 : equal x = target, at_most x <= limit} over χ, flattened user by user.

    Parameters
    ----------
    equal, target : array (E, NM), (E,)
    at_most, limit : array (U, NM), (U,)
    """

    equal: Array
    target: Array
    at_most: Array
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
            What each pair takes of each server's K resources, relative to what there is.
        """
        users, servers = shares.shape[1:]
        one = np.kron(np.eye(users), np.ones(servers))
        rows = np.einsum("knm,ml->klnm", shares, np.eye(servers)).reshape(-1, users * servers)
        if equal:
            target = np.ones(users + len(rows))
            return cls(np.vstack((one, rows)), target, rows[:0], target[:0])
        return cls(one, np.ones(users), rows, np.ones(len(rows)))

    def contains(self, point: Array) -> bool:
        """Whether a point (NM,) satisfies every row, to `TOLERANCE`."""
        return bool(
            np.all(np.abs(self.equal @ point - self.target) <= TOLERANCE)
            and np.all(self.at_most @ point - self.limit <= TOLERANCE)
            and np.all(point >= -TOLERANCE)
        )

    def minimise(self, costs: Array, binary: bool = False) -> Array:
        """Vertex (NM,), or binary point, of least linear cost; infinite costs forbid a pair.

        Raises
        ------
        SolverError
            When there is none.
        """
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
        return np.where(np.abs(result.x - whole) <= TOLERANCE, whole, result.x) + 0.0


def indicator(association: IntArray, servers: int) -> Array:
    """χ (NM,) of an association given as server indices (N,)."""
    return np.eye(servers)[association].ravel()


def violation(points: Array) -> Array:
    """Left side of (47), the sum of χ (1 - χ), of each point (..., NM)."""
    return np.sum(points * (1 - points), axis=-1)


def penalised(costs: Array, penalty: float, point: Array) -> float:
    """Objective of P6, equation (50), without the local cost, which does not depend on χ."""
    used = point > 0
    return float(np.sum(costs[used] * point[used]) + penalty * violation(point))


def linearised(costs: Array, penalty: float, point: Array) -> Array:
    """Costs (NM,) of the linear problem of one CCCP step at a point: c + ϱ (1 - 2χ), from (51)."""
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
    penalty : float
        ϱ >= 0.
    start : array (NM,)
        A point of the polytope.

    Raises
    ------
    ScenarioError
        For a start outside the polytope.
    SolverError
        When a linear problem fails, or `MAX_STEPS` are not enough.
    """
    if not polytope.contains(start) or np.any(start[~np.isfinite(costs)] > 0):
        raise ScenarioError("cccp", "start", "a point outside", "a point of (9c), (9e), (9g), (46)")
    point, history = start, [penalised(costs, penalty, start)]
    for _ in range(MAX_STEPS):
        slope = linearised(costs, penalty, point)
        trial = polytope.minimise(slope)
        moved = trial != point
        gain = float(np.sum(slope[moved] * (point - trial)[moved]))
        if gain <= TOLERANCE * np.sum(np.abs(slope[point > 0])):
            return CCCP(point, np.array(history))
        point = trial
        history.append(penalised(costs, penalty, point))
    raise SolverError(f"CCCP: still moving after {MAX_STEPS} steps")
