"""Convexity of P4 in SymPy: second derivatives of every group of K, written as sums of squares."""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix

from mecllm.theory.fractional import (
    local_layer_cost,
    majorant,
    products,
    snr,
    stability_cost,
    transmission_rate,
)
from mecllm.theory.symbols import LAYERS, NOISE, Pair, User

# All users and servers are alike: the first of each stands for them.
_USER, _PAIR = User.of(1), Pair.of(1, 1)


def rate_hessian() -> Matrix:
    """Hessian of the rate r in (p, b)."""
    return sp.hessian(transmission_rate(1, 1), (_USER.power, _PAIR.bandwidth))


def rate_curvature() -> tuple[Expr, Matrix]:
    """Return (c, w) with ∇²r = -c w wᵀ and c > 0: the rate is a perspective, hence concave."""
    scale = _PAIR.gain**2 / (NOISE**2 * _PAIR.bandwidth**3 * (1 + snr(1, 1)) ** 2 * sp.log(2))
    return scale, Matrix([_PAIR.bandwidth, -_USER.power])


def inverse_square_hessian() -> tuple[Matrix, Matrix]:
    """Hessian of 1/r² and the same as 6 r⁻⁴ ∇r∇rᵀ + 2 r⁻³ c w wᵀ, a sum of squares."""
    rate = transmission_rate(1, 1)
    where = (_USER.power, _PAIR.bandwidth)
    slope = Matrix([sp.diff(rate, variable) for variable in where])
    scale, direction = rate_curvature()
    squares = 6 * slope * slope.T / rate**4 + 2 * scale * direction * direction.T / rate**3
    return sp.hessian(rate**-2, where), squares


def squared_cost_curvature() -> Expr:
    """Second derivative of A(f)² in f, expanded: every term is positive."""
    return sp.expand(sp.diff(local_layer_cost(1) ** 2, _USER.frequency, 2))


def layers_curvature() -> Expr:
    """Second derivative of the α-terms of K: 2z + 2q and the curvature of the bound."""
    terms = products(1, 1)
    group = majorant(*terms["local"]) + majorant(*terms["edge"]) + stability_cost(1)
    return sp.simplify(sp.diff(group, _USER.layers, 2))


def damping() -> Expr:
    """Factor by which one FP step shrinks the distance of α to an interior fixed point.

    With A and B at their final values, the step minimises φ(α, α_t) = α² z_t + (Υ-α)² q_t + S(α).
    Differentiating its stationarity gives dα/dα_t = -φ_{αα_t}/φ_{αα}; plain alternating
    optimisation minimises αA + (Υ-α)B + S(α) itself and has the factor 0.
    """
    now, a, b = sp.symbols("alpha_t A B", positive=True)
    new = _USER.layers
    step = (
        majorant(new, a, a / (2 * now))
        + majorant(LAYERS - new, b, b / (2 * (LAYERS - now)))
        + stability_cost(1)
    )
    slope = sp.diff(step, new)
    return sp.simplify((-sp.diff(slope, now) / sp.diff(slope, new)).subs(now, new))
