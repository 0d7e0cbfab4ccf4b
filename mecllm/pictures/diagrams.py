"""Pictures that explain: the system, the algorithm, the surrogate, the dual, the split.

Boxes and arrows stand on a plane in inches of the page, so that letters keep their size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from mecllm.pictures.style import PALETTE, label_line, panels
from mecllm.system.arrays import Array
from mecllm.theory.fractional import best_weight, majorant

# Lighter than any line and apart from each other in grey: 93 % and 82 % of white.
_DEVICE, _EDGE = "#E4EEF7", "#FFD9A8"
_INK = PALETTE["black"]
# Letters that are read at the width of a phone, where the page is shown at 60 %.
_TEXT, _SMALL = 10.5, 9.5
# Layers that stand for Υ: as many as can be counted at a glance.
_LAYERS = 8


def _plane(height: float) -> tuple[Figure, Axes]:
    """Figure as wide as the page whose data units are inches."""
    figure, (axis,) = panels(height=height)
    width = figure.get_figwidth()
    figure.set_layout_engine("none")
    axis.set_position((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(0, height))
    axis.axis("off")
    return figure, axis


def _box(
    axis: Axes, corner: tuple[float, float], size: tuple[float, float], text: str, fill: str
) -> None:
    """Draw a box with rounded corners and its text in the middle."""
    axis.add_patch(
        FancyBboxPatch(
            corner, *size, boxstyle="round,pad=0,rounding_size=0.08", fc=fill, ec=_INK, lw=0.9
        )
    )
    middle = (corner[0] + size[0] / 2, corner[1] + size[1] / 2)
    axis.text(*middle, text, ha="center", va="center", fontsize=_TEXT, linespacing=1.3)


def _arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0, **look: Any
) -> None:
    """Draw an arrow, bent by a share of its length."""
    shape: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 13,
        "shrinkA": 0,
        "shrinkB": 0,
        **look,
    }
    curve = f"arc3,rad={bend}"
    axis.add_patch(FancyArrowPatch(start, end, connectionstyle=curve, lw=1.3, color=_INK, **shape))


def _strip(axis: Axes, x: float, y: float, first: int, last: int, fill: str) -> None:
    """Draw Υ layers side by side, those from `first` to before `last` filled."""
    side = 0.17
    empty: dict[str, Any] = {"fc": "white", "ec": "#BBBBBB", "lw": 0.5, "zorder": 2}
    filled: dict[str, Any] = {"fc": fill, "ec": _INK, "lw": 0.8, "zorder": 3}
    for layer in range(_LAYERS):
        look = filled if first <= layer < last else empty
        axis.add_patch(Rectangle((x + layer * side, y), side, 0.22, **look))


def _shares(axis: Axes, x: float, y: float, parts: list[tuple[float, str]]) -> None:
    """Draw a server's whole bandwidth or clock as a bar, cut into shares [inch] with names."""
    for width, name in parts:
        fill, line = ("white", ":") if name == "idle" else (_EDGE, "-")
        axis.add_patch(Rectangle((x, y), width, 0.25, fc=fill, ec=_INK, lw=0.8, ls=line))
        axis.text(x + width / 2, y + 0.115, name, ha="center", va="center", fontsize=_SMALL)
        x += width


def draw_system() -> Figure:
    """Draw users, servers, what is sent between them, and every decision where it is taken."""
    figure, axis = _plane(3.9)
    axis.text(0.95, 3.72, "users: layers 1…α", ha="center", va="center", fontsize=_TEXT)
    axis.text(5.35, 3.72, "servers: the other layers", ha="center", va="center", fontsize=_TEXT)
    for n, (local, low) in enumerate(((3, 2.55), (1, 1.4), (5, 0.25)), start=1):
        _box(axis, (0.1, low), (1.7, 0.95), "", _DEVICE)
        axis.text(0.2, low + 0.75, f"user {n}", va="center", fontsize=_TEXT)
        _strip(axis, 0.27, low + 0.38, 0, local, PALETTE["blue"])
        axis.text(0.2, low + 0.17, f"$\\alpha_{n}$, clock $f_{n}$", va="center", fontsize=_TEXT)
    servers = ((1, 1.55, 2.0, (1, 2)), (2, 0.25, 1.1, (3,)))
    local_of = {1: 3, 2: 1, 3: 5}
    for m, low, height, own in servers:
        _box(axis, (4.25, low), (2.15, height), "", "white")
        axis.text(4.35, low + height - 0.18, f"server {m}", va="center", fontsize=_TEXT)
        for row, n in enumerate(own):
            y = low + height - 0.62 - 0.32 * row
            axis.text(4.35, y + 0.1, f"{n}", va="center", fontsize=_TEXT)
            _strip(axis, 4.62, y, local_of[n], _LAYERS, PALETTE["orange"])
        first, last = [f"$b_{{{n},{m}}}$" for n in own], [f"$f_{{{n},{m}}}$" for n in own]
        if len(own) == 2:
            _shares(axis, 4.35, low + 0.48, [(1.15, first[0]), (0.8, first[1])])
            _shares(axis, 4.35, low + 0.12, [(0.75, last[0]), (1.2, last[1])])
        else:
            _shares(axis, 4.35, low + 0.12, [(0.95, first[0])])
            _shares(axis, 5.4, low + 0.12, [(0.5, last[0]), (0.4, "idle")])
    for n, low, high in ((1, 3.02, 2.9), (2, 1.87, 2.35), (3, 0.72, 0.8)):
        _arrow(axis, (1.84, low), (4.21, high))
        tilt = np.degrees(np.arctan2(high - low, 4.21 - 1.84))
        axis.text(
            3.0, (low + high) / 2 + 0.13, f"$s(d_{n})$ bits, power $p_{n}$",
            ha="center", va="center", fontsize=_TEXT, rotation=tilt,
        )  # fmt: skip
    axis.text(3.0, 1.42, "$\\chi$: who is\nserved where", ha="center", va="center", fontsize=_TEXT)
    return figure


def draw_algorithm() -> Figure:
    """Draw the flow of the paper's two steps, with the loops inside them and the one around."""
    figure, axis = _plane(4.6)
    _box(axis, (0.9, 3.95), (4.7, 0.52), "start: an association χ, layers, powers, shares", "white")
    for x, title, fill in (
        (0.1, "Step 1: resources, χ fixed", _DEVICE),
        (3.4, "Step 2: association, the rest fixed", _EDGE),
    ):
        _box(axis, (x, 1.3), (3.0, 2.3), "", fill)
        axis.text(x + 1.5, 3.4, title, ha="center", va="center", fontsize=_TEXT)
    _box(axis, (0.55, 2.6), (2.1, 0.55), "auxiliaries z, v, q\nin closed form", "white")
    _box(axis, (0.55, 1.65), (2.1, 0.55), "least K of (13):\na convex problem", "white")
    _box(axis, (3.85, 2.6), (2.1, 0.55), "tangent (51) of\nthe penalty", "white")
    _box(axis, (3.85, 1.65), (2.1, 0.55), "a linear problem\nin χ", "white")
    for x in (0.55, 3.85):
        _arrow(axis, (x + 0.75, 2.58), (x + 0.75, 2.22))
        _arrow(axis, (x + 1.35, 2.22), (x + 1.35, 2.58))
    for x, text in ((1.6, "until K falls by less than τ"), (4.9, "until χ stays")):
        axis.text(x, 1.46, text, ha="center", va="center", fontsize=_SMALL)
    _arrow(axis, (1.6, 3.93), (1.6, 3.62))
    _arrow(axis, (3.12, 2.45), (3.38, 2.45))
    _box(axis, (3.5, 0.35), (2.8, 0.55), "resources anew at the new χ:\nhas H fallen?", "white")
    _arrow(axis, (4.9, 1.28), (4.9, 0.92))
    _arrow(axis, (3.48, 0.75), (1.6, 1.28), -0.25)
    axis.text(2.25, 1.08, "yes", ha="center", va="center", fontsize=_TEXT)
    _box(axis, (0.1, 0.17), (2.1, 0.45), "keep the old χ, round α", "white")
    _arrow(axis, (3.48, 0.4), (2.22, 0.4))
    axis.text(2.85, 0.24, "no", ha="center", va="center", fontsize=_TEXT)
    return figure


def draw_surrogate(
    local: float, edge: float, stability: float, start: float, steps: int = 3, layers: int = 32
) -> Figure:
    """Draw the part of H that depends on α for one user, and surrogates that touch it in turn.

    Parameters
    ----------
    local, edge : float
        A and B, cost of a layer on the device and at the server.
    stability : float
        Cost of the bound at α = 0; it grows like 1/(1 - α/Υ).
    start : float
        First iterate α.
    steps : int
        Surrogates, each at the minimiser of the one before.
    layers : int
        Υ.

    Returns
    -------
    Figure
    """
    alpha = np.linspace(1, layers - 1, 601)

    def parts(at: Array) -> tuple[tuple[Array, float], tuple[Array, float]]:
        return (at, local), (layers - at, edge)

    def true(at: Array) -> Array:
        return sum(a * b for a, b in parts(at)) + stability / (1 - at / layers)

    figure, (axis,) = panels(height=3.3)
    axis.plot(alpha, true(alpha), color=_INK, lw=2.2, ls="-")
    label_line(axis, float(alpha[60]), float(true(alpha[60])), "H", xytext=(0, -11), fontsize=_TEXT)
    looks = zip(("blue", "red", "green", "purple"), ("--", "-.", ":", (0, (5, 1))), strict=True)
    at = np.asarray(start)
    for step, (color, dashes) in zip(range(steps), looks, strict=False):
        weights = [float(best_weight(a, b)) for a, b in parts(at)]
        upper = stability / (1 - alpha / layers)
        for (a, b), weight in zip(parts(alpha), weights, strict=True):
            upper = upper + majorant(a, b, weight)
        axis.plot(alpha, upper, color=PALETTE[color], ls=dashes)
        axis.plot(at, true(at), "o", color=PALETTE[color], ms=6)
        label_line(
            axis, float(at), float(true(at)), f"$\\alpha_{step}$",
            xytext=(7, -9), color=PALETTE[color], fontsize=_TEXT,
        )  # fmt: skip
        if step == 0:
            place = int(np.searchsorted(alpha, start - 12.8))
            label_line(
                axis, float(alpha[place]), float(upper[place]),
                "K with the auxiliaries of $\\alpha_0$", xytext=(6, 3), color=PALETTE[color],
            )  # fmt: skip
        lowest = int(np.argmin(upper))
        axis.plot(
            [alpha[lowest]] * 2, [upper[lowest], true(alpha[lowest])],
            color=PALETTE[color], ls=(0, (1, 1.5)), lw=1.2,
        )  # fmt: skip
        axis.plot(alpha[lowest], upper[lowest], "v", color=PALETTE[color], ms=6)
        at = alpha[lowest]
    low, high = float(true(alpha).min()), float(true(np.asarray(start)))
    axis.set(xlabel="local layers α", ylabel="cost of one user [1]", xlim=(1, layers))
    axis.set_ylim(low - 0.15 * (high - low), high + 0.6 * (high - low))
    return figure


def draw_dual(axis: Axes, price: Array, value: Array, slope: Array) -> None:
    """Draw a dual function as the lower envelope of the lines that its evaluations give.

    Each evaluation at a price finds the cheapest choice of all users; what that choice would cost
    at any other price is a line, above the dual everywhere and on it where it was found.

    Parameters
    ----------
    axis : Axes
        Where to draw.
    price : array (Q,)
        Prices, increasing.
    value, slope : array (Q,)
        The dual there and its supergradient, what is asked for less what there is.
    """
    every = np.linspace(price[0], price[-1], 400)
    lines = value[:, None] + slope[:, None] * (every - price[:, None])
    for line, rising in zip(lines, slope > 0, strict=True):
        color, dashes = (PALETTE["blue"], "-") if rising else (PALETTE["red"], (0, (4, 1.5)))
        axis.plot(every, line, color=color, ls=dashes, lw=0.8)
    axis.plot(every, lines.min(axis=0), color=_INK, lw=2.4, ls="-")
    axis.plot(price, value, "o", color=_INK, ms=3.5)
    height = np.ptp(value)
    axis.set_ylim(value.min() - 0.05 * height, value.max() + 0.45 * height)
    axis.set_xlim(price[0], price[-1])


def draw_split() -> Figure:
    """Draw one training step cut after layer α: what each side does, and what crosses the wire."""
    figure, axis = _plane(3.7)
    for x, title, fill in ((0.1, "device", _DEVICE), (4.2, "edge server", _EDGE)):
        _box(axis, (x, 0.12), (2.2, 3.4), "", fill)
        axis.text(x + 1.1, 3.3, title, ha="center", va="center", fontsize=_TEXT, weight="bold")
    _box(axis, (0.3, 0.3), (1.8, 0.5), "tokens of a batch", "white")
    _box(axis, (0.3, 1.3), (1.8, 0.7), "layers 1…α\ntuned here", "white")
    _box(axis, (4.4, 1.3), (1.8, 0.7), "layers α+1…Υ\ntuned here", "white")
    _box(axis, (4.4, 2.6), (1.8, 0.5), "loss", "white")
    _arrow(axis, (1.2, 0.82), (1.2, 1.28))
    _arrow(axis, (2.12, 1.82), (4.38, 1.82))
    _arrow(axis, (5.0, 2.02), (5.0, 2.58))
    _arrow(axis, (5.6, 2.58), (5.6, 2.02), linestyle="--")
    _arrow(axis, (4.38, 1.48), (2.12, 1.48), linestyle="--")
    axis.text(
        3.25, 2.22, "output of layer α\n$s(d_n)$ bits", ha="center", va="center", fontsize=_TEXT
    )
    axis.text(
        3.25, 1.02, "its gradient,\nas many numbers", ha="center", va="center", fontsize=_TEXT
    )
    axis.text(3.25, 0.38, "dashed: sent in training,\nnot charged in the model",
              ha="center", va="center", fontsize=_SMALL)  # fmt: skip
    axis.text(3.25, 3.3, "the wire", ha="center", va="center", fontsize=_TEXT, weight="bold")
    return figure
