"""The methods of Section 5 behind one function: `solve(network, method)`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mecllm.allocation import allocate
from mecllm.association import greedy
from mecllm.errors import ScenarioError
from mecllm.model import evaluate
from mecllm.network import IntArray, Network
from mecllm.solution import Solution
from mecllm.transform import fractional_programming, round_layers


def solve(
    network: Network,
    method: str = "proposed",
    seed: int = 0,
    association: IntArray | None = None,
) -> Solution:
    """Solve P2 on a network by one of the methods of Section 5.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    seed : int
        Of the method's own random choices, where it makes any.
    association : int array (N,), optional
        Server of each user to start from; greedy by default.

    Raises
    ------
    ScenarioError
        For an unknown method or an association that the network cannot have.
    SolverError
        When a solver returns no usable point.
    """
    if method not in METHODS:
        raise ScenarioError("solve", "method", method, "one of " + ", ".join(METHODS))
    start = greedy(network) if association is None else np.asarray(association)
    return METHODS[method](network, start, seed)


def _proposed(network: Network, association: IntArray, seed: int) -> Solution:
    """Run the paper's fractional programming; integer α afterwards, by cost."""
    run = fractional_programming(network, association)
    decision = round_layers(network, run.decision)
    return Solution(
        method="proposed",
        decision=decision,
        cost=evaluate(network, decision),
        history=run.objective_history,
        iterations=run.iterations,
        converged=run.converged,
        message=run.message,
        multipliers={
            "bandwidth": run.multipliers.bandwidth,
            "server_frequency": run.multipliers.server_frequency,
        },
    )


def _fixed_layers(method: str, layers: float, network: Network, association: IntArray) -> Solution:
    """Give every user the same α and the best resources for it."""
    result = allocate(network, association, np.full(network.users, float(layers)))
    cost = evaluate(network, result.decision)
    return Solution(
        method=method,
        decision=result.decision,
        cost=cost,
        history=np.array([cost.objective]),
        iterations=1,
        converged=True,
        message="closed form",
        multipliers={
            "bandwidth": result.bandwidth_price,
            "server_frequency": result.frequency_price,
        },
    )


def _edge_only(network: Network, association: IntArray, seed: int) -> Solution:
    """Train all Υ layers at the server: the "edge server training" of Figure 2."""
    return _fixed_layers("edge_only", 0, network, association)


def _local_only(network: Network, association: IntArray, seed: int) -> Solution:
    """Train all Υ layers on the device, nothing sent: the "local training" of Figure 2."""
    return _fixed_layers("local_only", network.layers, network, association)


METHODS: dict[str, Callable[[Network, IntArray, int], Solution]] = {
    "proposed": _proposed,
    "edge_only": _edge_only,
    "local_only": _local_only,
}
