"""The methods that Section 5 compares the proposed one with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mecllm.allocation import allocate
from mecllm.paper.fractional import round_layers
from mecllm.system.arrays import Array, IntArray
from mecllm.system.model import (
    Decision,
    edge_layer_cost,
    evaluate,
    local_layer_cost,
    reference_decision,
    server_load,
    stability_terms,
)
from mecllm.system.network import Network
from mecllm.system.solution import Solution

# Alternating optimisation needs some thirty rounds at most; a run that needs more is told.
_ALTERNATING_MAX_ROUNDS = 200


# Law of the random resources of `alpha_only`, which the paper does not give: power and user clock
# uniform between this share of their maximum and the maximum, so that none is near zero and runs
# for ever; a server's bandwidth and clock are split in proportion to numbers drawn alike.
RANDOM_SHARE_MIN = 0.1


# Method's own stream of random numbers: `alpha_only` and `resource_only` with the same seed are
# random in different things, so nothing is gained from sharing one.
_STREAMS = {"alpha_only": 1, "resource_only": 2}


def alternating(network: Network, association: IntArray, tolerance: float) -> Solution:
    """Alternate the best α at given resources and the best resources at given α, χ held.

    Starts as `fractional_programming` does; each half step is exact.

    Parameters
    ----------
    association : int array (N,)
        χ.
    tolerance : float
        Relative change of H at which to stop.

    Returns
    -------
    Solution
        With integer α.
    """
    decision = reference_decision(network, association)
    history = [evaluate(network, decision).objective]
    converged, message = False, f"cap of {_ALTERNATING_MAX_ROUNDS} rounds reached"
    while len(history) <= _ALTERNATING_MAX_ROUNDS:
        layers = _best_layers(network, decision)
        decision = allocate(network, association, layers).decision
        history.append(evaluate(network, decision).objective)
        if history[-2] - history[-1] <= tolerance * abs(history[-1]):
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


def _best_layers(network: Network, decision: Decision) -> Array:
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


def alpha_at(network: Network, decision: Decision) -> Solution:
    """Best integer α at a decision's resources, named `alpha_only`."""
    layers = _best_layers(network, decision)
    rounded = round_layers(network, replace(decision, local_layers=layers))
    return closed_form("alpha_only", network, rounded)


def random_resources(
    network: Network, association: IntArray, seed: int, share_min: float
) -> Decision:
    """Draw power, bandwidth and clocks by the declared law; every server hands out all it has.

    Parameters
    ----------
    association : int array (N,)
        χ.
    seed : int
        Of the draw.
    share_min : float
        Least share of the maximum power and clock, in (0, 1].

    Returns
    -------
    Decision
        With α = 1 for every user.
    """
    rng = np.random.default_rng([seed, _STREAMS["alpha_only"]])
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


def random_layers(network: Network, seed: int, most: int | None) -> Array:
    """Draw α uniformly on the integers 1..most.

    Parameters
    ----------
    seed : int
        Of the draw.
    most : int or None
        Greatest α; None for Υ-1.

    Returns
    -------
    array (N,)
        α.
    """
    rng = np.random.default_rng([seed, _STREAMS["resource_only"]])
    share = rng.uniform(size=network.users)
    return 1 + np.floor(share * (network.layers - 1 if most is None else most))


def resources_at(network: Network, association: IntArray, layers: Array) -> Solution:
    """Best resources at given α, named `resource_only`.

    Parameters
    ----------
    association : int array (N,)
        χ.
    layers : array (N,)
        α.

    Returns
    -------
    Solution
        With these α.
    """
    return closed_form("resource_only", network, allocate(network, association, layers).decision)


def fixed_layers(method: str, layers: float, network: Network, association: IntArray) -> Solution:
    """Give every user the same α and the best resources for it.

    Parameters
    ----------
    method : str
        Name of the method.
    layers : float
        α of every user, in 0..Υ.
    network : Network
        What the users belong to.
    association : int array (N,)
        χ.

    Returns
    -------
    Solution
        With this α.
    """
    result = allocate(network, association, np.full(network.users, float(layers)))
    return closed_form(method, network, result.decision)


def closed_form(method: str, network: Network, decision: Decision) -> Solution:
    """Wrap a decision that no iteration made as the solution of a method.

    Parameters
    ----------
    method : str
        Name of the method.
    network : Network
        What the decision is for.
    decision : Decision
        Of integer α.

    Returns
    -------
    Solution
        Of one iteration.
    """
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
