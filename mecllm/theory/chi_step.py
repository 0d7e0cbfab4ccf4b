"""The association step in SymPy: equations (46)-(51), derived from H and as the paper prints them.

Two users and two servers stand for the sums. The costs of the pairs are read off H of
``mecllm.theory.fractional``, so that (48) and (50) follow from the cost model itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp
from sympy import Expr, Matrix, Symbol

from mecllm.paper.offers import Offer
from mecllm.system.arrays import Array
from mecllm.system.model import Decision
from mecllm.system.network import Network
from mecllm.theory import fractional as transform
from mecllm.theory.derive_run import arguments, evaluate, track_of
from mecllm.theory.symbols import (
    KAPPA_1,
    KAPPA_2,
    LAYERS,
    LITERAL,
    NOISE,
    OMEGA_E,
    OMEGA_T,
    SERVERS,
    Pair,
    Track,
    User,
)

_USERS = (1, 2)
PAIRS = tuple((n, m) for n in _USERS for m in SERVERS)
#: ϱ, the weight of the penalty in P6.
_PENALTY = Symbol("varrho", positive=True)


def chosen(n: int, m: int) -> Symbol:
    """χ of the pair (n, m).

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    Symbol
    """
    return Pair.of(n, m).chosen


def last(n: int, m: int) -> Symbol:
    """χ of the pair (n, m) at the i-th iterate of (51).

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    Symbol
    """
    return Symbol(f"chi_{n}{m}^i", real=True)


def binary_points() -> sp.Set:
    """Solution set of (46) and (47) in one χ: those x in [0, 1] with x (1 - x) <= 0."""
    x = Symbol("x", real=True)
    unit = sp.Interval(0, 1)
    return sp.solveset(x * (1 - x) <= 0, x, unit)


def penalty() -> Expr:
    """Left side of (47), the sum of χ (1 - χ)."""
    return sum((chosen(*pair) * (1 - chosen(*pair)) for pair in PAIRS), start=sp.Integer(0))


def _objective(track: Track = LITERAL) -> Expr:
    """H of all users, equation (11), with everything but χ a parameter."""
    return sum((transform.objective(n, track=track) for n in _USERS), start=sp.Integer(0))


def stability(track: Track = LITERAL) -> Expr:
    """Term of (11) that (48) leaves out."""
    return sum((transform.stability_cost(n, track) for n in _USERS), start=sp.Integer(0))


def assignment_cost(track: Track = LITERAL) -> Expr:
    """G of Lemma 1: H without its stability term."""
    return _objective(track) - stability(track)


def pair_cost(n: int, m: int, track: Track = LITERAL) -> Expr:
    """Coefficient of χ_nm in H: what the pair (n, m) costs if it is used.

    Parameters
    ----------
    n, m : int
        User and server.
    track : Track
        Mends that H carries.

    Returns
    -------
    Expr
    """
    return sp.diff(_objective(track), chosen(n, m))


def _first_order(expression: Expr) -> Expr:
    """First-order Taylor expansion in χ about the i-th iterate."""
    at = {chosen(*pair): last(*pair) for pair in PAIRS}
    slope = {pair: sp.diff(expression, chosen(*pair)).subs(at) for pair in PAIRS}
    step = (slope[pair] * (chosen(*pair) - last(*pair)) for pair in PAIRS)
    return expression.subs(at) + sum(step, start=sp.Integer(0))


def difference_of_convex() -> tuple[Expr, Expr]:
    """Return (g, h) with the objective of P6 = g - h, g linear and h = ϱ Σ χ² convex."""
    total = sum((chosen(*pair) for pair in PAIRS), start=sp.Integer(0))
    squares = sum((chosen(*pair) ** 2 for pair in PAIRS), start=sp.Integer(0))
    return assignment_cost() + _PENALTY * total, _PENALTY * squares


def hessian(expression: Expr) -> Matrix:
    """Hessian in χ."""
    return sp.hessian(expression, [chosen(*pair) for pair in PAIRS])


def linearised_cost(n: int, m: int) -> Expr:
    """Coefficient of χ_nm in the linear problem of one CCCP step: c_nm + ϱ (1 - 2 χ_nm^i).

    Parameters
    ----------
    n, m : int
        User and server.

    Returns
    -------
    Expr
    """
    g, h = difference_of_convex()
    return sp.diff(g - _first_order(h), chosen(n, m))


def _derived() -> dict[str, Expr]:
    """Equations (47), (48), (50) and (51), from H and the penalty."""
    return {
        "47": penalty(),
        "48": _objective() - stability(),
        "50": assignment_cost() + _PENALTY * penalty(),
        "51": _first_order(-penalty()),
    }


def _printed() -> dict[str, Expr]:
    """Equations (47), (48), (50) and (51) as the paper prints them, transcribed by hand.

    (48) and (50) are printed through Cost_n^u and Cost_m^E, which are written out from (1)-(7).
    """
    edge, user = _printed_costs()
    cost = sum(user, start=sp.Integer(0)) + sum(edge, start=sp.Integer(0))
    chi, now = chosen, last
    return {
        "47": sum(chi(n, m) * (1 - chi(n, m)) for n in _USERS for m in SERVERS),
        "48": cost,
        "50": cost + _PENALTY * sum(chi(n, m) * (1 - chi(n, m)) for n in _USERS for m in SERVERS),
        "51": sum(now(n, m) * (now(n, m) - 1) for n in _USERS for m in SERVERS)
        + sum((2 * now(n, m) - 1) * (chi(n, m) - now(n, m)) for n in _USERS for m in SERVERS),
    }


def _printed_costs() -> tuple[list[Expr], list[Expr]]:
    """Cost_m^E by (5)-(7) for each server and Cost_n^u by (1)-(4) for each user, as printed."""
    wt, we, k1, k2 = OMEGA_T, OMEGA_E, KAPPA_1, KAPPA_2
    server, user = [], []
    for m in SERVERS:
        total = sp.Integer(0)
        for n in _USERS:
            pair, psi = Pair.of(n, m), User.of(n).flops
            delay = psi / (pair.frequency * pair.cores * pair.rate)
            energy = k2 * pair.frequency**3 * delay
            total += pair.chosen * (LAYERS - User.of(n).layers) * (wt * delay + we * energy)
        server.append(total)
    for n in _USERS:
        own = User.of(n)
        delay = own.flops / (own.frequency * own.cores * own.rate)
        energy = k1 * own.frequency**3 * delay
        upload = sum(
            pair.chosen
            * own.bits
            * own.power
            / (pair.bandwidth * sp.log(1 + pair.gain * own.power / (NOISE * pair.bandwidth), 2))
            for pair in (Pair.of(n, m) for m in SERVERS)
        )
        user.append(own.layers * (wt * delay + we * energy) + we * upload)
    return server, user


def pair_cost_values(network: Network, decision: Decision, offer: Offer) -> Array:
    """Evaluate `pair_cost` at fixed α, p and the offered b, f: derive = run.

    Parameters
    ----------
    decision : Decision
        Source of α, p and f^U; its own servers do not count.
    offer : Offer
        Bandwidth [Hz] and clock [Hz] that each server offers each user, (N, M).

    Returns
    -------
    array (N, M)
        Cost of each pair.
    """
    cost = pair_cost(1, 1, track_of(network))
    columns = []
    for server in range(network.servers):
        at = replace(
            decision,
            association=np.full(network.users, server),
            bandwidth=offer.bandwidth[:, server],
            server_frequency=offer.frequency[:, server],
        )
        columns.append(evaluate(cost, arguments(network, at)))
    return np.column_stack(columns)


#: Made when they are first asked for.
DERIVED: dict[str, Expr]
PRINTED: dict[str, Expr]


def __getattr__(name: str) -> dict[str, Expr]:
    makers = {"DERIVED": _derived, "PRINTED": _printed}
    if name not in makers:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, makers[name]())
