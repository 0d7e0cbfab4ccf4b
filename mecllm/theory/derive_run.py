"""Derive = run: derived expressions evaluated on a network and compared with what `mecllm` runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from sympy import Expr, Symbol

from mecllm.paper import surrogate_k as run
from mecllm.paper.surrogate_k import Auxiliary
from mecllm.system import equations, model
from mecllm.system.arrays import Array, IntArray
from mecllm.system.model import Decision
from mecllm.system.network import Network
from mecllm.theory.fractional import (
    auxiliaries,
    edge_layer_cost,
    local_layer_cost,
    objective,
    transmission_rate,
    variables,
)
from mecllm.theory.symbols import (
    CONVEXITY,
    KAPPA_1,
    KAPPA_2,
    LAYERS,
    LIPSCHITZ,
    NOISE,
    OMEGA_E,
    OMEGA_S,
    OMEGA_T,
    Pair,
    Track,
    User,
)

#: A stored decision knows each user's own server only, so sums over m have this one term.
OWN_SERVER = (1,)

#: Decimal digits of derived values; signal-to-noise ratios of 1e-6 cancel up to twelve of them.
_DIGITS = 40


def arguments(
    network: Network, decision: Decision, auxiliary: Auxiliary | None = None
) -> dict[Symbol, Array]:
    """Value of every symbol of user 1 at server 1, for all users of a network.

    The symbols of one user stand for each user in turn: K and H are sums over users, so one term
    evaluated on arrays gives all of them.

    Parameters
    ----------
    decision : Decision
        Where the variables are read.
    auxiliary : Auxiliary, optional
        z, v and q, for expressions that hold them.

    Returns
    -------
    dict
        Symbol → array (N,), or () where all users share the value.
    """
    user, pair, own = User.of(1), Pair.of(1, 1), decision.association
    values = {
        OMEGA_T: network.weights.delay,
        OMEGA_E: network.weights.energy,
        OMEGA_S: network.weights.stability,
        LAYERS: network.layers,
        LIPSCHITZ: network.lipschitz,
        CONVEXITY: network.strong_convexity,
        NOISE: network.noise_density,
        KAPPA_1: network.user_kappa,
        KAPPA_2: network.server_kappa[own],
        user.layers: decision.local_layers,
        user.power: decision.power,
        user.frequency: decision.user_frequency,
        user.flops: network.flops_per_layer,
        user.bits: network.payload,
        user.samples: network.samples,
        # The network stores C·D, the only combination in which C and D occur.
        user.cores: network.user_throughput,
        user.rate: 1.0,
        pair.chosen: 1.0,
        pair.bandwidth: decision.bandwidth,
        pair.frequency: decision.server_frequency,
        pair.gain: network.link_gain(own),
        pair.cores: network.server_throughput[own],
        pair.rate: 1.0,
    }
    if auxiliary is not None:
        values |= {user.z: auxiliary.local, pair.v: auxiliary.upload, pair.q: auxiliary.edge}
    return {symbol: np.asarray(value, dtype=np.float64) for symbol, value in values.items()}


def evaluate(expression: Expr, values: dict[Symbol, Array]) -> Array:
    """Evaluate an expression at the values of its symbols, with digits to spare.

    Slopes such as (28) are small differences of large terms where the signal-to-noise ratio is
    small; here they are exact, so that what differs is the rounding of the code compared.

    Parameters
    ----------
    expression : Expr
    values : dict
        Symbol → array, as `arguments` gives them; the arrays are broadcast.

    Returns
    -------
    array
        Of the broadcast shape, (N,) for the arrays of a network.
    """
    # SymPy's own arithmetic: it comes with SymPy and is not asked for apart.
    from mpmath import mp  # type: ignore[import-untyped]

    compiled, symbols = _compile(expression)
    columns = np.broadcast_arrays(*(values[symbol] for symbol in symbols))
    with mp.workdps(_DIGITS):
        rows = zip(*(column.ravel() for column in columns), strict=True)
        flat = [float(compiled(*map(mp.mpf, row))) for row in rows]
    return np.reshape(flat, columns[0].shape)


@cache
def _compile(expression: Expr) -> tuple[Callable[..., Any], list[Symbol]]:
    symbols = sorted(expression.free_symbols, key=str)
    return sp.lambdify(symbols, expression, "mpmath", cse=True), symbols


def track_of(network: Network) -> Track:
    """Return the symbolic track that a network's formulation stands for."""
    flags = network.formulation
    return Track(delay=flags.transmission_delay, sharp=flags.stability_bound == "sharp")


def _derived_values(network: Network, decision: Decision) -> dict[str, Array]:
    """Values of the derived equations at a decision, keyed by the paper's number.

    The auxiliaries in (13) and (17)-(21) are those that are optimal at the reference point, so
    that K differs from H.
    """
    elsewhere = run.auxiliary(network, model.reference_decision(network, decision.association))
    own, other = arguments(network, decision), arguments(network, decision, elsewhere)
    track, user, pair = track_of(network), User.of(1), Pair.of(1, 1)
    cost = objective(1, OWN_SERVER, track)
    bound = objective(1, OWN_SERVER, track, surrogate=True)
    best = auxiliaries(1, OWN_SERVER)
    values = {
        "r": evaluate(transmission_rate(1, 1), own),
        "12": evaluate(cost, own).sum(),
        "13": evaluate(bound, other).sum(),
        "14": evaluate(local_layer_cost(1), own),
        "15": evaluate(edge_layer_cost(1, 1), own),
        "z#": evaluate(best[user.z], own),
        "v#": evaluate(best[pair.v], own),
        "q#": evaluate(best[pair.q], own),
    }
    for position, variable in enumerate(variables(1, 1).values()):
        values[str(17 + position)] = evaluate(sp.diff(bound, variable), other)
        values[str(27 + position)] = evaluate(sp.diff(cost, variable), own)
    return values


def _run_values(network: Network, decision: Decision) -> dict[str, Array]:
    """Compute the same equations by the functions that `mecllm` ships."""
    m = decision.association
    elsewhere = run.auxiliary(network, model.reference_decision(network, m))
    best = run.auxiliary(network, decision)
    rate = equations.transmission_rate(
        decision.bandwidth, decision.power, network.link_gain(m), network.noise_density
    )
    values = {
        "r": rate,
        "12": np.asarray(model.evaluate(network, decision).objective),
        "13": np.asarray(run.surrogate(network, decision, elsewhere)),
        "14": model.local_layer_cost(network, decision.user_frequency),
        "15": model.edge_layer_cost(network, m, decision.server_frequency),
        "z#": best.local,
        "v#": best.upload,
        "q#": best.edge,
    }
    slopes = run.surrogate_gradient(network, decision, elsewhere)
    true = run.gradient(network, decision)
    for position, block in enumerate(variables(1, 1)):
        values[str(17 + position)] = slopes[block]
        values[str(27 + position)] = true[block]
    return values


def differences(network: Network, decision: Decision) -> dict[str, float]:
    """Largest |run - derived| of each equation, relative to its largest derived value."""
    derived, computed = _derived_values(network, decision), _run_values(network, decision)
    return {
        number: float(np.max(np.abs(computed[number] - value)) / np.max(np.abs(value)))
        for number, value in derived.items()
    }


def random_decision(network: Network, association: IntArray, rng: np.random.Generator) -> Decision:
    """Draw an admissible decision with relaxed α: the point at which formulas are compared.

    Parameters
    ----------
    association : int array (N,)
        Server of each user.
    rng : Generator
        Source of the draw.

    Returns
    -------
    Decision
    """

    def shares() -> Array:
        weight = rng.uniform(0.2, 1.0, network.users)
        return weight / model.server_load(network, association, weight)[association]

    return Decision(
        association=association,
        local_layers=rng.uniform(1, network.layers - 1, network.users),
        power=rng.uniform(
            np.maximum(network.power_min, 0.05 * network.power_max), network.power_max
        ),
        bandwidth=shares() * network.bandwidth_max[association],
        user_frequency=rng.uniform(0.2, 1.0, network.users) * network.user_frequency_max,
        server_frequency=shares() * network.server_frequency_max[association],
    )
