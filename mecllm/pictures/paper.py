"""Figures 2-5 of the paper, each drawn from its tidy table and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from mecllm.pictures.style import ENGINEERING, PALETTE, SERIES, WIDE, panels
from mecllm.study.figures import ASSOCIATION_METHODS, WEIGHTING_METHODS
from mecllm.study.statistics import TIE_BAND, compare, curve, select, summary

# Series of each figure, in the paper's order and by the paper's names.
APPROACHES = {
    "proposed": "proposed\ncollaborative",
    "edge_only": "edge server\ntraining",
    "local_only": "local\ntraining",
}
_AXIS_LABELS = {
    "energy": "total energy [J]",
    "delay": "average delay [s]",
    "stability": "stability bound [10⁻³]",
    "objective": "objective",
}


def figure_2(frame: pd.DataFrame) -> Figure:
    """Figure 2: (a) energy and (b) average delay of the three approaches, 95 % intervals."""
    figure, axes = panels(2, height=2.7)
    for axis, metric in zip(axes, ("energy", "delay"), strict=True):
        means = []
        for place, method in enumerate(APPROACHES):
            row = curve(frame, metric, method).iloc[0]
            means.append(row["mean"])
            axis.bar(
                place,
                row["mean"],
                yerr=row["half"],
                width=0.6,
                color=SERIES[method].color,
                edgecolor="black",
                linewidth=0.6,
                hatch=("", "//", "..")[place],
            )
            axis.annotate(
                ENGINEERING(float(f"{row['mean']:.3g}")),
                (place, row["mean"] + row["half"]),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        _log_if_wide(axis, np.array(means))
        axis.yaxis.set_major_formatter(ENGINEERING)
        axis.set_xticks(range(len(APPROACHES)), list(APPROACHES.values()))
        axis.set_ylabel(_AXIS_LABELS[metric])
        axis.grid(axis="x", visible=False)
    return figure


def _log_if_wide(axis: Axes, means: np.ndarray) -> None:
    if means.max() > WIDE * means.min():
        axis.set_yscale("log")
        axis.set_ylim(means.min() / 3, means.max() * 4)
    else:
        axis.set_ylim(0, means.max() * 1.2)


def _scale(axis: Axes, which: str, metric: str, wide: bool) -> None:
    """Scale, ticks and label of one axis for a metric; logarithmic with labels at 1, 2, 5."""
    side = getattr(axis, f"{which}axis")
    if wide:
        getattr(axis, f"set_{which}scale")("log")
        side.set_major_locator(LogLocator(subs=(1, 2, 5)))
        side.set_minor_formatter(NullFormatter())
    if metric == "stability":
        # "1m" would read as a metre.
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{1e3 * value:g}"))
    else:
        side.set_major_formatter(ENGINEERING)
    getattr(axis, f"set_{which}label")(_AXIS_LABELS[metric])


def _curves(
    axis: Axes, frame: pd.DataFrame, metric: str, methods: tuple[str, ...], panel: str | None
) -> None:
    """Means with intervals over x, one line a method; logarithmic where they are far apart."""
    lowest, highest = np.inf, 0.0
    for order, method in enumerate(methods):
        table = curve(frame, metric, method, panel)
        # The first method stays on top where curves coincide.
        style = SERIES[method].kwargs | {"zorder": 3 - 0.1 * order}
        axis.errorbar(table["x"], table["mean"], yerr=table["half"], **style)
        lowest = min(lowest, table["mean"].min())
        highest = max(highest, table["mean"].max())
    _scale(axis, "y", metric, highest > WIDE / 2 * lowest)


_WEIGHTING = (
    ("a", "energy", "weight of the energy"),
    ("b", "delay", "weight of the delay"),
    ("c", "stability", "weight of the stability"),
)


# Arrangement of the baselines → the method that stands for it, and its marker and colour.
_ARRANGEMENTS = {
    "as described": ("alternating", "D", PALETTE["green"]),
    "on equal terms": ("alternating_chi", "o", PALETTE["black"]),
}


def figure_3(frame: pd.DataFrame) -> Figure:
    """Figure 3: energy, average delay and mean stability bound over the weight of each.

    Below, the paired ratio of the proposed method to alternating optimisation, with intervals that
    hold at all weights together.
    """
    figure, axes = panels(3, height=4.9, rows=2, height_ratios=(1.3, 1))
    for above, below, (panel, metric, label) in zip(axes[:3], axes[3:], _WEIGHTING, strict=True):
        _curves(above, frame, metric, WEIGHTING_METHODS, panel)
        _ratios(below, frame, metric, panel)
        for axis in (above, below):
            axis.set_xlabel(label)
            axis.set_xticks((1, 4, 7, 10))
        below.sharey(axes[3])
        below.set_ylabel("proposed / alternating")
    legends = [axes[k].get_legend_handles_labels() for k in (0, 3)]
    handles, labels = (one + other for one, other in zip(*legends, strict=True))
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _ratios(axis: Axes, frame: pd.DataFrame, metric: str, panel: str) -> None:
    """Paired ratios of proposed to alternating in both arrangements, and the band of a tie."""
    axis.axhspan(1 - TIE_BAND, 1 + TIE_BAND, color="#D9D9D9", lw=0, label="tie")
    for shift, (name, look) in zip((-0.12, 0.12), _ARRANGEMENTS.items(), strict=True):
        other, marker, color = look
        found = compare(frame, metric, "proposed", other, panel)
        ratio = np.array([[e.ratio, e.low, e.high] for e in found.values()]).T
        axis.errorbar(
            np.array(list(found)) + shift,
            ratio[0],
            yerr=np.abs(ratio[1:] - ratio[0]),
            fmt=marker,
            color=color,
            markerfacecolor="white" if shift > 0 else color,
            label=f"ratio {name}",
        )


# What a front shows: the metric whose weight moves, and the next one.
_PAIRS = (("energy", "delay"), ("delay", "stability"), ("stability", "energy"))


def fronts(frame: pd.DataFrame) -> Figure:
    """Figure 3's runs as a trade-off: each point is one weight, the largest marker weight 10."""
    figure, axes = panels(3, height=2.9)
    for axis, (panel, _, label), (x, y) in zip(axes, _WEIGHTING, _PAIRS, strict=True):
        for method in WEIGHTING_METHODS:
            across, up = (curve(frame, metric, method, panel) for metric in (x, y))
            style = SERIES[method]
            axis.plot(across["mean"], up["mean"], color=style.color, linestyle=style.linestyle)
            size = 6 + 30 * (across["x"] - 1) / 9
            axis.scatter(
                across["mean"],
                up["mean"],
                s=size,
                color=style.color,
                marker=style.marker,
                label=style.label,
            )
        for which, metric in (("x", x), ("y", y)):
            low, high = getattr(axis, f"get_{which}lim")()
            _scale(axis, which, metric, 0 < low < 2 * high / WIDE)
        axis.set_title(label, loc="right", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def relative_fronts(literal: pd.DataFrame, repaired: pd.DataFrame) -> Figure:
    """Fronts in per cent of what each method has at weight 1: how far a weight moves anything.

    Parameters
    ----------
    literal : DataFrame
        Table of Figure 3 on the literal track, drawn for all methods.
    repaired : DataFrame
        The same on the repaired track, of which the proposed method is drawn in black.

    Returns
    -------
    Figure
    """
    figure, axes = panels(3, height=3.1)
    lines: list[tuple[pd.DataFrame, str, str, str, Any, str]]
    lines = [(repaired, "proposed", PALETTE["black"], "o", "-", "proposed, repaired track")]
    lines += [(literal, m, *SERIES[m][1:], SERIES[m].label) for m in reversed(WEIGHTING_METHODS)]
    for axis, (panel, _, label), pair in zip(axes, _WEIGHTING, _PAIRS, strict=True):
        for order, (table, method, color, marker, style, name) in enumerate(lines):
            x, y = (curve(table, metric, method, panel)["mean"] for metric in pair)
            x, y = 100 * x / x[0], 100 * y / y[0]
            axis.plot(x, y, color=color, linestyle=style)
            # Ends that coincide stay visible: each later one is drawn smaller.
            size = 11 - 1.8 * order
            axis.plot(x.iloc[-1], y.iloc[-1], marker, color=color, ms=size, label=name, ls="none")
        axis.plot(100, 100, "+", color=PALETTE["black"], ms=14, label="weight 1")
        axis.set(xlabel=f"{pair[0]} [%]", ylabel=f"{pair[1]} [%]", xlim=(0, 115), ylim=(80, 225))
        axis.set_title(label, loc="right", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


# Excess over the last objective that counts as flat [%].
_FLAT = 0.01


def figure_4(frame: pd.DataFrame) -> Figure:
    """Figure 4: by how much the objective of each round exceeds the run's last one, a line per M.

    A line ends where the mean excess falls below a hundredth of a per cent.
    """
    figure, (axis,) = panels(1, height=2.9)
    styles = zip(("blue", "red", "green", "purple"), "os^D", strict=True)
    methods = sorted(frame["method"].unique(), key=_servers)
    for method, (color, marker) in zip(methods, styles, strict=True):
        # A run that has ended keeps its last objective.
        runs = select(frame, "objective", method).sort_index(axis=1).ffill(axis=1)
        excess = 100 * (runs.div(runs.iloc[:, -1], axis=0) - 1)
        table = summary(excess)
        table = table[table["mean"] >= _FLAT]
        axis.errorbar(
            table["x"],
            table["mean"],
            # On a logarithmic axis a bar cannot reach zero.
            yerr=[np.minimum(table["half"], 0.9 * table["mean"]), table["half"]],
            color=PALETTE[color],
            marker=marker,
            label=f"M = {_servers(method)}",
        )
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_ylim(bottom=_FLAT / 1.4)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("iteration")
    axis.set_ylabel("$H$ above its last value [%]")
    axis.legend(ncols=2)
    return figure


def _servers(method: str) -> int:
    return int(method.rpartition("=")[2])


def figure_5(frame: pd.DataFrame) -> Figure:
    """Figure 5: (a) total energy and (b) average delay over the number of users."""
    figure, axes = panels(2, height=2.9)
    for axis, metric in zip(axes, ("energy", "delay"), strict=True):
        _curves(axis, frame, metric, ASSOCIATION_METHODS, None)
        axis.set_xlabel("number of users N")
        axis.set_xticks(sorted(frame["x"].unique()))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


DRAW = {"2": figure_2, "3": figure_3, "4": figure_4, "5": figure_5}
