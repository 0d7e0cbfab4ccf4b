"""The exact solver in SymPy: what `mecllm.allocation` solves in closed form, from the cost model.

One user at one server, user 1 at server 1, on the repaired track: the upload's time is charged. In
place of the signal-to-noise ratio x = g p/(σ² b) stands u = ln(1 + x), in which every condition of
the optimum is a short expression.
"""

from __future__ import annotations

from functools import cache

import sympy as sp
from sympy import Expr, Symbol

from mecllm.theory.derive_run import OWN_SERVER
from mecllm.theory.fractional import objective, products, snr, stability_cost
from mecllm.theory.symbols import REPAIRED, Pair, User

#: u = ln(1 + x), positive.
LOG_SNR = Symbol("u", positive=True)
#: B - A, by which a layer costs more at the server than on the device.
_SAVED = Symbol("Delta", positive=True)

_USER, _PAIR = User.of(1), Pair.of(1, 1)


@cache
def upload_cost() -> Expr:
    """Weighted time and energy of the upload, (ω_t + ω_e p) s/r: the part of H that (3) makes."""
    work, costs, _ = products(1, 1)["edge"]
    return sp.factor(sp.diff(objective(1, OWN_SERVER, REPAIRED), _PAIR.chosen) - work * costs)


def at_log_snr(expression: Expr, eliminated: Symbol) -> Expr:
    """Write an expression in u, which replaces the power or the bandwidth: g p = σ² b (e^u - 1).

    Parameters
    ----------
    expression : Expr
        In p and b.
    eliminated : Symbol
        The one of the two that goes.

    Returns
    -------
    Expr
        In u and the other of the two.
    """
    (value,) = sp.solve(sp.Eq(snr(1, 1), sp.exp(LOG_SNR) - 1), eliminated)
    return sp.factor(sp.simplify(expression.subs(eliminated, value)).rewrite(sp.exp))


@cache
def free_bandwidth() -> Expr:
    """Bandwidth [Hz] at which u is best where no bound holds the power: ∂/∂p of the upload is 0."""
    slope = at_log_snr(sp.diff(upload_cost(), _USER.power), _USER.power)
    (bandwidth,) = sp.solve(slope, _PAIR.bandwidth)
    return sp.factor(bandwidth)


@cache
def free_power() -> Expr:
    """Power [W] that makes u out of `free_bandwidth`."""
    return sp.factor(at_log_snr(_USER.power, _USER.power).subs(_PAIR.bandwidth, free_bandwidth()))


@cache
def stopped_price() -> Expr:
    """Price λ [1/Hz] at which u is best at a given power: -∂/∂b of the upload."""
    return at_log_snr(-sp.diff(upload_cost(), _PAIR.bandwidth), _PAIR.bandwidth)


@cache
def free_price() -> Expr:
    """Price λ [1/Hz] at which u is best where no bound holds the power."""
    return sp.factor(sp.simplify(stopped_price().subs(_USER.power, free_power())))


def clock_price() -> Expr:
    """Price ν [1/Hz] at which a clock f is best for Υ - α layers: -∂/∂f of (Υ - α) B(f)."""
    work, cost, _ = products(1, 1)["edge"]
    return sp.factor(-sp.diff(work * cost, _PAIR.frequency))


def free_clock(cost: Expr, clock: Symbol) -> Expr:
    """Clock [Hz] of least cost, were it free of charge and of a limit.

    Parameters
    ----------
    cost : Expr
        A(f) or B(f) of one layer.
    clock : Symbol
        Its f.

    Returns
    -------
    Expr
    """
    (root,) = sp.solve(sp.diff(cost, clock), clock)
    return root


def best_layers() -> Expr:
    """Real α of least cost at given clocks, where a layer costs more at the server than at home."""
    stability = stability_cost(1, REPAIRED)
    (edge,) = sp.solve(1 / stability, _USER.layers)
    # Below the α at which the bound is infinite: the positive root.
    room = Symbol("y", positive=True)
    slope = sp.diff(stability, _USER.layers).subs(_USER.layers, edge - room) - _SAVED
    (root,) = sp.solve(sp.simplify(slope), room)
    return edge - root
