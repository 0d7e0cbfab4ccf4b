"""The paper's fractional programming (Section 4.1): auxiliaries, surrogate K, P4, the iteration.

A product a·b is bounded by a²z + b²/(4z), tight at z = b/(2a). Applied to the three products of
(12) it gives the convex problem P4, equation (13), whose minimiser gives the next auxiliaries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mecllm.errors import ScenarioError, SolverError
from mecllm.model import (
    Decision,
    edge_layer_cost,
    evaluate,
    local_layer_cost,
    reference_decision,
    stability_bound,
    stability_terms,
    transmission_rate,
)
from mecllm.network import Array, IntArray, Network
from mecllm.surrogate_problem import Multipliers, SurrogateProblem

# Relative change of P4's value at which the iteration stops; the paper only says "a predefined
# small error tolerance". Convergence is linear, so the distance left is some ten times larger.
FP_TOLERANCE = 1e-4
# Clarabel's default accuracy: what a value of P4 may be wrong by, relative.
P4_TOLERANCE = 1e-8
# The paper gives no cap for this loop; convergence is linear, and a run that needs more is told.
FP_MAX_ITERATIONS = 200


class ConvexProblem(Protocol):
    """What solves P4 for auxiliaries z, v, q (N,) each."""

    def solve(self, local: Array, upload: Array, edge: Array) -> tuple[Decision, Multipliers]:
        """Return the minimiser of K and its multipliers."""
        ...


@dataclass(frozen=True, eq=False)
class Auxiliary:
    """z_n, v_{n,m} and q_{n,m} at the user's own server, arrays (N,), of the text below (15)."""

    local: Array
    upload: Array
    edge: Array


@dataclass(frozen=True, eq=False)
class FractionalProgram:
    """Outcome of the FP iteration.

    Parameters
    ----------
    decision : Decision
        Last iterate, α relaxed to [1, Υ-1].
    objective_history : array (T+1,)
        H at the start and after each P4.
    surrogate_history : array (T,)
        Minimum K of each P4.
    converged : bool
    message : str
    multipliers : Multipliers
        Of the last P4.
    """

    decision: Decision
    objective_history: Array
    surrogate_history: Array
    converged: bool
    message: str
    multipliers: Multipliers

    @property
    def iterations(self) -> int:
        """Number of P4 problems solved."""
        return len(self.surrogate_history)


def _rate(network: Network, decision: Decision) -> Array:
    gain = network.link_gain(decision.association)
    return transmission_rate(decision.bandwidth, decision.power, gain, network.noise_density)


def _layer_costs(network: Network, decision: Decision) -> tuple[Array, Array]:
    """Return A (14) and B (15)."""
    return (
        local_layer_cost(network, decision.user_frequency),
        edge_layer_cost(network, decision.association, decision.server_frequency),
    )


def auxiliary(network: Network, decision: Decision) -> Auxiliary:
    """Optimal auxiliaries at a decision: z = A/(2α), v = 1/(2psr), q = B/(2(Υ-α)).

    The paper writes d_n for the payload s(d_n) here.
    """
    local, edge = _layer_costs(network, decision)
    return Auxiliary(
        local=local / (2 * decision.local_layers),
        upload=1 / (2 * decision.power * network.payload * _rate(network, decision)),
        edge=edge / (2 * (network.layers - decision.local_layers)),
    )


def surrogate(network: Network, decision: Decision, aux: Auxiliary) -> float:
    """K at a decision and auxiliaries: equation (13).

    Where the formulation charges the upload time, ω_t s/r is added as it stands, being convex.
    """
    alpha, remaining = decision.local_layers, network.layers - decision.local_layers
    local, edge = _layer_costs(network, decision)
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
    local, edge = _layer_costs(n, decision)
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
    """∂K by block of the decision, each (N,), auxiliaries held: equations (17)-(21)."""
    n, alpha = network, decision.local_layers
    rate, rate_power, rate_bandwidth = _rate_derivatives(n, decision)
    # d/dr of ω_e/(4 r² v) + ω_t s/r
    slope = -n.weights.energy / (2 * aux.upload * rate**3) - _delay_weight(n) * n.payload / rate**2
    local, edge = _layer_costs(n, decision)
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
    bandwidth = (np.log1p(snr) - snr / (1 + snr)) / np.log(2)
    return _rate(network, decision), power, bandwidth


def _stability_slope(network: Network, alpha: Array) -> Array:
    scale, edge = stability_terms(network)
    share = alpha / network.layers
    return network.weights.stability * scale / (network.layers * (edge - share) ** 2)


def _clock_slopes(network: Network, decision: Decision) -> tuple[Array, Array]:
    """∂A/∂f and ∂B/∂f, each ψ/(CD)·(2 ω_e κ f - ω_t/f²)."""
    n, m = network, decision.association

    def slope(frequency: Array, kappa: Array, throughput: Array) -> Array:
        cost = 2 * n.weights.energy * kappa * frequency - n.weights.delay / frequency**2
        return n.flops_per_layer / throughput * cost

    return (
        slope(decision.user_frequency, n.user_kappa, n.user_throughput),
        slope(decision.server_frequency, n.server_kappa[m], n.server_throughput[m]),
    )


def fractional_programming(
    network: Network,
    association: IntArray,
    start: Decision | None = None,
    tolerance: float = FP_TOLERANCE,
    max_iterations: int = FP_MAX_ITERATIONS,
    convex_problem: Callable[[Network, Decision], ConvexProblem] = SurrogateProblem,
) -> FractionalProgram:
    """Iterate P4 and its auxiliaries from a start, as Section 4.1 does, χ held.

    Parameters
    ----------
    start : Decision, optional
        Default: `reference_decision`, α = Υ/2, p^max, f^max and equal shares.
    tolerance : float
        Relative change of P4's value at which to stop.
    max_iterations : int
        Most P4 problems; a run that reaches it returns `converged=False`.
    convex_problem : callable
        What solves P4: (network, start) → an object with `solve(z, v, q)`. Clarabel by default;
        `mecllm.separable.SeparableProblem` solves the same problem faster.

    Raises
    ------
    ScenarioError
        When ω_e and ω_t are both 0: a layer then costs nothing and the auxiliaries are 0/0.
    SolverError
        When the first P4 cannot be solved; a later failure, if new units do not cure it, ends the
        run with `converged=False` and the last good point.
    """
    if network.weights.energy == 0 and network.weights.delay == 0:
        raise ScenarioError("weights", "(energy, delay)", (0.0, 0.0), "one of them > 0")
    decision = start or reference_decision(network, association)
    problem, rescaled = convex_problem(network, decision), False
    objectives = [evaluate(network, decision).objective]
    surrogates: list[float] = []
    multipliers, converged = None, False
    message = f"cap of {max_iterations} iterations reached"
    while len(surrogates) < max_iterations:
        aux = auxiliary(network, decision)
        try:
            candidate, duals = problem.solve(aux.local, aux.upload, aux.edge)
            # K at the auxiliaries' own point is H, so a P4 solved well enough cannot exceed it.
            value = surrogate(network, candidate, aux)
            if value > objectives[-1] * (1 + P4_TOLERANCE):
                raise SolverError("P4 could not be solved accurately enough to descend")
        except SolverError as error:
            if rescaled:
                message = str(error)
                break
            # The literal track's powers shrink by orders of magnitude and leave the units behind.
            problem, rescaled = convex_problem(network, decision), True
            continue
        rescaled = False
        decision, multipliers = candidate, duals
        surrogates.append(value)
        objectives.append(evaluate(network, decision).objective)
        change = abs(surrogates[-2] - value) if len(surrogates) > 1 else np.inf
        if change <= tolerance * abs(value):
            converged, message = True, "surrogate settled"
            break
    if multipliers is None:
        raise SolverError(f"fractional programming made no step: {message}")
    return FractionalProgram(
        decision=decision,
        objective_history=np.array(objectives),
        surrogate_history=np.array(surrogates),
        converged=converged,
        message=message,
        multipliers=multipliers,
    )


def round_layers(network: Network, decision: Decision) -> Decision:
    """Make α integer in {1..Υ-1}: of its two neighbours the one that costs less.

    The paper rounds to the nearest integer, which can be the infinite Υ.
    """
    local, edge = _layer_costs(network, decision)
    candidates = np.clip(
        np.stack([np.floor(decision.local_layers), np.ceil(decision.local_layers)]),
        1,
        network.layers - 1,
    )
    cost = (
        candidates * local
        + (network.layers - candidates) * edge
        + network.weights.stability * np.stack([stability_bound(network, c) for c in candidates])
    )
    chosen = np.take_along_axis(candidates, np.argmin(cost, axis=0)[None], axis=0)[0]
    return replace(decision, local_layers=chosen)
