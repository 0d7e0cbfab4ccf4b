"""One row of a sweep: a point, a track, a network and a method, and what the method reaches.

A sweep runs hundreds of thousands of methods, so each stands for its namesake in Section 5 with
exact resources (milliseconds) in place of the iterated convex programs (seconds). `joint` stands
for the proposed method at a given association: it solves the problem whose stationary points the
paper's iteration finds. `assigned` adds one association step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mecllm.allocation import Uplink, Work, allocate
from mecllm.methods import solve
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import greedy, random_association
from mecllm.system.model import Decision, evaluate, server_load
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario

# Draws of different replicates must not coincide; no sweep has a million million points.
_REPLICATE_STRIDE = 1 << 40


class Task(NamedTuple):
    """Key of a row."""

    point: int
    track: str
    replicate: int
    method: str

    @property
    def seed(self) -> int:
        """Seed of the network, which the methods and tracks of a point share."""
        return self.replicate * _REPLICATE_STRIDE + self.point


class Outcome(NamedTuple):
    """Content of a row: what a method reaches on a network, or why it could not.

    Parameters
    ----------
    energy : float
        Total [J].
    delay : float
        Mean of the users [s].
    stability : float
        Mean bound of Theorem 1; infinite at α = Υ under the paper's.
    objective : float
        H.
    layers : float
        Mean α.
    interior : float
        Share of users with 1 < α < Υ.
    ratio : float
        Median over users of B/A = (κ2/κ1)^(1/3)·C^U D^U/(C^E D^E), both clocks unlimited.
    load : float
        Users of the fullest server over N/M.
    error : str
        Empty for a row that succeeded.
    """

    energy: float | None = None
    delay: float | None = None
    stability: float | None = None
    objective: float | None = None
    layers: float | None = None
    interior: float | None = None
    ratio: float | None = None
    load: float | None = None
    error: str = ""


def measure(scenario: Scenario, values: Mapping[str, Any], seed: int, method: str) -> Outcome:
    """Run one method at one point; a failure becomes the row's error.

    Parameters
    ----------
    scenario : Scenario
        The track's scenario.
    values : mapping
        Constants to replace in it.
    seed : int
        Of the network and of the method's own random choices.
    method : str
        One of `STAND_INS`.

    Returns
    -------
    Outcome
    """
    return measure_on(lambda: scenario.replace(**values).draw(seed), seed, method)


def measure_on(draw: Callable[[], Network], seed: int, method: str) -> Outcome:
    """Run one method on a network that is drawn for it; a failure of either is the row's error.

    Parameters
    ----------
    draw : callable
        () → network.
    seed : int
        Of the method's own random choices.
    method : str
        One of `STAND_INS`.

    Returns
    -------
    Outcome
    """
    try:
        # Rows must not depend on how a process treats warnings; what is not a number shows below.
        with np.errstate(all="ignore"):
            network = draw()
            outcome = _outcome(network, STAND_INS[method](network, seed))
    # Whatever goes wrong at a point belongs into its row: the other points do not depend on it.
    except Exception as error:
        return Outcome(error=f"{type(error).__name__}: {error}")
    missing = [k for k, v in outcome._asdict().items() if isinstance(v, float) and np.isnan(v)]
    return Outcome(error=f"not a number: {', '.join(missing)}") if missing else outcome


def _outcome(network: Network, decision: Decision) -> Outcome:
    cost = evaluate(network, decision)
    alpha = decision.local_layers
    ratio = _regime_ratio(network, decision.association)
    return Outcome(
        energy=float(cost.energy.sum()),
        delay=float(cost.delay.mean()),
        stability=float(cost.stability.mean()),
        objective=cost.objective,
        layers=float(alpha.mean()),
        interior=float(np.mean((alpha > 1) & (alpha < network.layers))),
        ratio=float(np.median(ratio)),
        load=float(server_load(network, decision.association).max())
        / (network.users / network.servers),
    )


def _regime_ratio(network: Network, association: IntArray) -> Array:
    """B/A (N,) at unlimited clocks: (κ2/κ1)^(1/3)·C^U D^U/(C^E D^E).

    At its own best clock a layer costs 3/2·ω_t^(2/3)·(2 ω_e κ)^(1/3)·ψ/(C D) on either side, so
    that weights and ψ cancel. Below 1 a layer is cheaper at the server.
    """
    kappa = network.server_kappa[association] / network.user_kappa
    return np.cbrt(kappa) * network.user_throughput / network.server_throughput[association]


def _assignment(network: Network) -> IntArray:
    """Associate at least total cost when every server offers equal shares: P5 with declared offers.

    Each server has ⌊N/M⌋ places, the fastest ones one more, until there are N; a place offers
    an average share of bandwidth and clock at the pair's own best α and power. The relaxation of
    this assignment is integral, so one assignment solves it exactly and no penalty is needed.
    """
    from scipy.optimize import linear_sum_assignment  # imported late: it takes most of a second

    each, more = divmod(network.users, network.servers)
    speed = network.server_throughput * network.server_frequency_max
    places = np.full(network.servers, each)
    places[np.argsort(-speed, kind="stable")[:more]] += 1
    rows, servers = np.arange(network.users)[:, None], np.arange(network.servers)[None, :]
    share = min(1.0, network.servers / network.users)
    uplink, work = Uplink.of(network, rows, servers), Work.of(network, rows, servers)
    bandwidth = np.broadcast_to(network.bandwidth_max * share, (network.users, network.servers))
    upload = uplink.cost(bandwidth, uplink.best_power(bandwidth))
    layers = np.arange(1, network.layers)[:, None, None]
    clock = np.broadcast_to(network.server_frequency_max * share, bandwidth.shape)
    if network.formulation.capacity == "at_most" and work.energy > 0:
        clock = np.minimum(clock, work.free_clock())
    cost = upload + work.cost(layers, clock).min(axis=0)
    place = np.repeat(np.arange(network.servers), places)
    user, chosen = linear_sum_assignment(cost[:, place])
    association = np.empty(network.users, dtype=np.int64)
    association[user] = place[chosen]
    return association


def _joint(network: Network, seed: int) -> Decision:
    return allocate(network, greedy(network)).decision


def _assigned(network: Network, seed: int) -> Decision:
    """Better of the greedy association and the assignment, each with its exact resources."""
    trials = [allocate(network, chi) for chi in (greedy(network), _assignment(network))]
    return min(trials, key=lambda trial: trial.objective).decision


def _random(network: Network, seed: int) -> Decision:
    return allocate(network, random_association(network, seed)).decision


def _named(method: str) -> Callable[[Network, int], Decision]:
    def run(network: Network, seed: int) -> Decision:
        return solve(network, method, seed).decision

    return run


# `joint` is at once the proposed method of Figures 2 and 3, at a given association, and Figure 5's
# greedy baseline; `assigned` is the proposed method of Figure 5.
STAND_INS: dict[str, Callable[[Network, int], Decision]] = {
    "joint": _joint,
    "assigned": _assigned,
    "random": _random,
    **{
        name: _named(name)
        for name in ("edge_only", "local_only", "alternating", "alpha_only", "resource_only")
    },
}
