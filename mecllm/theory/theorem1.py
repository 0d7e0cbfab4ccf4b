"""Theorem 1 and Appendix A in SymPy: what the paper prints, what follows, and what attains it.

Notation of the paper: α is the tuned *share* (α_n/Υ in equation (11)), k the number of samples,
L the Lipschitz constant. μ is the strong convexity of the loss, D = ‖A(Sⁱ) - A(S)‖.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product

import sympy as sp
from sympy import Expr, Symbol

SHARE = Symbol("alpha", positive=True)
SAMPLES = Symbol("k", positive=True)
LIPSCHITZ = Symbol("L", positive=True)
CURVATURE = Symbol("mu", nonnegative=True)
DISTANCE = Symbol("D", positive=True)
MULTIPLIER = Symbol("lambda", positive=True)

Law = Mapping[tuple[int, ...], Expr]


def gaps(size: int) -> tuple[Symbol, ...]:
    """Coordinates g_j of w - w⁰."""
    return sp.symbols(f"g1:{size + 1}", real=True)


def independent_masks(size: int) -> Law:
    """Law of a diagonal mask whose entries are 1 with probability α, independently."""
    return {
        mask: sp.prod([SHARE if entry else 1 - SHARE for entry in mask])
        for mask in product((0, 1), repeat=size)
    }


def layer_masks(widths: Sequence[int], tuned: int) -> Law:
    """Law of a mask that frees `tuned` whole layers, each choice equally likely.

    Parameters
    ----------
    widths : sequence of int
        Weights of each layer.
    tuned : int
        Layers that are freed.

    Returns
    -------
    mapping
        Diagonal of the mask → probability.
    """
    choices = list(combinations(range(len(widths)), tuned))
    weight = sp.Rational(1, len(choices))
    return {
        tuple(
            int(layer in choice) for layer, width in enumerate(widths) for _ in range(width)
        ): weight
        for choice in choices
    }


def expected_penalty(law: Law) -> Expr:
    """E_M ‖(I - M)(w - w⁰)‖² by enumeration of the masks, the left side of (A.5)."""
    gap = gaps(len(next(iter(law))))
    return sp.expand(
        sum(
            weight * sum((1 - entry) ** 2 * g**2 for entry, g in zip(mask, gap, strict=True))
            for mask, weight in law.items()
        )
    )


def printed_middle(law: Law) -> Expr:
    """‖w - w⁰‖² E Σ(1 - M_ii)², the middle line of (A.5)."""
    gap = gaps(len(next(iter(law))))
    count = sum(weight * sum((1 - entry) ** 2 for entry in mask) for mask, weight in law.items())
    return sp.expand(sum(g**2 for g in gap) * count)


def penalised_minimiser(weight: Expr) -> Expr:
    """Minimiser of (w - z)²/2 + weight·(w - w⁰)² over one frozen weight w."""
    w, z, anchor = sp.symbols("w z w0", real=True)
    objective = (w - z) ** 2 / 2 + weight * (w - anchor) ** 2
    return sp.factor(sp.solve(sp.diff(objective, w), w)[0])


def swap_residual(count: int, scale: Expr) -> Expr:
    """f_S(u) - f_S(v) minus the last line of (A.7), for L_S = scale · Σ_j ℓ(w, z_j), i = 1.

    Parameters
    ----------
    count : int
        k, samples of S.
    scale : Expr
        1/k for the mean loss, 1 for the sum.

    Returns
    -------
    Expr
        Zero where (A.7) is right.
    """
    pull = sp.symbols("P_u P_v", real=True)
    at_u, at_v = (sp.symbols(f"l{point}1:{count + 1}", real=True) for point in "uv")
    new_u, new_v = sp.symbols("l'u l'v", real=True)

    def objective(losses: Sequence[Expr], penalty: Expr) -> Expr:
        return scale * sum(losses) + (1 - SHARE) * penalty

    left = objective(at_u, pull[0]) - objective(at_v, pull[1])
    replaced = objective((new_u, *at_u[1:]), pull[0]) - objective((new_v, *at_v[1:]), pull[1])
    return sp.factor(left - (replaced - (new_u - new_v) / count + (at_u[0] - at_v[0]) / count))


def drop_residual(count: int) -> Expr:
    """f_S - f_{S without z_1} minus (ℓ_1 - mean of the others)/k; zero for mean losses."""
    loss = sp.symbols(f"l1:{count + 1}", real=True)
    others = sp.Rational(1, count - 1) * sum(loss[1:])
    return sp.expand(sum(loss) / sp.Integer(count) - others - (loss[0] - others) / count)


def curvature_gap(size: int) -> Expr:
    """h(u) - h(v) - ∇h(v)·(u - v) of the quadratic part h = (1-α)‖w-w⁰‖² + (μ/2)‖w‖², over D²."""
    u, v, anchor = (sp.symbols(f"{name}1:{size + 1}", real=True) for name in ("u", "v", "a"))

    def part(w: Sequence[Expr]) -> Expr:
        pull = sum((x - c) ** 2 for x, c in zip(w, anchor, strict=True))
        return (1 - SHARE) * pull + CURVATURE / 2 * sum(x**2 for x in w)

    step = [x - y for x, y in zip(u, v, strict=True)]
    slope = sum(sp.diff(part(v), y) * s for y, s in zip(v, step, strict=True))
    return sp.simplify((part(u) - part(v) - slope) / sum(s**2 for s in step))


def distance_bound(minimisers: int, curvature: Expr = CURVATURE) -> Expr:
    """Largest D that strong convexity at one or at both minimisers leaves room for: (A.16).

    Each minimiser gives (1 - α + μ/2)D², (A.11); the losses give at most 2LD/k, (A.13), (A.14).

    Parameters
    ----------
    minimisers : int
        1 or 2.
    curvature : Expr
        μ.

    Returns
    -------
    Expr
    """
    below = minimisers * (1 - SHARE + curvature / 2) * DISTANCE**2
    above = 2 * LIPSCHITZ * DISTANCE / SAMPLES
    return sp.factor(sp.solve(sp.Eq(below, above), DISTANCE)[0])


def loss_bound(minimisers: int, curvature: Expr = CURVATURE) -> Expr:
    """Largest change of a loss, L times the distance: (A.17).

    Parameters
    ----------
    minimisers, curvature
        As `distance_bound` takes them.

    Returns
    -------
    Expr
    """
    return sp.factor(LIPSCHITZ * distance_bound(minimisers, curvature))


def with_pull(factor: Expr) -> Expr:
    """Sharp bound when the pull (1 - α)‖w - w⁰‖² is multiplied by a factor.

    1/k gives the learner with the *sum* of losses of (A.1); λ gives (A.2) at multiplier λ.
    """
    return sp.factor(loss_bound(2).subs(SHARE, 1 - factor * (1 - SHARE)))


def largest_diameter() -> Expr:
    """Largest distance of two points where ℓ can be both L-Lipschitz and μ-strongly convex.

    μD² <= (∇ℓ(u) - ∇ℓ(v))·(u - v) <= 2LD.
    """
    mu = Symbol("mu", positive=True)
    return sp.solve(sp.Eq(mu * DISTANCE**2, 2 * LIPSCHITZ * DISTANCE), DISTANCE)[0]


def linear_instance() -> dict[str, Expr]:
    """ℓ(w, z) = L z w with z_i = 1 replaced by -1 and any others: the instance that attains.

    T is the sum of the other k - 1 labels; w⁰ = 0, μ = 0.
    """
    w, others = sp.symbols("w T", real=True)

    def minimiser(label: int) -> Expr:
        mean = LIPSCHITZ * w * (others + label) / SAMPLES
        return sp.solve(sp.diff(mean + (1 - SHARE) * w**2, w), w)[0]

    before, after = minimiser(1), minimiser(-1)
    change = sp.factor(LIPSCHITZ * (after - before))
    return {"before": before, "after": after, "change": change}


def curved_instance() -> dict[str, Expr]:
    """ℓ(w, z) = c z w + (μ/2) w², other labels summing to 0, on the ball that just fits.

    The ball has R = D/2, so L = c + μR; the change of the loss over the sharp bound is `ratio`.
    """
    w, slope = sp.Symbol("w", real=True), Symbol("c", positive=True)

    def minimiser(label: int) -> Expr:
        mean = slope * w * label / SAMPLES + CURVATURE / 2 * w**2
        return sp.solve(sp.diff(mean + (1 - SHARE) * w**2, w), w)[0]

    before, after = sp.factor(minimiser(1)), sp.factor(minimiser(-1))
    loss = slope * w + CURVATURE / 2 * w**2
    change = sp.factor(loss.subs(w, after) - loss.subs(w, before))
    lipschitz = slope + CURVATURE * after
    ratio = sp.factor(change / loss_bound(2).subs(LIPSCHITZ, lipschitz))
    return {"after": after, "change": change, "lipschitz": lipschitz, "ratio": ratio}


def boundary_instance() -> dict[str, Expr]:
    """f(w) = -s w + (1-α) w² on [-R, R] with s > 2(1-α)R: the minimiser is R and f'(R) < 0.

    `product` is f'(v)(u - v) at v = R and `gap` is f(u) - f(v) - (1-α)(u - v)²: they agree, so
    (A.10) needs f'(v)(u - v) >= 0 and not f'(v) = 0.
    """
    w, u = sp.symbols("w u", real=True)
    radius, excess = sp.symbols("R e", positive=True)
    slope = 2 * (1 - SHARE) * radius + excess
    objective = -slope * w + (1 - SHARE) * w**2
    gradient = sp.simplify(sp.diff(objective, w).subs(w, radius))
    gap = objective.subs(w, u) - objective.subs(w, radius) - (1 - SHARE) * (u - radius) ** 2
    return {
        "gradient": gradient,
        "product": sp.factor(gradient * (u - radius)),
        "gap": sp.factor(sp.expand(gap)),
    }


#: Bound (10) of the paper and the one from strong convexity at both minimisers; each is made when
#: it is first asked for.
PAPER_BOUND: Expr
SHARP_BOUND: Expr

_MAKERS: dict[str, Callable[[], Expr]] = {
    "PAPER_BOUND": lambda: loss_bound(1, sp.Integer(0)),
    "SHARP_BOUND": lambda: loss_bound(2),
}


def __getattr__(name: str) -> Expr:
    if name not in _MAKERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _MAKERS[name]())
