"""One row of a sweep: a point, a track, a network and a method, and what the method reaches.

The methods are those of the figures, in both arrangements: as the paper describes the baselines,
and with the χ-step of the proposed method (`_chi`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mecllm.methods import METHODS, solve
from mecllm.study.claims import EQUAL_TERMS
from mecllm.system.arrays import Array, IntArray
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
        One of `RUNS`.

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
        One of `RUNS`.

    Returns
    -------
    Outcome
    """
    try:
        # Rows must not depend on how a process treats warnings; what is not a number shows below.
        with np.errstate(all="ignore"):
            network = draw()
            outcome = _outcome(network, RUNS[method](network, seed))
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


def _with_proposed(network: Network, seed: int) -> Decision:
    """Train at the edge with the association of the proposed method, as Figure 2 arranges it."""
    chi = solve(network, "proposed", seed).decision.association
    return solve(network, "edge_only", seed, chi).decision


def _named(method: str, chi_step: bool = False) -> Callable[[Network, int], Decision]:
    def run(network: Network, seed: int) -> Decision:
        return solve(network, method, seed, chi_step=chi_step).decision

    return run


#: What a sweep can run, by the names of the figures' tables.
RUNS: dict[str, Callable[[Network, int], Decision]] = {
    **{name: _named(name) for name in METHODS if name != "edge_only"},
    **{tuned: _named(name, chi_step=True) for name, tuned in EQUAL_TERMS.items()},
    "edge_only": _with_proposed,
}
