"""The fractional transform in SymPy: H, K and the derivatives of equations (12)-(32), derived.

H is summed from the cost model, K replaces each product of H by its AM-GM majorant, and every
equation is obtained by differentiation. What the paper prints stands in
``mecllm.theory.printed``; ``mecllm.theory.compare`` names the equations in which the two differ.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol

from mecllm.theory.symbols import (
    CONVEXITY,
    KAPPA_1,
    KAPPA_2,
    LAYERS,
    LIPSCHITZ,
    LITERAL,
    NOISE,
    OMEGA_E,
    OMEGA_S,
    OMEGA_T,
    SERVERS,
    Pair,
    Track,
    User,
)


def majorant(a: Expr, b: Expr, weight: Expr) -> Expr:
    """Right side of a·b <= a² w + b²/(4w), the inequality behind equation (13).

    Parameters
    ----------
    a, b : Expr
        Factors of the product.
    weight : Expr
        w, the auxiliary.

    Returns
    -------
    Expr
    """
    return a**2 * weight + b**2 / (4 * weight)


def best_weight(a: Expr, b: Expr) -> Expr:
    """Weight at which the majorant is smallest: solved, not quoted.

    Parameters
    ----------
    a, b : Expr
        Factors of the product.

    Returns
    -------
    Expr
    """
    weight, first, second = sp.symbols("w a b", positive=True)
    (root,) = sp.solve(sp.diff(majorant(first, second, weight), weight), weight)
    return root.subs({first: a, second: b}, simultaneous=True)


def snr(n: int, m: int) -> Expr:
    """Signal-to-noise ratio x = g p/(σ² b).

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    Expr
    """
    user, pair = User.of(n), Pair.of(n, m)
    return pair.gain * user.power / (NOISE * pair.bandwidth)


def transmission_rate(n: int, m: int) -> Expr:
    """Shannon rate r = b log2(1 + x), the formula above equation (3).

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    Expr
        [bit/s].
    """
    return Pair.of(n, m).bandwidth * sp.log(snr(n, m) + 1) / sp.log(2)


def _layer_cost(flops: Expr, throughput: Expr, frequency: Expr, kappa: Expr) -> Expr:
    delay = flops / (frequency * throughput)
    energy = kappa * frequency**3 * delay
    return OMEGA_T * delay + OMEGA_E * energy


def local_layer_cost(n: int) -> Expr:
    """Cost A(f_n) of one layer on the device, from (1) and (2)."""
    user = User.of(n)
    return _layer_cost(user.flops, user.cores * user.rate, user.frequency, KAPPA_1)


def edge_layer_cost(n: int, m: int) -> Expr:
    """Cost B(f_nm) of one layer at the server, (15), from (5) and (6).

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    Expr
    """
    pair = Pair.of(n, m)
    return _layer_cost(User.of(n).flops, pair.cores * pair.rate, pair.frequency, KAPPA_2)


def stability_cost(n: int, track: Track = LITERAL) -> Expr:
    """ω_s times the bound of Theorem 1 at the tuned share α/Υ, from (10).

    Parameters
    ----------
    n : int
        User.
    track : Track
        Says which bound.

    Returns
    -------
    Expr
    """
    user = User.of(n)
    share = user.layers / LAYERS
    bound = LIPSCHITZ**2 / user.samples
    bound *= 1 / (1 - share + CONVEXITY / 2) if track.sharp else 2 / (1 - share)
    return OMEGA_S * bound


def products(n: int, m: int) -> dict[str, tuple[Expr, Expr, Symbol]]:
    """Return the three non-convex products of user n at server m.

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    dict
        "local", "transmit", "edge" → (a, b, auxiliary) of the product a b.
    """
    user, pair = User.of(n), Pair.of(n, m)
    return {
        "local": (user.layers, local_layer_cost(n), user.z),
        "transmit": (user.power * user.bits, 1 / transmission_rate(n, m), pair.v),
        "edge": (LAYERS - user.layers, edge_layer_cost(n, m), pair.q),
    }


def objective(
    n: int, servers: tuple[int, ...] = SERVERS, track: Track = LITERAL, *, surrogate: bool = False
) -> Expr:
    """Share of user n in H, equation (12), or in the surrogate K, equation (13).

    Parameters
    ----------
    n : int
        User.
    servers : tuple of int
        Servers that the sums over m run over.
    track : Track
        Mends that the objective carries.
    surrogate : bool
        Whether products are replaced by their majorants.

    Returns
    -------
    Expr
    """

    def term(name: str, m: int) -> Expr:
        a, b, weight = products(n, m)[name]
        return majorant(a, b, weight) if surrogate else a * b

    total = term("local", servers[0]) + stability_cost(n, track)
    for m in servers:
        upload = OMEGA_E * term("transmit", m)
        if track.delay:
            upload += OMEGA_T * User.of(n).bits / transmission_rate(n, m)
        total += Pair.of(n, m).chosen * (upload + term("edge", m))
    return total


def auxiliaries(n: int, servers: tuple[int, ...] = SERVERS) -> dict[Symbol, Expr]:
    """Optimal auxiliaries z#, v#, q# of user n, each the best weight of its product.

    Parameters
    ----------
    n : int
        User.
    servers : tuple of int
        Servers whose v and q are wanted.

    Returns
    -------
    dict
        Auxiliary symbol → its optimal value.
    """
    return {weight: best_weight(a, b) for m in servers for a, b, weight in products(n, m).values()}


def variables(n: int, m: int) -> dict[str, Symbol]:
    """Variables with respect to which (17)-(21) and (27)-(31) differentiate, in that order.

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    dict
        Block of the decision → symbol.
    """
    user, pair = User.of(n), Pair.of(n, m)
    return {
        "local_layers": user.layers,
        "power": user.power,
        "bandwidth": pair.bandwidth,
        "user_frequency": user.frequency,
        "server_frequency": pair.frequency,
    }


def _derived(n: int = 1, m: int = 1) -> dict[str, Expr]:
    """Equations (12)-(32) of user n at server m, keyed by the paper's number.

    An identity between two sides, (16) and (32a)-(32e), is stored as its left side; ``printed``
    holds the right side. ``z#``, ``v#``, ``q#`` are the auxiliaries that the text assigns.
    """
    cost, bound = objective(n), objective(n, surrogate=True)
    best = auxiliaries(n)
    user, pair = User.of(n), Pair.of(n, m)
    result = {
        "12": cost,
        "13": bound,
        "14": local_layer_cost(n),
        "15": edge_layer_cost(n, m),
        "z#": best[user.z],
        "v#": best[pair.v],
        "q#": best[pair.q],
        "16": bound.subs(best),
    }
    for position, variable in enumerate(variables(n, m).values()):
        slope = sp.diff(bound, variable)
        result[str(17 + position)] = slope
        result[str(22 + position)] = slope.subs(best)
        result[str(27 + position)] = result[f"32{'abcde'[position]}"] = sp.diff(cost, variable)
    return result


#: Derived when it is first asked for.
DERIVED: dict[str, Expr]


def __getattr__(name: str) -> dict[str, Expr]:
    if name != "DERIVED":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _derived())
