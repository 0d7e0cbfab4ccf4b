"""Figures 2-5 of the paper, each drawn from its tidy table and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from mecllm.pictures.style import PALETTE, SERIES, panels
from mecllm.study.figures import ASSOCIATION_METHODS, WEIGHTING_METHODS
from mecllm.study.statistics import curve, select, summary

# 12345 J as "12.3k", which keeps the tick labels short over six decades.
_ENGINEERING = EngFormatter(sep="")

# Series of each figure, in the paper's order and by the paper's names.
APPROACHES = {
    "proposed": "proposed\ncollaborative",
    "edge_only": "edge server\ntraining",
    "local_only": "local\ntraining",
}
# Components of the energy [J] and of the delay [s]: metric, label, colour, hatch.
COMPONENTS = {
    "energy": (
        ("local_energy", "device", PALETTE["orange"], ""),
        ("transmission_energy", "upload", PALETTE["sky"], "///"),
        ("edge_energy", "server", PALETTE["blue"], ""),
    ),
    "delay": (
        ("local_delay", "device", PALETTE["orange"], ""),
        ("upload", "upload", PALETTE["sky"], "///"),
        ("edge_delay", "server", PALETTE["blue"], ""),
    ),
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
                _ENGINEERING(float(f"{row['mean']:.3g}")),
                (place, row["mean"] + row["half"]),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        _log_if_wide(axis, np.array(means))
        axis.yaxis.set_major_formatter(_ENGINEERING)
        axis.set_xticks(range(len(APPROACHES)), list(APPROACHES.values()))
        axis.set_ylabel(_AXIS_LABELS[metric])
        axis.grid(axis="x", visible=False)
    return figure


# Bars on one linear axis are unreadable when one is this many times another.
_WIDE = 8.0


def _log_if_wide(axis: Axes, means: np.ndarray) -> None:
    if means.max() > _WIDE * means.min():
        axis.set_yscale("log")
        axis.set_ylim(means.min() / 3, means.max() * 4)
    else:
        axis.set_ylim(0, means.max() * 1.2)


def components(frame: pd.DataFrame, methods: dict[str, str], x: float | None = None) -> Figure:
    """Where the energy and the delay of each method come from: means over seeds.

    Stacked bars; where the sums are more than a factor of 8 apart a stack would hide the small
    ones, and the components stand side by side on a logarithmic axis.

    Parameters
    ----------
    frame : DataFrame
        Tidy table of an experiment.
    methods : mapping
        Method → label under its bar.
    x : float, optional
        Take this x only; default: the table's only one.

    Returns
    -------
    Figure
    """
    table = frame if x is None else frame[frame["x"] == x]
    figure, axes = panels(2, height=2.7)
    place = np.arange(len(methods))
    for axis, (metric, parts) in zip(axes, COMPONENTS.items(), strict=True):
        values = np.array(
            [[curve(table, name, m)["mean"].iloc[0] for m in methods] for name, *_ in parts]
        )
        total = values.sum(axis=0)
        wide = total.max() > _WIDE * total.min()
        bottom = np.zeros(len(methods))
        for part, (_, label, color, hatch) in enumerate(parts):
            axis.bar(
                place + (0.25 * (part - 1) if wide else 0),
                values[part],
                bottom=0 if wide else bottom,
                width=0.25 if wide else 0.6,
                label=label,
                color=color,
                hatch=hatch,
                edgecolor="black",
                linewidth=0.6,
            )
            bottom += values[part]
        if wide:
            axis.set_yscale("log")
            smallest, largest = values[values > 0].min(), values.max()
            axis.set_ylim(smallest / 3, largest * (largest / smallest) ** 0.25)
        else:
            axis.set_ylim(0, total.max() * 1.25)
        axis.yaxis.set_major_formatter(_ENGINEERING)
        axis.set_xticks(place, list(methods.values()))
        axis.set_ylabel("total energy [J]" if metric == "energy" else "average time [s]")
        axis.legend(ncols=3, loc="upper left", handlelength=1.2, columnspacing=1.0)
        axis.grid(axis="x", visible=False)
    return figure


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
        side.set_major_formatter(_ENGINEERING)
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
    _scale(axis, "y", metric, highest > _WIDE / 2 * lowest)


_WEIGHTING = (
    ("a", "energy", "weight of the energy"),
    ("b", "delay", "weight of the delay"),
    ("c", "stability", "weight of the stability"),
)


def figure_3(frame: pd.DataFrame) -> Figure:
    """Figure 3: energy, average delay and mean stability bound over the weight of each."""
    figure, axes = panels(3, height=2.9)
    for axis, (panel, metric, label) in zip(axes, _WEIGHTING, strict=True):
        _curves(axis, frame, metric, WEIGHTING_METHODS, panel)
        axis.set_xlabel(label)
        axis.set_xticks((1, 4, 7, 10))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def fronts(frame: pd.DataFrame) -> Figure:
    """Figure 3's runs as a trade-off: each point is one weight, the largest marker weight 10."""
    figure, axes = panels(3, height=2.9)
    pairs = (("energy", "delay"), ("delay", "stability"), ("stability", "energy"))
    for axis, (panel, _, label), (x, y) in zip(axes, _WEIGHTING, pairs, strict=True):
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
            _scale(axis, which, metric, 0 < low < 2 * high / _WIDE)
        axis.set_title(label, loc="right", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def figure_4(frame: pd.DataFrame) -> Figure:
    """Figure 4: objective over the iterations of the association algorithm, one line per M."""
    figure, (axis,) = panels(1, height=2.9)
    styles = zip(("blue", "red", "green", "purple"), "os^D", strict=True)
    methods = sorted(frame["method"].unique(), key=_servers)
    rounds = frame[frame["metric"] == "objective"]["x"].unique()
    for method, (color, marker) in zip(methods, styles, strict=True):
        # A run that has ended keeps its last objective.
        table = select(frame, "objective", method).reindex(columns=sorted(rounds)).ffill(axis=1)
        table = summary(table)
        axis.errorbar(
            table["x"],
            table["mean"],
            yerr=table["half"],
            color=PALETTE[color],
            marker=marker,
            label=f"M = {_servers(method)}",
        )
    means = frame[frame["metric"] == "objective"].groupby(["method", "x"])["value"].mean()
    _scale(axis, "y", "objective", means.max() > _WIDE / 2 * means.min())
    axis.set_xticks(range(0, int(frame["x"].max()) + 1, 2))
    axis.set_xlabel("iteration")
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
