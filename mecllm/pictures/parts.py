"""Where the energy and the delay of a method come from, as bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mecllm.pictures.style import ENGINEERING, PALETTE, WIDE, panels
from mecllm.study.statistics import curve

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
        wide = total.max() > WIDE * total.min()
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
        axis.yaxis.set_major_formatter(ENGINEERING)
        axis.set_xticks(place, list(methods.values()))
        axis.set_ylabel("total energy [J]" if metric == "energy" else "average time [s]")
        axis.legend(ncols=3, loc="upper left", handlelength=1.2, columnspacing=1.0)
        axis.grid(axis="x", visible=False)
    return figure
