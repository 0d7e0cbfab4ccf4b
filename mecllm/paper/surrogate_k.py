"""K, the surrogate of H that the paper minimises: auxiliaries, value, gradient, multipliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation.logarithm import rate_slope
from mecllm.system.arrays import Array
from mecllm.system.equations import layer_cost_slopes, transmission_rate
from mecllm.system.model import (
    Decision,
    edge_layer_cost,
    local_layer_cost,
    stability_bound,
    stability_terms,
)
from mecllm.system.network import Network


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Lagrange multipliers of P4 in SI units, named as (33) names them.

    Parameters
    ----------
    layers_low, layers_high : array (N,)
        γ1, γ2 of 1 <= α <= Υ-1 [objective per layer].
    power_low, power_high : array (N,)
        Of p >= p^min, which the paper lacks, and γ3 of p <= p^max [1/W].
    user_frequency : array (N,)
        γ4 of f <= f^max [1/Hz].
    bandwidth, server_frequency : array (M,)
        μ1, μ2 of (9e) and (9g) [1/Hz].
    """

    layers_low: Array
    layers_high: Array
    power_low: Array
    power_high: Array
    user_frequency: Array
    bandwidth: Array
    server_frequency: Array


@dataclass(frozen=True, eq=False)
class Auxiliary:
    """z_n, v_{n,m} and q_{n,m} at the user's own server, arrays (N,), of the text below (15)."""

    local: Array
    upload: Array
    edge: Array


def _rate(network: Network, decision: Decision) -> Array:
    gain = network.link_gain(decision.association)
    return transmission_rate(decision.bandwidth, decision.power, gain, network.noise_density)


def layer_costs(network: Network, decision: Decision) -> tuple[Array, Array]:
    """Return A (14) and B (15)."""
    return (
        local_layer_cost(network, decision.user_frequency),
        edge_layer_cost(network, decision.association, decision.server_frequency),
    )


def auxiliary(network: Network, decision: Decision) -> Auxiliary:
    """Optimal auxiliaries at a decision: z = A/(2α), v = 1/(2psr), q = B/(2(Υ-α)).

    The paper writes d_n for the payload s(d_n) here.
    """
    local, edge = layer_costs(network, decision)
    return Auxiliary(
        local=local / (2 * decision.local_layers),
        upload=1 / (2 * decision.power * network.payload * _rate(network, decision)),
        edge=edge / (2 * (network.layers - decision.local_layers)),
    )


def surrogate(network: Network, decision: Decision, aux: Auxiliary) -> float:
    """K at a decision and auxiliaries: equation (13).

    Where the formulation charges the upload time, ω_t s/r is added as it stands, being convex.

    Parameters
    ----------
    decision : Decision
        α, p, b, f^U and f^E.
    aux : Auxiliary
        z, v and q.

    Returns
    -------
    float
        Never below H, and H itself at the decision's own auxiliaries.
    """
    alpha, remaining = decision.local_layers, network.layers - decision.local_layers
    local, edge = layer_costs(network, decision)
    rate = _rate(network, decision)
    energy = (decision.power * network.payload) ** 2 * aux.upload + 1 / (4 * rate**2 * aux.upload)
    value = (
        alpha**2 * aux.local
        + local**2 / (4 * aux.local)
        + network.weights.energy * energy
        + remaining**2 * aux.edge
        + edge**2 / (4 * aux.edge)
        + network.weights.stability * stability_bound(network, alpha)
    )
    if network.formulation.transmission_delay:
        value = value + network.weights.delay * network.payload / rate
    return float(value.sum())


def gradient(network: Network, decision: Decision) -> dict[str, Array]:
    """∂H by block of the decision, each (N,): equations (27)-(31)."""
    n, alpha = network, decision.local_layers
    rate, rate_power, rate_bandwidth = _rate_derivatives(n, decision)
    local, edge = layer_costs(n, decision)
    local_slope, edge_slope = _clock_slopes(n, decision)
    charge = n.weights.energy * decision.power + _delay_weight(n)
    return {
        "local_layers": local - edge + _stability_slope(n, alpha),
        "power": n.payload * (n.weights.energy / rate - charge * rate_power / rate**2),
        "bandwidth": -n.payload * charge * rate_bandwidth / rate**2,
        "user_frequency": alpha * local_slope,
        "server_frequency": (n.layers - alpha) * edge_slope,
    }


def surrogate_gradient(network: Network, decision: Decision, aux: Auxiliary) -> dict[str, Array]:
    """∂K by block of the decision, each (N,), auxiliaries held: equations (17)-(21).

    Parameters
    ----------
    decision : Decision
        α, p, b, f^U and f^E.
    aux : Auxiliary
        z, v and q.

    Returns
    -------
    dict of array (N,)
        Keyed as the fields of `Decision`.
    """
    n, alpha = network, decision.local_layers
    rate, rate_power, rate_bandwidth = _rate_derivatives(n, decision)
    # d/dr of ω_e/(4 r² v) + ω_t s/r
    slope = -n.weights.energy / (2 * aux.upload * rate**3) - _delay_weight(n) * n.payload / rate**2
    local, edge = layer_costs(n, decision)
    local_slope, edge_slope = _clock_slopes(n, decision)
    return {
        "local_layers": _stability_slope(n, alpha)
        + 2 * aux.local * alpha
        - 2 * aux.edge * (n.layers - alpha),
        "power": 2 * n.weights.energy * n.payload**2 * aux.upload * decision.power
        + slope * rate_power,
        "bandwidth": slope * rate_bandwidth,
        "user_frequency": local * local_slope / (2 * aux.local),
        "server_frequency": edge * edge_slope / (2 * aux.edge),
    }


def _delay_weight(network: Network) -> float:
    """ω_t where the upload time is charged, else 0."""
    return network.weights.delay if network.formulation.transmission_delay else 0.0


def _rate_derivatives(network: Network, decision: Decision) -> tuple[Array, Array, Array]:
    """r, ∂r/∂p and ∂r/∂b."""
    gain = network.link_gain(decision.association) / network.noise_density
    snr = gain * decision.power / decision.bandwidth
    power = gain / (np.log(2) * (1 + snr))
    bandwidth = rate_slope(snr) / np.log(2)
    return _rate(network, decision), power, bandwidth


def _stability_slope(network: Network, alpha: Array) -> Array:
    scale, edge = stability_terms(network)
    share = alpha / network.layers
    return network.weights.stability * scale / (network.layers * (edge - share) ** 2)


def _clock_slopes(network: Network, decision: Decision) -> tuple[Array, Array]:
    """Return ∂A/∂f and ∂B/∂f (N,) [1/Hz]."""
    n, m = network, decision.association
    (fall, rise), (edge_fall, edge_rise) = (
        layer_cost_slopes(
            n.flops_per_layer, clock, throughput, kappa, n.weights.delay, n.weights.energy
        )
        for clock, throughput, kappa in (
            (decision.user_frequency, n.user_throughput, n.user_kappa),
            (decision.server_frequency, n.server_throughput[m], n.server_kappa[m]),
        )
    )
    return rise - fall, edge_rise - edge_fall
