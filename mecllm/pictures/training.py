"""Figures of chapter 18: stability in every reading, against fit, costs, and the split itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mecllm.pictures.style import PALETTE, label_line, panels
from mecllm.study.statistics import interval
from mecllm.study.training_claims import alphas, values
from mecllm.training.corpus import LAYERS

# Marker and line style differ as well, so that the picture can be read in grey.
_LOOKS = {
    "as described": (PALETTE["black"], "s", "-"),
    "rest frozen": (PALETTE["blue"], "o", "-"),
    "relaxed": (PALETTE["orange"], "^", "--"),
    "adapted": (PALETTE["green"], "D", "-."),
    "last tuned": (PALETTE["purple"], "v", ":"),
}


def draw_readings(frame: pd.DataFrame) -> Figure:
    """Instability against α in every reading, with the paper's curve scaled to one point.

    Parameters
    ----------
    frame : DataFrame
        As `mecllm.study.stored_training` reads it.
    """
    figure, (axis,) = panels(1, 3.2)
    for reading, (color, marker, line) in _LOOKS.items():
        x = alphas(frame, reading)
        found = [interval(values(frame, "change", reading, alpha)) for alpha in x]
        mean, half = np.transpose(found)
        look: dict[str, Any] = {"color": color, "marker": marker, "linestyle": line, "capsize": 2}
        axis.errorbar(x, mean, half, label=reading, **look)
        if reading == "relaxed":
            fine = np.linspace(0, LAYERS - 1.2, 100)
            paper = mean[0] / (1 - fine / LAYERS)
            axis.plot(fine, paper, color=PALETTE["grey"], linewidth=1)
            label_line(axis, fine[95], paper[95], "1/(1-α/Υ), scaled", xytext=(-100, 0))
    axis.set(xlabel="α [layers]", ylabel="mean |Δℓ(zᵢ)| [nat]", ylim=(0, None))
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="reading")
    return figure


def draw_fit(frame: pd.DataFrame) -> Figure:
    """Instability against the loss on the training set, pass after pass.

    Parameters
    ----------
    frame : DataFrame
    """
    figure, (axis,) = panels(1, 3.0)
    looks = zip((1, 4, LAYERS), ("o", "^", "s"), ("blue", "orange", "black"), strict=True)
    for alpha, marker, color in looks:
        epochs = range(1, 9)
        fit, change = (
            [
                values(frame, column, "rest frozen", alpha, "longer", epoch).mean()
                for epoch in epochs
            ]
            for column in ("training", "change")
        )
        axis.plot(fit, change, marker=marker, color=PALETTE[color], label=f"α = {alpha}")
    axis.set(xlabel="loss on the training set [nat]", ylabel="mean |Δℓ(zᵢ)| [nat]")
    axis.invert_xaxis()
    axis.legend(title="rest frozen")
    return figure


def draw_costs(costs: pd.DataFrame) -> Figure:
    """Operations of a layer over ψ, bytes of a step over s(d), and throughput against width.

    Parameters
    ----------
    costs : DataFrame
        As `mecllm.study.stored_training` reads "training-costs".
    """
    figure, (left, middle, right) = panels(3, 2.8, layout="constrained")
    rows = costs[(costs["quantity"] == "operations") & (costs["width"] == 576)]
    names = ("full", "adapters", "frozen\nabove", "frozen\nbelow")
    _bars(left, names, (rows["value"] / rows["formula"]).to_numpy(), "operations / ψ(d)")
    rows = costs[costs["case"].isin([f"{way}, float32, α = 4" for way in ("up", "down")])]
    _bars(middle, ("up", "down"), (rows["value"] / rows["formula"]).to_numpy(), "bytes / s(d)")
    rows = costs[costs["quantity"] == "seconds"]
    rate = rows["formula"] / rows["value"] / 1e9
    right.plot(rows["width"], rate, marker="o", color=PALETTE["blue"])
    right.set(xlabel="h", ylabel="ψ(d) / time [GFLOP/s]", xscale="log", ylim=(0, None))
    right.set_xticks(rows["width"], [str(width) for width in rows["width"]], fontsize=6.5)
    right.minorticks_off()
    return figure


def _bars(axis: Axes, names: tuple[str, ...], heights: np.ndarray, title: str) -> None:
    axis.bar(names, heights, color=PALETTE["sky"], edgecolor="black", width=0.6)
    axis.axhline(1, color="black", linestyle="--", linewidth=1)
    axis.set_ylabel(title)
    axis.tick_params(axis="x", labelsize=6.5)


def draw_wire() -> Figure:
    """Sketch a step of split training: what stands where, and what travels."""
    figure, (axis,) = panels(1, 2.4)
    sides = {
        "user": (0.0, "layers 1 … α\noptimiser, text"),
        "edge": (7.0, "layers α+1 … Υ\noptimiser"),
    }
    for name, (x, text) in sides.items():
        axis.add_patch(Rectangle((x, 0.5), 3, 2.5, facecolor="white", edgecolor="black"))
        axis.text(x + 1.5, 2.6, name, ha="center", va="center", fontweight="bold")
        axis.text(x + 1.5, 1.6, text, ha="center", va="center", fontsize=8)
        axis.text(x + 1.5, 0.15, "checkpoint", ha="center", va="center", fontsize=8, style="italic")
    arrows = (
        (3.1, 6.9, 2.2, "number, activations,\nnext characters"),
        (6.9, 3.1, 0.8, "number, gradient,\nlosses"),
    )
    for begin, end, y, text in arrows:
        arrow = {"arrowstyle": "->", "color": PALETTE["blue"], "linewidth": 1.5}
        axis.annotate("", (end, y), (begin, y), arrowprops=arrow)
        axis.text(5, y + 0.15, text, ha="center", va="bottom", fontsize=8)
    axis.set(xlim=(-0.2, 10.2), ylim=(-0.2, 3.3))
    axis.axis("off")
    return figure
