"""The tidy table every experiment gives: one measured number a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from mecllm.system.files import data_path
from mecllm.system.solution import Solution

_COLUMNS = (
    "figure",
    "panel",
    "track",
    "scenario",
    "method",
    "x",
    "seed",
    "metric",
    "value",
    "unit",
)


class Record(NamedTuple):
    """One measured number of one method: what a figure's function reports."""

    panel: str
    method: str
    x: float
    metric: str
    value: float
    unit: str


# Sums over users are energies, as "total energy consumption" says; delays are means over users, as
# "average delay" says; both contain what the objective charges them. `upload` is reported even
# where the literal objective leaves it out.
UNITS = {
    "energy": "J",
    "delay": "s",
    "stability": "1",
    "objective": "1",
    "local_layers": "layers",
    "local_energy": "J",
    "transmission_energy": "J",
    "edge_energy": "J",
    "local_delay": "s",
    "upload": "s",
    "edge_delay": "s",
    "largest_load": "users",
}


def _measure(solution: Solution) -> dict[str, float]:
    """Every metric of `UNITS` for one solution.

    Energies are totals, delays, stability and α are means, the load is the fullest server's.
    """
    cost = solution.cost
    return {
        "energy": solution.energy,
        "delay": solution.delay,
        "stability": solution.stability,
        "objective": solution.objective,
        "local_layers": float(solution.decision.local_layers.mean()),
        "local_energy": float(cost.local_energy.sum()),
        "transmission_energy": float(cost.transmission_energy.sum()),
        "edge_energy": float(cost.edge_energy.sum()),
        "local_delay": float(cost.local_delay.mean()),
        "upload": float(cost.transmission_delay.mean()),
        "edge_delay": float(cost.edge_delay.mean()),
        "largest_load": float(np.bincount(solution.decision.association).max()),
    }


def records(panels: dict[str, str], method: str, x: float, solution: Solution) -> list[Record]:
    """Make records of some metrics, each with the panel of the figure that it belongs to.

    An infinite bound or objective (local training, α = Υ) is left out: the table holds numbers.

    Parameters
    ----------
    panels : dict
        Metric of `UNITS` → panel.
    method : str
        Name for the table.
    x : float
        Place on the figure's axis.
    solution : Solution

    Returns
    -------
    list of Record
    """
    values = _measure(solution)
    return [
        Record(panel, method, x, metric, values[metric], UNITS[metric])
        for metric, panel in panels.items()
        if np.isfinite(values[metric])
    ]


def tidy(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    """Table in a fixed order of rows, so that it does not depend on who finished first."""
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    order = ["figure", "track", "panel", "method", "metric", "x", "seed"]
    return frame.sort_values(order, kind="stable", ignore_index=True)


def stored(figure: str | int, track: str) -> pd.DataFrame:
    """Read `data/results/figure-<figure>-<track>.csv`, what the book plots.

    Parameters
    ----------
    figure : str or int
        One of `STUDIES`.
    track : {"literal", "repaired"}

    Returns
    -------
    DataFrame
        Columns as of `experiment`.
    """
    path = data_path("results", f"figure-{figure}-{track}.csv")
    frame = pd.read_csv(path, keep_default_na=False, dtype={"panel": str, "figure": str})
    return frame.astype({"x": float, "value": float})
