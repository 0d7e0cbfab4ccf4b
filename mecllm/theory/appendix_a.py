"""Appendix A, (A.5) to (A.18), and (10): as printed, and each derived on a path of its own.

(A.15) is a maximum over corners, (A.16) is solved for the distance, (A.17) for the change of the
loss without the distance, (A.18) adds the falls of the loss, and (10) comes from the optimality
conditions instead of the values of the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import sympy as sp
from sympy import Expr, Symbol

from mecllm.theory.theorem1 import (
    CURVATURE,
    DISTANCE,
    LIPSCHITZ,
    SAMPLES,
    SHARE,
    curvature_gap,
    distance_bound,
    expected_penalty,
    gaps,
    independent_masks,
)


def _largest_room() -> Expr:
    """Largest right side of (A.12) that (A.13) and (A.14) leave room for: that of (A.15).

    It is linear in the two changes of a loss, each between -LD and LD, so a corner has the largest.
    """
    reach = (-LIPSCHITZ * DISTANCE, LIPSCHITZ * DISTANCE)
    return sp.Max(*((own - new) / SAMPLES for own, new in product(reach, repeat=2)))


def _largest_rise(pull: Expr = 1 - SHARE) -> Expr:
    """Largest rise c of the loss, (A.17), found without (A.16).

    By (A.13) the distance is at least c/L. There, (1-α)D² - LD/k grows with D, and (A.12) with
    (A.14) keeps it below c/k; at the largest c both are equalities.

    Parameters
    ----------
    pull : Expr
        1 - α.

    Returns
    -------
    Expr
    """
    rise = Symbol("c", positive=True)
    room = (rise + rise) / SAMPLES - pull * (rise / LIPSCHITZ) ** 2
    return sp.factor(sp.solve(room, rise)[0])


def _largest_fall(pull: Expr = 1 - SHARE) -> Expr:
    """Largest fall of the loss: (A.12) and (A.14) alone leave LD - k(1-α)D², largest at some D.

    Parameters
    ----------
    pull : Expr
        1 - α.

    Returns
    -------
    Expr
    """
    fall = LIPSCHITZ * DISTANCE - SAMPLES * pull * DISTANCE**2
    (at,) = sp.solve(sp.diff(fall, DISTANCE), DISTANCE)
    return sp.factor(fall.subs(DISTANCE, at))


def _largest_change() -> Expr:
    """Largest |change| of the loss, whose expectation (A.18) bounds: rise or fall."""
    pull = Symbol("beta", positive=True)
    return sp.Max(_largest_rise(pull), _largest_fall(pull)).subs(pull, 1 - SHARE)


def gradient_bound() -> Expr:
    """Bound from the two optimality conditions, without (A.7) to (A.18).

    With g the gradients of f_S and f_{Sⁱ}, each zero at its own minimiser: 2(1-α)D² is at most
    (g_S(u) - g_S(v))·(u - v) = (g_S(u) - g_{Sⁱ}(u))·(u - v), where only the replaced sample is
    left, (∇ℓ(u, z_i) - ∇ℓ(u, z_i'))/k, of length 2L/k at most. (10) is twice the result.
    """
    monotone = 2 * (1 - SHARE) * DISTANCE**2
    replaced = (LIPSCHITZ + LIPSCHITZ) / SAMPLES * DISTANCE
    return sp.factor(LIPSCHITZ * sp.solve(monotone - replaced, DISTANCE)[0])


def expected_change(count: int, chance: Expr, new_chance: Expr) -> Expr:
    """Left side of (A.18) for ℓ(w, z) = L z w and k = `count`, by listing every S and z_i'.

    Parameters
    ----------
    count : int
        k; at most a few, as 2^(k+1) cases are listed.
    chance, new_chance : Expr
        Of the label +1, for the samples and for the replacement.

    Returns
    -------
    Expr
    """

    def weight(label: int, plus: Expr) -> Expr:
        return plus if label > 0 else 1 - plus

    def minimiser(labels: Sequence[int]) -> Expr:
        w = sp.Symbol("w", real=True)
        mean = LIPSCHITZ * w * sum(labels) / sp.Integer(count)
        return sp.solve(sp.diff(mean + (1 - SHARE) * w**2, w), w)[0]

    total = sp.Integer(0)
    for *labels, new in product((1, -1), repeat=count + 1):
        before, after = minimiser(labels), minimiser([new, *labels[1:]])
        # The factor L/(1-α) is positive, so the absolute value is that of the rest.
        rest = sp.cancel((after - before) * (1 - SHARE) / LIPSCHITZ)
        law = sp.prod([weight(label, chance) for label in labels]) * weight(new, new_chance)
        total += law * abs(rest)
    return sp.factor(total * LIPSCHITZ**2 / (1 - SHARE))


def _printed() -> dict[str, Expr]:
    """Formulas of Appendix A as the paper prints them, transcribed by hand (ξ = 3 for (A.5))."""
    pull = sum(g**2 for g in gaps(3))
    return {
        "A.5 middle": pull * 3 * (1 - SHARE),
        "A.5 last": pull * (1 - SHARE),
        "A.9": 1 - SHARE,
        "A.11": (1 - SHARE) * DISTANCE**2,
        "A.15": 2 * LIPSCHITZ * DISTANCE / SAMPLES,
        "A.16": 2 * LIPSCHITZ / ((1 - SHARE) * SAMPLES),
        "A.17": 2 * LIPSCHITZ**2 / ((1 - SHARE) * SAMPLES),
        "A.18": 2 * LIPSCHITZ**2 / ((1 - SHARE) * SAMPLES),
        "10": 2 * LIPSCHITZ**2 / (SAMPLES * (1 - SHARE)),
    }


def _derived() -> dict[str, Expr]:
    """Derive the same quantities; they are the printed ones but for the middle line of (A.5)."""
    masks = independent_masks(3)
    return {
        "A.5 middle": expected_penalty(masks),
        "A.5 last": expected_penalty(masks),
        "A.9": curvature_gap(2).subs(CURVATURE, 0),
        "A.11": curvature_gap(2).subs(CURVATURE, 0) * DISTANCE**2,
        "A.15": _largest_room(),
        "A.16": distance_bound(1, sp.Integer(0)),
        "A.17": _largest_rise(),
        "A.18": _largest_change(),
        "10": 2 * gradient_bound(),
    }


#: All formulas as printed and as derived; made when they are first asked for.
PRINTED: dict[str, Expr]
DERIVED: dict[str, Expr]

_MAKERS: dict[str, Callable[[], dict[str, Expr]]] = {"PRINTED": _printed, "DERIVED": _derived}


def __getattr__(name: str) -> dict[str, Expr]:
    if name not in _MAKERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _MAKERS[name]())
