"""KKT systems of P3 and P4 in SymPy, equations (33)-(45), and why the power has none.

The Lagrangians are built from a list of constraints on a small network of two users and two
servers; the paper's (33) is transcribed beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy import Expr, Symbol

from mecllm.paper.surrogate_k import Multipliers
from mecllm.system.arrays import Array, IntArray
from mecllm.theory.fractional import auxiliaries, objective, snr, transmission_rate, variables
from mecllm.theory.symbols import LAYERS, LITERAL, SERVERS, Pair, Track, User

_USERS = (1, 2)


@dataclass(frozen=True)
class Constraint:
    """One constraint ``residual <= 0`` or ``residual = 0`` and its multiplier."""

    number: str
    equality: bool
    residual: Expr
    multiplier: Symbol


def constraints(
    users: tuple[int, ...] = _USERS, servers: tuple[int, ...] = SERVERS
) -> list[Constraint]:
    """Constraints (12a) and (9d)-(9g) of P3 and P4 with the paper's multipliers.

    Parameters
    ----------
    users, servers : tuple of int
        Numbers n and m of the small network.

    Returns
    -------
    list of Constraint
    """
    found = []
    for n in users:
        user = User.of(n)
        bounds = (
            ("12a", 1 - user.layers),
            ("12a", user.layers - LAYERS),
            ("9d", user.power - sp.Symbol(f"pmax_{n}", positive=True)),
            ("9f", user.frequency - sp.Symbol(f"fmax_{n}", positive=True)),
        )
        for position, (number, residual) in enumerate(bounds, start=1):
            dual = sp.Symbol(f"gamma_{position}{n}", nonnegative=True)
            found.append(Constraint(number, False, residual, dual))
    for m in servers:
        pairs = [Pair.of(n, m) for n in users]
        sums = (
            ("9e", sum(j.chosen * j.bandwidth for j in pairs), f"bmax_{m}"),
            ("9g", sum(j.chosen * j.frequency for j in pairs), f"Fmax_{m}"),
        )
        for position, (number, total, limit) in enumerate(sums, start=1):
            dual = sp.Symbol(f"mu_{position}{m}", real=True)
            found.append(Constraint(number, True, total - sp.Symbol(limit, positive=True), dual))
    return found


def _multiplier_terms() -> Expr:
    """Q of the paper: the sum of multipliers times constraints, the same in P3 and P4."""
    return sp.Add(*(c.multiplier * c.residual for c in constraints()))


def lagrangian(*, surrogate: bool, track: Track = LITERAL) -> Expr:
    """L_P4 = K + Q, equation (33), or L_P3 = H + Q, equation (40).

    Parameters
    ----------
    surrogate : bool
        Whether of P4, with K, rather than of P3, with H.
    track : Track
        Mends that the objective carries.

    Returns
    -------
    Expr
    """
    total = sp.Add(*(objective(n, SERVERS, track, surrogate=surrogate) for n in _USERS))
    return total + _multiplier_terms()


def printed_lagrangian() -> Expr:
    """Equation (33), transcribed: K plus the multiplier terms as the paper prints them.

    The term of γ4 stands there twice. K + Q has it once: γ4 of the print is half of that in (37).
    """
    g = {(i, n): sp.Symbol(f"gamma_{i}{n}", nonnegative=True) for i in (1, 2, 3, 4) for n in _USERS}
    mu = {(i, m): sp.Symbol(f"mu_{i}{m}", real=True) for i in (1, 2) for m in SERVERS}
    limit = {
        name: sp.Symbol(name, positive=True)
        for name in ("pmax_1", "pmax_2", "fmax_1", "fmax_2", "bmax_1", "bmax_2", "Fmax_1", "Fmax_2")
    }
    total = sp.Add(*(objective(n, surrogate=True) for n in _USERS))
    for n in _USERS:
        u = User.of(n)
        total += g[1, n] * (1 - u.layers) + g[2, n] * (u.layers - LAYERS)
        total += g[3, n] * (u.power - limit[f"pmax_{n}"])
        total += g[4, n] * (u.frequency - limit[f"fmax_{n}"])
        total += g[4, n] * (u.frequency - limit[f"fmax_{n}"])
    for m in SERVERS:
        one, two = Pair.of(1, m), Pair.of(2, m)
        bandwidth = one.chosen * one.bandwidth + two.chosen * two.bandwidth
        frequency = one.chosen * one.frequency + two.chosen * two.frequency
        total += mu[1, m] * (bandwidth - limit[f"bmax_{m}"])
        total += mu[2, m] * (frequency - limit[f"Fmax_{m}"])
    return total


def _all_variables() -> dict[Symbol, str]:
    """Every variable of the small network and the block of (38) to which it belongs."""
    return {
        symbol: block for n in _USERS for m in SERVERS for block, symbol in variables(n, m).items()
    }


def stationarity(*, surrogate: bool, track: Track = LITERAL) -> dict[Symbol, Expr]:
    """Differentiate the Lagrangian in every variable; that of P4 at the optimal auxiliaries.

    Both sides of the step from (38) to (39): they must be the same functions, so that the same
    multipliers solve (34) and (42).

    Parameters
    ----------
    surrogate : bool
        Whether the Lagrangian is that of P4 rather than that of P3.
    track : Track
        Mends that the objective carries.

    Returns
    -------
    dict
        Variable → derivative.
    """
    total = lagrangian(surrogate=surrogate, track=track)
    best = {key: value for n in _USERS for key, value in auxiliaries(n).items()}
    slopes = {symbol: sp.diff(total, symbol) for symbol in _all_variables()}
    return {s: slope.subs(best) for s, slope in slopes.items()} if surrogate else slopes


def multiplier_slopes(association: IntArray, multipliers: Multipliers) -> dict[str, Array]:
    """∂Q of (38)-(39) by block, at numerical multipliers of P4.

    Beside the paper's constraints it carries the lower bound on the power, which the paper lacks;
    the layers' upper bound is Υ-1.

    Parameters
    ----------
    association : int array (N,)
        Server of each user.
    multipliers : Multipliers
        Of users (N,) and of servers (M,).

    Returns
    -------
    dict
        Block of the decision → array (N,).
    """
    dual = multipliers
    return {
        "local_layers": dual.layers_high - dual.layers_low,
        "power": dual.power_high - dual.power_low,
        "bandwidth": dual.bandwidth[association],
        "user_frequency": dual.user_frequency,
        "server_frequency": dual.server_frequency[association],
    }


def energy_slope() -> tuple[Expr, Expr]:
    """Slope of the transmit energy s p/r in p, and its only factor whose sign is not evident.

    The factor is (1+x) ln(1+x) - x in the signal-to-noise ratio x.
    """
    user, ratio = User.of(1), sp.Symbol("x", positive=True)
    energy = user.bits * user.power / transmission_rate(1, 1)
    factor = (1 + ratio) * sp.log(1 + ratio) - ratio
    return sp.diff(energy, user.power), factor.subs(ratio, snr(1, 1))


def energy_infimum() -> Expr:
    """Limit of s p/r for p -> 0, the infimum that no power attains [J]."""
    user = User.of(1)
    return sp.limit(user.bits * user.power / transmission_rate(1, 1), user.power, 0, "+")


def _snr_step(old: Expr, new: Expr) -> Expr:
    """Stationarity of the power step of P4 at fixed bandwidth, zero at the new SNR.

    The step minimises (p s)² v + 1/(4 r² v) with v = 1/(2 p_t s r_t). Written in x = g p/(σ² b),
    every constant cancels: x (1+x) ln³(1+x) = x_t² ln²(1+x_t).
    """
    return new * (1 + new) * sp.log(1 + new) ** 3 - old**2 * sp.log(1 + old) ** 2


def derived_snr_step() -> tuple[Expr, Expr]:
    """Derive the same equation from the surrogate: (slope of its upload term, its factored form).

    The first is the slope of the upload term of K at the new power, the second its claimed
    factorisation through ``_snr_step``; their difference is zero.
    """
    user, pair = User.of(1), Pair.of(1, 1)
    new = sp.Symbol("p_new", positive=True)
    rate, old_rate = transmission_rate(1, 1).subs(user.power, new), transmission_rate(1, 1)
    weight = 1 / (2 * user.power * user.bits * old_rate)
    slope = sp.diff((new * user.bits) ** 2 * weight + 1 / (4 * rate**2 * weight), new)
    ratio, old = snr(1, 1).subs(user.power, new), snr(1, 1)
    scale = (
        user.bits
        * sp.log(2)
        / (pair.bandwidth * old * (1 + ratio) * sp.log(1 + ratio) ** 3 * sp.log(1 + old))
    )
    return slope, scale * _snr_step(old, ratio)


def snr_series(order: int = 3) -> Expr:
    """Taylor polynomial of the map x_t -> x_{t+1} at 0, by undetermined coefficients."""
    x = sp.Symbol("x", positive=True)
    unknown = sp.symbols(f"c2:{order + 1}")
    guess = x + sum(c * x ** (k + 2) for k, c in enumerate(unknown))
    equation = sp.series(_snr_step(x, guess), x, 0, order + 4).removeO()
    solved: dict[Symbol, Expr] = {}
    for power, symbol in enumerate(unknown, start=5):
        coefficient = sp.expand(equation).coeff(x, power).subs(solved)
        (solved[symbol],) = sp.solve(coefficient, symbol)
    return guess.subs(solved)


def snr_path(start: float, steps: int) -> Array:
    """Signal-to-noise ratio after each FP iteration of one user at fixed bandwidth.

    Parameters
    ----------
    start : float
        Ratio before the first iteration.
    steps : int
        Iterations.

    Returns
    -------
    array (steps,)
    """
    from scipy.optimize import brentq  # imported late: it takes most of a second

    old, new = sp.symbols("old new", positive=True)
    residual = sp.lambdify((new, old), _snr_step(old, new), "math")
    path = np.empty(steps)
    current = start
    for t in range(steps):
        # x falls, but from x = 1e10 to no less than a fifth: ratio² ln x = 1 for large x.
        current = brentq(residual, current / 10, current, args=(current,), xtol=1e-15)
        path[t] = current
    return path
