"""What the bench measured: scenarios of every size, and tables of times, ratios and slopes.

A speed is a ratio of two runs on the same machine in the same minute; optimality is recomputed by
`verify`-like bounds; a run that fails counts as a failure instead of being left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mecllm.system.scenario import Scenario

# Servers on a square kilometre: the density of Section 5.
_SERVERS_PER_KM2 = 10.0


def sized(track: str, users: int, servers: int) -> Scenario:
    """Return a track's scenario at another size, each server admitting twice its even share.

    Parameters
    ----------
    track : {"literal", "repaired"}
    users, servers : int
        N and M; the square keeps ten servers on a square kilometre.

    Returns
    -------
    Scenario
    """
    scenario = Scenario.load(track)
    admission = min(1.0, scenario.bandwidth_MHz.mean * servers / (2 * users))
    return scenario.replace(
        users=users,
        servers=servers,
        size_km=float(np.sqrt(servers / _SERVERS_PER_KM2)),
        admission_MHz=admission,
    )


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over seeds: one line per study, track, size and method."""

    def geometric(values: pd.Series[float]) -> float:
        return float(np.exp(np.log(np.maximum(values, 1e-300)).mean()))

    keys = ["study", "track", "users", "servers", "method"]
    table = rows.groupby(keys, sort=False).agg(
        seeds=("seed", "size"),
        seconds=("seconds", geometric),
        gap_median=("gap", "median"),
        gap_largest=("gap", "max"),
        finished=("finished", "mean"),
    )
    return table.reset_index()


def speedup(
    rows: pd.DataFrame, study: str = "allocation", method: str = "fractional"
) -> pd.DataFrame:
    """Paired ratios of an iteration's time to that of the exact resources.

    Parameters
    ----------
    rows : DataFrame
        As `run` returns them.
    study, method : str
        "allocation" and "fractional", P4 by CVXPY; or "newton" and "newton", block by block.

    Returns
    -------
    DataFrame
        One line per track and size: the geometric mean and the least of the ratios, and the
        largest relative excess of the exact objective.
    """
    wide = rows[rows.study == study].pivot_table(
        index=["track", "users", "seed"], columns="method", values=["seconds", "objective"]
    )
    ratio = wide["seconds"][method] / wide["seconds"]["exact"]
    worse = wide["objective"]["exact"] / wide["objective"][method] - 1
    table = pd.DataFrame({"ratio": ratio, "exact_worse_by": worse}).groupby(["track", "users"])
    return table.agg(
        ratio=("ratio", lambda r: float(np.exp(np.log(r).mean()))),
        least_ratio=("ratio", "min"),
        exact_worse_by=("exact_worse_by", "max"),
    ).reset_index()


def slope(rows: pd.DataFrame, track: str, fewest: int = 1000) -> float | None:
    """Log-log slope of the time of `priced` over the users of a track.

    Parameters
    ----------
    rows : DataFrame
        Measurements as `run` returns them.
    track : {"literal", "repaired"}
    fewest : int
        Networks with fewer users do not count.

    Returns
    -------
    float or None
        None where fewer than two sizes were measured.
    """
    growth = rows[(rows.study == "growth") & (rows.track == track) & (rows.users >= fewest)]
    if growth.users.nunique() < 2:
        return None
    return float(np.polyfit(np.log(growth.users), np.log(growth.seconds), 1)[0])
