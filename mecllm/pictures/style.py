"""How every figure of the book looks: one style, and one appearance for each method."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import EngFormatter

# Colours that stay apart for colour-blind readers (Okabe and Ito, Color Universal Design, 2008).
# Yellow is left out: on white it has too little contrast for a line.
PALETTE = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "blue": "#0072B2",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#777777",
}

# 12345 J as "12.3k", which keeps the tick labels short over six decades.
ENGINEERING = EngFormatter(sep="")
# Values on one linear axis are unreadable when one is this many times another.
WIDE = 8.0

# Width of the text of a page [inch]; a figure drawn so wide needs no scaling.
_PAGE_WIDTH = 6.5


class Series(NamedTuple):
    """How one method is drawn."""

    label: str
    color: str
    marker: str
    linestyle: str | tuple[int, tuple[int, ...]]

    @property
    def kwargs(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot` and `Axes.errorbar`."""
        return self._asdict()


# Marker and line style differ as well, so that the picture can be read in grey.
SERIES: dict[str, Series] = {
    "proposed": Series("proposed", PALETTE["blue"], "o", "-"),
    "edge_only": Series("edge only", PALETTE["orange"], "s", "--"),
    "edge_one": Series("edge, one layer local", PALETTE["orange"], "D", ":"),
    "local_only": Series("local only", PALETTE["red"], "^", "-."),
    "alternating": Series("alternating", PALETTE["green"], "D", "--"),
    "alpha_only": Series("α only", PALETTE["purple"], "v", ":"),
    "resource_only": Series("resource only", PALETTE["sky"], "P", "-."),
    "greedy": Series("greedy", PALETTE["green"], "X", (0, (5, 1, 1, 1, 1, 1))),
    "random": Series("random", PALETTE["grey"], "*", ":"),
    "priced": Series("priced (certified)", PALETTE["black"], "h", (0, (8, 2))),
}
COLORS = {method: series.color for method, series in SERIES.items()}

_STYLE: Any = {
    "figure.figsize": (_PAGE_WIDTH, 3.0),
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E0E0E0",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "errorbar.capsize": 2.5,
    "axes.prop_cycle": cycler(
        color=[PALETTE[c] for c in ("blue", "red", "green", "purple", "orange", "sky", "black")]
    )
    + cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), "-"]),
}


def use_style() -> None:
    """Make the style of the book the style of every figure drawn from here on.

    In a notebook figures are shown in the page, also where the machine sets another backend.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and hasattr(shell, "kernel"):
        shell.run_line_magic("matplotlib", "inline")
    mpl.rcdefaults()
    plt.rcParams.update(_STYLE)


def panels(
    columns: int = 1, height: float = 2.6, rows: int = 1, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as the page with rows of panels, lettered when there are several.

    Parameters
    ----------
    columns : int
        Number of panels in a row.
    height : float
        Height of the figure [inch].
    rows : int
        Number of rows.
    options
        Passed to `matplotlib.pyplot.subplots`.

    Returns
    -------
    figure : Figure
    axes : list of Axes
        Row by row.
    """
    size = (_PAGE_WIDTH, height)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    axes: list[Axes] = list(grid.flat)
    if len(axes) > 1:
        for letter, axis in zip("abcdefgh", axes, strict=False):
            axis.set_title(f"({letter})", loc="left", fontweight="bold")
    return figure, axes


def label_line(axis: Axes, x: float, y: float, text: str, **options: Any) -> None:
    """Write a line's name beside it, in place of a legend.

    Parameters
    ----------
    axis : Axes
    x, y : float
        Point of the line, in data units.
    text : str
    options
        Passed to `Axes.annotate`; `xytext` is the offset from the point [pt].
    """
    settings: dict[str, Any] = {"xytext": (4, 0), "textcoords": "offset points", "fontsize": 8}
    axis.annotate(text, (x, y), **{"va": "center", **settings, **options})
