"""Pictures of the sensitivity atlas: shares of the claims, deciding constants, regime maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke

from mecllm.atlas.flips import threshold
from mecllm.atlas.results import Results
from mecllm.pictures.style import PALETTE
from mecllm.study.statistics import TIE_BAND
from mecllm.system.arrays import Array

# Never, sometimes, always: each darker than the one before, so that grey shows the order as well.
COLORS = ("#F9DFA6", "#6FA3CB", "#0B2C5A")
_SHARES = LinearSegmentedColormap.from_list("shares", COLORS)
_INTERIOR = LinearSegmentedColormap.from_list("interior", ("#F7F5F0", *COLORS[1:]))
# Above this value a cell is so dark that its number is written in white.
_DARK = 0.4
# Cells a side of a map, and steps along a constant: a cell of 512 points then
# holds eight where the map is uniform.
_CELLS, STEPS = 8, 12
# Values below this are left out of the picture's text: they round to 0.0.
_LEAST_WRITTEN = 0.05
# Maps: name → (x, y) with the labels of their axes.
KAPPA_MAP, LOAD_MAP = "κ₂/κ₁ × device FLOP per cycle", "users per server × bandwidth"
MAPS = {
    KAPPA_MAP: ("FLOP per cycle and core, Dᵁ", "κ₂/κ₁"),
    LOAD_MAP: ("users per server, N/M", "bandwidth of a server [MHz]"),
}


def map_axes(results: Results, track: str, name: str) -> tuple[Array, Array]:
    """Coordinates of each point of a track on a map, in units of the labels.

    Parameters
    ----------
    results : Results
    track : {"literal", "repaired"}
    name : str
        One of `MAPS`.

    Returns
    -------
    x, y : array (P,)
    """
    values = results.on(track).constants
    if name == KAPPA_MAP:
        kappa = values["server_kappa_W_per_Hz3"] / values["user_kappa_W_per_Hz3"]
        return values["user_flops_per_cycle"].to_numpy(), kappa.to_numpy()
    servers = results.sweep.scenarios[track].servers
    return (values["users"] / servers).to_numpy(), values["bandwidth_MHz"].to_numpy()


def quantities(results: Results, track: str) -> pd.DataFrame:
    """Share of users with 1 < α < Υ and whether each claim holds, at each point of a track.

    Parameters
    ----------
    results : Results
    track : {"literal", "repaired"}

    Returns
    -------
    DataFrame
        A row a point; `interior` in [0, 1] and, for each claim, 1.0 or 0.0.
    """
    part = results.on(track)
    holds = (part.margins > TIE_BAND).astype(float)
    return holds.assign(interior=part.outcomes["interior", "proposed"])


def cells(values: Array, x: Array, y: Array, ends: tuple[Array, Array]) -> Array:
    """Mean of a value in each cell of a map.

    Parameters
    ----------
    values : array (P,)
    x, y : array (P,)
        Coordinates of the points.
    ends : tuple of array
        Borders of the cells along x and along y.

    Returns
    -------
    array (cells along y, cells along x)
        NaN where a cell has no point.
    """
    total, _, _ = np.histogram2d(y, x, bins=[ends[1], ends[0]], weights=values)
    count, _, _ = np.histogram2d(y, x, bins=[ends[1], ends[0]])
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / count, np.nan)


def map_ends(results: Results, track: str, name: str) -> tuple[Array, Array]:
    """Borders of the cells of a map.

    Parameters
    ----------
    results : Results
    track : {"literal", "repaired"}
    name : str
        One of `MAPS`.

    Returns
    -------
    x, y : array (15,)
        In units of the labels.
    """
    table = results.sweep.intervals[track]
    if name == KAPPA_MAP:
        device, user = table["user_flops_per_cycle"], table["user_kappa_W_per_Hz3"]
        server = table["server_kappa_W_per_Hz3"]
        x = np.geomspace(device.low, device.high, _CELLS + 1)
        y = np.geomspace(server.low / user.high, server.high / user.low, _CELLS + 1)
    else:
        users, servers = table["users"], results.sweep.scenarios[track].servers
        x = np.linspace(users.low / servers, users.high / servers, _CELLS + 1)
        y = np.linspace(table["bandwidth_MHz"].low, table["bandwidth_MHz"].high, _CELLS + 1)
    # Rounding in a stored table must not lose the outermost points.
    for ends in (x, y):
        ends[0], ends[-1] = ends[0] * (1 - 1e-5), ends[-1] * (1 + 1e-5)
    return x, y


def draw_map(
    axis: Axes, results: Results, track: str, name: str, quantity: str = "interior"
) -> Any:
    """Draw a map of one quantity.

    Parameters
    ----------
    axis : Axes
    results : Results
    track : {"literal", "repaired"}
    name : str
        One of `MAPS`.
    quantity : str
        A column of `quantities`.

    Returns
    -------
    QuadMesh
        For a colour bar.
    """
    x, y = map_ends(results, track, name)
    points = quantities(results, track)[quantity].to_numpy()
    z = cells(points, *map_axes(results, track, name), (x, y))
    colors = _INTERIOR if quantity == "interior" else _SHARES
    mesh = axis.pcolormesh(x, y, z, cmap=colors, vmin=0, vmax=1, rasterized=True)
    axis.grid(False)
    # Middles of the cells: of their logarithms where the axis is logarithmic.
    logs = name == KAPPA_MAP
    across, up = (np.sqrt(e[1:] * e[:-1]) if logs else (e[1:] + e[:-1]) / 2 for e in (x, y))
    for (row, column), value in np.ndenumerate(z):
        _write(axis, float(across[column]), float(up[row]), value)
    axis.set_xlabel(MAPS[name][0])
    axis.set_ylabel(MAPS[name][1])
    if name == KAPPA_MAP:
        axis.set(xscale="log", yscale="log")
        ticks = [2.0**k for k in range(10) if x[0] <= 2.0**k <= x[-1]]
        step = 1 + len(ticks) // 6
        axis.set_xticks(ticks[::-1][::step], [f"{tick:g}" for tick in ticks[::-1][::step]])
        axis.set_xticks([], minor=True)
        line = np.geomspace(x[0], x[-1], 100)
        closed = threshold(results.sweep.scenarios[track], line)
        halo = [withStroke(linewidth=3.5, foreground="white")]
        axis.plot(line, closed, color=PALETTE["black"], linestyle="--", path_effects=halo)
    axis.set_xlim(x[0], x[-1])
    axis.set_ylim(y[0], y[-1])
    return mesh


def draw_shares(axis: Axes, table: pd.DataFrame, names: bool = True) -> None:
    """Draw the share of one track's space where each claim holds, with interval, and its ties.

    Parameters
    ----------
    axis : Axes
    table : DataFrame
        Rows of one track of `mecllm.atlas.shares`.
    names : bool
        Whether the claims are written beside the bars.
    """
    place = np.arange(len(table))[::-1]
    axis.barh(place, table["holds"], color=PALETTE["blue"], height=0.62, label="holds")
    left = table["holds"]
    axis.barh(place, table["ties"], left=left, color="#D9D9D9", height=0.62, label="tie")
    rest = left + table["ties"]
    axis.barh(place, table["fails"], left=rest, color=PALETTE["orange"], height=0.62, label="fails")
    low, high = table["holds"] - table["low"], table["high"] - table["holds"]
    bars = np.maximum([low, high], 0)
    axis.errorbar(table["holds"], place, xerr=bars, fmt="none", color=PALETTE["black"], capsize=2)
    labels = [f"{c}  {s}" for c, s in zip(table["claim"], table["statement"], strict=True)]
    axis.set_yticks(place, labels if names else [])
    axis.tick_params(axis="y", length=0, labelsize=7)
    axis.set(xlim=(0, 1), ylim=(-0.7, len(table) - 0.3), xlabel="share of the space")
    axis.grid(False)


def draw_indices(axis: Axes, table: pd.DataFrame, labels: dict[str, str]) -> Any:
    """Draw indices, constants in rows and responses in columns, with the larger ones written.

    Parameters
    ----------
    axis : Axes
    table : DataFrame (K, R)
        Indices in [0, 1].
    labels : dict
        Key of a constant → its label.

    Returns
    -------
    AxesImage
        For a colour bar.
    """
    mesh = axis.imshow(table.to_numpy(), cmap=_INTERIOR, vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(table.shape[1]), table.columns)
    axis.set_yticks(range(table.shape[0]), [labels[key] for key in table.index])
    axis.grid(False)
    axis.tick_params(length=0)
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        _write(axis, column, row, value)
    return mesh


def _write(axis: Axes, x: float, y: float, value: float) -> None:
    """Write a cell's value in tenths, `.3`; nothing where it rounds to 0, `–` where it is NaN."""
    if value < _LEAST_WRITTEN:
        return
    ink = "white" if value > _DARK else "black"
    text = "–" if np.isnan(value) else f"{value:.1f}"[1:] if value < 0.95 else "1"
    axis.text(x, y, text, ha="center", va="center", fontsize=6.5, color=ink)
