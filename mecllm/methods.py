"""The methods of Section 5 behind one function: `solve(network, method)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mecllm.allocation import allocate
from mecllm.association import greedy, random_association
from mecllm.errors import ScenarioError
from mecllm.model import (
    Decision,
    edge_layer_cost,
    evaluate,
    local_layer_cost,
    reference_decision,
    server_load,
    stability_terms,
)
from mecllm.network import Array, IntArray, Network
from mecllm.pricing import priced
from mecllm.separable import SeparableProblem
from mecllm.solution import Solution
from mecllm.transform import (
    FP_TOLERANCE,
    FractionalProgram,
    fractional_programming,
    round_layers,
)
from mecllm.two_step import two_step

# Alternating optimisation needs about ten rounds; a run that needs more is told.
ALTERNATING_MAX_ROUNDS = 200
# Law of the random resources of `alpha_only`, which the paper does not give: power and user clock
# uniform between this share of their maximum and the maximum, so that none is near zero and runs
# for ever; a server's bandwidth and clock are split in proportion to numbers drawn alike.
RANDOM_SHARE_MIN = 0.1
# Method's own stream of random numbers: `alpha_only` and `resource_only` with the same seed are
# random in different things, so nothing is gained from sharing one.
STREAMS = {"alpha_only": 1, "resource_only": 2}


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
        Server of each user to start from, greedy by default; `greedy`, `random` and `priced`
        choose their own.

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
    """Run the paper's two steps: fractional programming at fixed χ, then χ by CCCP, and again."""
    result = two_step(network, association)
    solution = _rounded("proposed", network, result.run)
    return replace(
        solution,
        history=result.history,
        iterations=len(result.history) - 1,
        converged=result.converged,
        message=result.message,
    )


def _fractional(method: str, network: Network, association: IntArray) -> Solution:
    """Run the paper's fractional programming at a fixed χ."""
    run = fractional_programming(network, association, convex_problem=SeparableProblem)
    return _rounded(method, network, run)


def _rounded(method: str, network: Network, run: FractionalProgram) -> Solution:
    """Integer α afterwards, by cost."""
    decision = round_layers(network, run.decision)
    return Solution(
        method=method,
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


def _greedy(network: Network, association: IntArray, seed: int) -> Solution:
    """Figure 5's baseline: each user at its best rate, resources as `proposed` allocates them."""
    return _fractional("greedy", network, greedy(network))


def _random(network: Network, association: IntArray, seed: int) -> Solution:
    """Figure 5's random association, resources as `proposed` allocates them."""
    return _fractional("random", network, random_association(network, seed))


def _priced(network: Network, association: IntArray, seed: int) -> Solution:
    """Search association and resources together by the servers' prices, with a certificate."""
    result = priced(network, seed)
    allocation = result.allocation
    return replace(
        _closed_form("priced", network, allocation.decision),
        history=np.array(result.history),
        iterations=len(result.history) - 1,
        message="no better move or swap",
        multipliers={
            "bandwidth": allocation.bandwidth_price,
            "server_frequency": allocation.frequency_price,
        },
        lower_bound=result.lower_bound,
    )


def _alternating(network: Network, association: IntArray, seed: int) -> Solution:
    """Alternate the best α at given resources and the best resources at given α, χ held.

    Starts and stops as `fractional_programming` does; each half step is exact.
    """
    decision = reference_decision(network, association)
    history = [evaluate(network, decision).objective]
    converged, message = False, f"cap of {ALTERNATING_MAX_ROUNDS} rounds reached"
    while len(history) <= ALTERNATING_MAX_ROUNDS:
        layers = best_layers(network, decision)
        decision = allocate(network, association, layers).decision
        history.append(evaluate(network, decision).objective)
        if history[-2] - history[-1] <= FP_TOLERANCE * abs(history[-1]):
            converged, message = True, "objective settled"
            break
    decision = round_layers(network, decision)
    return Solution(
        method="alternating",
        decision=decision,
        cost=evaluate(network, decision),
        history=np.array(history),
        iterations=len(history) - 1,
        converged=converged,
        message=message,
    )


def best_layers(network: Network, decision: Decision) -> Array:
    """Relaxed α in [1, Υ-1] that is best at the decision's clocks: a closed form.

    ∂H/∂α = A - B + ω_s c/(Υ (e - α/Υ)²) vanishes at e - α/Υ = √(ω_s c/(Υ (B - A))), (27).
    """
    saving = edge_layer_cost(network, decision.association, decision.server_frequency)
    saving = saving - local_layer_cost(network, decision.user_frequency)
    scale, edge = stability_terms(network)
    price = network.weights.stability * scale / network.layers
    root = np.sqrt(price / np.where(saving > 0, saving, 1.0))
    layers = np.where(saving > 0, network.layers * (edge - root), 1.0)
    return np.clip(layers, 1.0, network.layers - 1.0)


def _alpha_only(network: Network, association: IntArray, seed: int) -> Solution:
    """Best α at random resources, χ held."""
    return alpha_at(network, random_resources(network, association, seed))


def alpha_at(network: Network, decision: Decision) -> Solution:
    """Best integer α at a decision's resources, named `alpha_only`."""
    layers = best_layers(network, decision)
    rounded = round_layers(network, replace(decision, local_layers=layers))
    return _closed_form("alpha_only", network, rounded)


def random_resources(
    network: Network, association: IntArray, seed: int, share_min: float = RANDOM_SHARE_MIN
) -> Decision:
    """Draw power, bandwidth and clocks by the declared law; every server hands out all it has."""
    rng = np.random.default_rng([seed, STREAMS["alpha_only"]])
    power, bandwidth, user, server = rng.uniform(share_min, 1.0, (4, network.users))

    def split(share: Array, total: Array) -> Array:
        return share * (total[association] / server_load(network, association, share)[association])

    return Decision(
        association=association,
        local_layers=np.ones(network.users),
        power=np.maximum(power * network.power_max, network.power_min),
        bandwidth=split(bandwidth, network.bandwidth_max),
        user_frequency=user * network.user_frequency_max,
        server_frequency=split(server, network.server_frequency_max),
    )


def _resource_only(network: Network, association: IntArray, seed: int) -> Solution:
    """Best resources at random α, uniform on the integers 1..Υ-1, χ held."""
    return resources_at(network, association, random_layers(network, seed))


def random_layers(network: Network, seed: int, most: int | None = None) -> Array:
    """Draw α uniformly on the integers 1..most, Υ-1 by default."""
    rng = np.random.default_rng([seed, STREAMS["resource_only"]])
    share = rng.uniform(size=network.users)
    return 1 + np.floor(share * (network.layers - 1 if most is None else most))


def resources_at(network: Network, association: IntArray, layers: Array) -> Solution:
    """Best resources at given α, named `resource_only`."""
    return _closed_form("resource_only", network, allocate(network, association, layers).decision)


def _edge_only(network: Network, association: IntArray, seed: int) -> Solution:
    """Train all Υ layers at the server: the "edge server training" of Figure 2."""
    return _fixed_layers("edge_only", 0, network, association)


def _local_only(network: Network, association: IntArray, seed: int) -> Solution:
    """Train all Υ layers on the device, nothing sent: the "local training" of Figure 2."""
    return _fixed_layers("local_only", network.layers, network, association)


def _fixed_layers(method: str, layers: float, network: Network, association: IntArray) -> Solution:
    """Give every user the same α and the best resources for it."""
    result = allocate(network, association, np.full(network.users, float(layers)))
    prices = {"bandwidth": result.bandwidth_price, "server_frequency": result.frequency_price}
    return replace(_closed_form(method, network, result.decision), multipliers=prices)


def _closed_form(method: str, network: Network, decision: Decision) -> Solution:
    cost = evaluate(network, decision)
    return Solution(
        method=method,
        decision=decision,
        cost=cost,
        history=np.array([cost.objective]),
        iterations=1,
        converged=True,
        message="closed form",
    )


METHODS: dict[str, Callable[[Network, IntArray, int], Solution]] = {
    "proposed": _proposed,
    "alternating": _alternating,
    "alpha_only": _alpha_only,
    "resource_only": _resource_only,
    "edge_only": _edge_only,
    "local_only": _local_only,
    "greedy": _greedy,
    "random": _random,
    "priced": _priced,
}
