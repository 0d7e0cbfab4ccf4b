"""The picture of `mecllm compare`: every method on one network, measure by measure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mecllm.pictures.style import SERIES, panels

# What is drawn; the time is in the table, since it is another one at every run.
_DRAWN = {"energy [J]": "energy [J]", "delay [s]": "delay [s]", "stability": "stability bound"}


def draw_comparison(table: pd.DataFrame) -> Figure:
    """Draw what each method costs, a panel a measure, the least objective on top.

    A method without a solution, or with an infinite cost, has no mark.

    Parameters
    ----------
    table : DataFrame
        From `mecllm.study.every_method`.

    Returns
    -------
    Figure
        Of four panels with one row for each method.
    """
    order = table.sort_values("objective", na_position="last").index[::-1]
    figure, axes = panels(len(_DRAWN) + 1, height=2.8, sharey=True)
    labels = {**_DRAWN, "gap": "gap [%]"}
    for axis, (name, label) in zip(axes, labels.items(), strict=True):
        values = table.loc[order, name].to_numpy(dtype=float) * (100 if name == "gap" else 1)
        finite = np.isfinite(values)
        for row, method in enumerate(order):
            if finite[row]:
                series = SERIES[method]
                axis.plot(values[row], row, series.marker, color=series.color, markersize=6)
        if finite.any() and values[finite].max() > 20 * max(values[finite].min(), 1e-12):
            axis.set_xscale("log")
        axis.set_xlabel(label)
        axis.margins(0.12, 0.06)
    axes[0].set_yticks(range(len(order)), [SERIES[method].label for method in order])
    return figure
