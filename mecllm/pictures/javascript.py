"""The cost of one user as JavaScript, printed from the SymPy expressions of the derivations.

A page that computes in the reader's browser thus has no formula of its own. The expressions are
those of ``mecllm.theory.fractional``; tests compare them with what `mecllm` runs.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol
from sympy.printing.jscode import JavascriptCodePrinter

from mecllm.theory.derive_run import OWN_SERVER
from mecllm.theory.fractional import objective, products, stability_cost
from mecllm.theory.symbols import (
    KAPPA_1,
    KAPPA_2,
    LAYERS,
    OMEGA_E,
    OMEGA_S,
    OMEGA_T,
    Pair,
    Track,
    User,
)

_USER, _PAIR = User.of(1), Pair.of(1, 1)
#: What a page sets, by a readable name.
SYMBOLS: dict[str, Symbol] = {
    "delay": OMEGA_T,
    "energy": OMEGA_E,
    "stability": OMEGA_S,
    "all_layers": LAYERS,
    "user_kappa": KAPPA_1,
    "server_kappa": KAPPA_2,
    "local_layers": _USER.layers,
    "power": _USER.power,
    "user_frequency": _USER.frequency,
    "user_flops_per_cycle": _USER.rate,
    "chosen": _PAIR.chosen,
    "bandwidth": _PAIR.bandwidth,
    "server_frequency": _PAIR.frequency,
}


def user_expressions(track: Track) -> dict[str, Expr]:
    """Return what one user at one server costs, and where the cost is least in its clocks.

    Returns
    -------
    dict
        `energy` [J], `delay` [s] and `stability`, each the slope of H in its weight; `device`,
        `upload`, `server` and `bound`, the parts that H is the sum of; `user_clock` and
        `server_clock` [Hz], at which a layer costs least if no limit binds; `power_slope` [1/W],
        the slope of H in the power. A user that keeps all layers has χ = 0.
    """
    cost = objective(1, OWN_SERVER, track)
    local, edge = (a * b for a, b, _ in (products(1, 1)[name] for name in ("local", "edge")))
    server = _PAIR.chosen * edge
    upload = _PAIR.chosen * (sp.diff(cost, _PAIR.chosen) - edge)
    return {
        "energy": sp.diff(cost, OMEGA_E),
        "delay": sp.diff(cost, OMEGA_T),
        "stability": sp.diff(cost, OMEGA_S),
        "device": local,
        "upload": upload,
        "server": server,
        "bound": stability_cost(1, track),
        "user_clock": _stationary(local, _USER.frequency),
        "server_clock": _stationary(edge, _PAIR.frequency),
        "power_slope": sp.diff(cost, _USER.power),
    }


def _stationary(cost: Expr, variable: Symbol) -> Expr:
    (root,) = sp.solve(sp.diff(cost, variable), variable)
    return root


class _Printer(JavascriptCodePrinter):  # type: ignore[misc]  # SymPy ships no types
    """Print ln(1 + x) so that it is accurate at signal-to-noise ratios of 1e-6, as `mecllm` is."""

    def _print_log(self, expression: Expr) -> str:
        (argument,) = expression.args
        if argument.is_Add and sp.S.One in argument.args:
            return f"Math.log1p({self._print(argument - 1)})"
        return f"Math.log({self._print(argument)})"


def function(expression: Expr) -> str:
    """JavaScript function of one object that holds a number under each symbol's name."""
    names = ", ".join(sorted(map(str, expression.free_symbols)))
    return f"({{{names}}}) => {_Printer().doprint(expression)}"


def functions(expressions: dict[str, Expr]) -> str:
    """Object literal with a JavaScript function for each expression."""
    lines = (f"  {name}: {function(expression)}," for name, expression in expressions.items())
    return "\n".join(("{", *lines, "}"))
