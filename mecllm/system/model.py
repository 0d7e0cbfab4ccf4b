"""The system model: equations (1)-(7) and (11) of the paper, vectorised over users.

A decision holds, for each user, the bandwidth and the clock it gets from its own server, so the
paper's sums over m with χ_{n,m} become look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.equations import computation_delay, computation_energy, transmission_rate
from mecllm.system.network import Network
from mecllm.system.stability import paper_bound, sharp_bound


@dataclass(frozen=True, eq=False)
class Decision:
    """What the optimisation chooses.

    Parameters
    ----------
    association : int array (N,)
        χ as the index m of each user's server.
    local_layers : array (N,)
        α_n, layers trained on the device; integer in a final decision.
    power : array (N,)
        p_n [W].
    bandwidth : array (N,)
        b_{n,m} [Hz] at the user's own server.
    user_frequency, server_frequency : array (N,)
        f_n and f_{n,m} [Hz], the latter at the user's own server.
    """

    association: IntArray
    local_layers: Array
    power: Array
    bandwidth: Array
    user_frequency: Array
    server_frequency: Array

    def __post_init__(self) -> None:
        association = np.array(self.association)
        if association.ndim != 1 or not np.issubdtype(association.dtype, np.integer):
            raise ScenarioError("decision", "association", association, "a list of integers")
        object.__setattr__(self, "association", association.astype(np.int64))
        for key in _DECISION_BLOCKS:
            value = np.array(getattr(self, key), dtype=np.float64)
            if value.shape != association.shape:
                shape = f"shape {value.shape}"
                raise ScenarioError("decision", key, shape, f"shape {association.shape}")
            object.__setattr__(self, key, value)


_DECISION_BLOCKS = ("local_layers", "power", "bandwidth", "user_frequency", "server_frequency")


@dataclass(frozen=True, eq=False)
class Cost:
    """What a decision costs each user; arrays (N,) unless said otherwise.

    Parameters
    ----------
    local_energy, transmission_energy, edge_energy : array (N,)
        α E^cmp (2), E^com (3) and (Υ-α) E^cmp (6) [J].
    local_delay, transmission_delay, edge_delay : array (N,)
        α T^cmp (1), s/r and (Υ-α) T^cmp (5) [s]; s/r is reported even where the literal
        formulation does not charge it.
    energy, delay : array (N,)
        What the objective charges [J], [s].
    stability : array (N,)
        The bound of Theorem 1 [units of the loss].
    objective : float
        H, the weighted sum (12).
    """

    local_energy: Array
    transmission_energy: Array
    edge_energy: Array
    local_delay: Array
    transmission_delay: Array
    edge_delay: Array
    energy: Array
    delay: Array
    stability: Array
    objective: float


def local_layer_cost(network: Network, user_frequency: Array) -> Array:
    """A(f_n) (N,), weighted cost of one local layer: equation (14)."""
    delay = computation_delay(network.flops_per_layer, user_frequency, network.user_throughput)
    energy = computation_energy(
        network.flops_per_layer, user_frequency, network.user_throughput, network.user_kappa
    )
    return network.weights.delay * delay + network.weights.energy * energy


def edge_layer_cost(network: Network, association: IntArray, server_frequency: Array) -> Array:
    """B(f_{n,m}) (N,), weighted cost of one layer at the user's server: equation (15).

    Parameters
    ----------
    association : int array (N,)
        χ as server indices.
    server_frequency : array (N,)
        f_{n,m} [Hz] at the user's own server.

    Returns
    -------
    array (N,)
        In units of the objective.
    """
    throughput = network.server_throughput[association]
    delay = computation_delay(network.flops_per_layer, server_frequency, throughput)
    energy = computation_energy(
        network.flops_per_layer, server_frequency, throughput, network.server_kappa[association]
    )
    return network.weights.delay * delay + network.weights.energy * energy


def stability_terms(network: Network) -> tuple[Array, float]:
    """Write the bound of Theorem 1 as c_n/(e - α_n/Υ): returns c (N,) and e.

    The paper's bound (10) has c = 2L²/k and e = 1, the sharp one c = L²/k and e = 1 + μ/2.
    """
    if network.formulation.stability_bound == "paper":
        return paper_bound(network.lipschitz, network.samples, 0.0), 1.0
    edge = 1.0 + network.strong_convexity / 2
    return sharp_bound(
        network.lipschitz, network.samples, 0.0, network.strong_convexity
    ) * edge, edge


def stability_bound(network: Network, local_layers: Array) -> Array:
    """Bound (N,) on the average-replace-one stability at α: equation (10) or its sharp form."""
    share = np.asarray(local_layers, dtype=np.float64) / network.layers
    if network.formulation.stability_bound == "paper":
        return paper_bound(network.lipschitz, network.samples, share)
    return sharp_bound(network.lipschitz, network.samples, share, network.strong_convexity)


def evaluate(network: Network, decision: Decision) -> Cost:
    """Cost of a decision: (1)-(7) per user and the objective of (11).

    A user that keeps all Υ layers has nothing to send and sends nothing.

    Raises
    ------
    ScenarioError
        When the decision is not one of this network or holds a number outside the model's domain.

    Examples
    --------
    >>> from mecllm import Scenario, evaluate, greedy, reference_decision
    >>> network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    >>> cost = evaluate(network, reference_decision(network, greedy(network)))
    >>> cost.delay.shape
    (4,)
    >>> weights = network.weights
    >>> parts = (weights.energy * cost.energy, weights.delay * cost.delay)
    >>> whole = sum(parts).sum() + weights.stability * cost.stability.sum()
    >>> bool(abs(whole / cost.objective - 1) < 1e-12)
    True
    """
    check_domain(network, decision)
    n, m = network, decision.association
    alpha, remaining = decision.local_layers, n.layers - decision.local_layers
    sending = remaining > 0
    rate = transmission_rate(decision.bandwidth, decision.power, n.link_gain(m), n.noise_density)
    upload = np.where(sending, n.payload / rate, 0.0)
    throughput, kappa = n.server_throughput[m], n.server_kappa[m]
    local_delay = alpha * computation_delay(
        n.flops_per_layer, decision.user_frequency, n.user_throughput
    )
    local_energy = alpha * computation_energy(
        n.flops_per_layer, decision.user_frequency, n.user_throughput, n.user_kappa
    )
    edge_delay = remaining * computation_delay(
        n.flops_per_layer, decision.server_frequency, throughput
    )
    edge_energy = remaining * computation_energy(
        n.flops_per_layer, decision.server_frequency, throughput, kappa
    )
    transmission_energy = upload * decision.power
    energy = local_energy + transmission_energy + edge_energy
    delay = local_delay + edge_delay
    if n.formulation.transmission_delay:
        delay = delay + upload
    stability = stability_bound(n, alpha)
    objective = (
        n.weights.energy * energy.sum()
        + n.weights.delay * delay.sum()
        # A zero weight switches the term off, also where α = Υ makes the bound infinite.
        + (n.weights.stability * stability.sum() if n.weights.stability else 0.0)
    )
    return Cost(
        local_energy=local_energy,
        transmission_energy=transmission_energy,
        edge_energy=edge_energy,
        local_delay=local_delay,
        transmission_delay=upload,
        edge_delay=edge_delay,
        energy=energy,
        delay=delay,
        stability=stability,
        objective=float(objective),
    )


def check_domain(network: Network, decision: Decision) -> None:
    """Refuse a decision of another network or outside the model's domain.

    Raises
    ------
    ScenarioError
        Naming the block, the first bad entry and what is allowed.
    """
    if len(decision.association) != network.users:
        raise ScenarioError(
            "decision", "users", len(decision.association), f"{network.users}, as the network has"
        )
    if not np.all((decision.association >= 0) & (decision.association < network.servers)):
        raise ScenarioError(
            "decision", "association", decision.association, f"0..{network.servers - 1}"
        )
    for key in _DECISION_BLOCKS:
        value = getattr(decision, key)
        # Layers may be 0 (all at the edge); a clock, power or bandwidth of 0 has no finite cost.
        if key == "local_layers":
            good, allowed = (value >= 0) & (value <= network.layers), f"0..{network.layers}"
        else:
            good, allowed = (value > 0) & np.isfinite(value), "a finite number > 0"
        if not good.all():
            index = int(np.flatnonzero(~good)[0])
            raise ScenarioError("decision", f"{key}[{index}]", float(value[index]), allowed)


def server_load(network: Network, association: IntArray, amount: Array | None = None) -> Array:
    """Sum (M,) of an amount (N,) over each server's users; without one, their number.

    Parameters
    ----------
    association : int array (N,)
        χ as server indices.
    amount : array (N,), optional
        What each user takes; 1 by default.

    Returns
    -------
    array (M,)
        Zero for a server without users.
    """
    return np.bincount(association, weights=amount, minlength=network.servers).astype(np.float64)


def reference_decision(network: Network, association: IntArray) -> Decision:
    """Return the declared starting point: α = Υ/2, p^max, f^max, equal shares of each server."""
    users_at_server = server_load(network, association)[association]
    return Decision(
        association=association,
        local_layers=np.full(network.users, network.layers / 2),
        power=network.power_max,
        bandwidth=network.bandwidth_max[association] / users_at_server,
        user_frequency=network.user_frequency_max,
        server_frequency=network.server_frequency_max[association] / users_at_server,
    )
