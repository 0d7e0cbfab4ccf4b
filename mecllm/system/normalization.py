"""What a weight of 1 means: the terms of the objective divided by what they are at one point."""

from __future__ import annotations

from dataclasses import replace

from mecllm.system.formulation import Weights
from mecllm.system.model import evaluate, reference_decision
from mecllm.system.network import Network


def normalize_weights(network: Network) -> Network:
    """Divide each weight by the mean of its term at the reference point, as Section 5 presumes.

    The paper normalises energy, delay and stability before it weights them and does not say how.
    Here each term is divided by its mean over users at α = Υ/2, p^max and f^max, every user at the
    server of its best gain with an average share b^max·M/N and f^max·M/N of it (at most all).
    Weights of 1 then say that the three terms count alike at that point.

    Returns
    -------
    Network
        The same network with ω_e [1/J], ω_t [1/s] and ω_s in place of the bare priorities.
    """
    best = network.nearest()
    share = min(1.0, network.servers / network.users)
    point = replace(
        reference_decision(network, best),
        bandwidth=network.bandwidth_max[best] * share,
        server_frequency=network.server_frequency_max[best] * share,
    )
    cost = evaluate(network, point)
    weights = Weights(
        energy=network.weights.energy / float(cost.energy.mean()),
        delay=network.weights.delay / float(cost.delay.mean()),
        stability=network.weights.stability / float(cost.stability.mean()),
    )
    return replace(network, weights=weights, normalized_by=network.mark)
