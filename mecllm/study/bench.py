"""Side-by-side measurements: exact against iterative, certified against heuristic, and growth.

A speed is a ratio of two runs on the same machine in the same minute; optimality is recomputed by
`verify`-like bounds; a run that fails counts as a failure instead of being left out.
"""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import Progress

from mecllm.allocation import Allocation, allocate
from mecllm.certified.pricing import priced
from mecllm.errors import SolverError
from mecllm.methods import solve
from mecllm.paper.algorithm import associations, chi_problem, chi_step
from mecllm.paper.fractional import fractional_programming, round_layers
from mecllm.system.association import greedy
from mecllm.system.model import evaluate
from mecllm.system.network import Network
from mecllm.system.scenario import TRACKS, Scenario

# Ten seeds, so that a geometric mean says something.
_SEEDS = tuple(range(10))
# Above this many users a run of fractional programming takes minutes. It is stopped after
# _FEW iterations, and its time is then a lower bound on what it needs for the objective.
_MANY, _FEW = 1000, 12
# Runs of the exact solver of which the median counts.
_REPEATS = 5
# Servers per user of the growth study, and the side of the square that keeps the density of the
# servers of Section 5, ten on a square kilometre.
_USERS_PER_SERVER, _SERVERS_PER_KM2 = 100, 10.0


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


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


@cache
def _warm_up(track: str) -> None:
    """Load what both methods import and tabulate once: that is not the methods' time."""
    network = sized(track, 4, 2).draw(0)
    association = greedy(network)
    allocate(network, association)
    fractional_programming(network, association)


def _allocation_rows(track: str, users: int, seed: int) -> list[dict[str, object]]:
    """Exact resources and fractional programming from the same association: time and objective."""
    _warm_up(track)
    network = sized(track, users, 10).draw(seed)
    association = greedy(network)
    # One run takes a millisecond: the median of some counts.
    runs = [_timed(lambda: allocate(network, association)) for _ in range(_REPEATS)]
    exact, exact_time = runs[0][0], float(np.median([seconds for _, seconds in runs]))
    cap = _FEW if users > _MANY else 200
    run, fp_time = _timed(lambda: fractional_programming(network, association, max_iterations=cap))
    paper = evaluate(network, round_layers(network, run.decision)).objective
    common = {"study": "allocation", "track": track, "users": users, "servers": 10, "seed": seed}
    return [
        common
        | {"method": "exact", "seconds": exact_time, "objective": exact.objective}
        | {"gap": exact.gap, "finished": True},
        common
        | {"method": "fractional", "seconds": fp_time, "objective": paper}
        | {"gap": (paper - exact.lower_bound) / paper, "finished": run.converged},
    ]


def _one_step(network: Network, binary: bool) -> Allocation:
    """Solve P5 once at the resources of the greedy association, and the resources again.

    By mixed-integer programming, or by CCCP from its starts with its penalties; the best counts.
    """
    start = allocate(network, greedy(network))
    if binary:
        costs, polytope = chi_problem(network, start.decision)
        points = [polytope.minimise(costs, binary=True)]
    else:
        points = [attempt.point for attempt in chi_step(network, start.decision)]
    tried = [allocate(network, chi) for chi in associations(network, points)]
    return min([start, *tried], key=lambda allocation: allocation.objective)


def _association_rows(track: str, users: int, servers: int, seed: int) -> list[dict[str, object]]:
    """Whole methods on one network: time and gap to the best certified bound of the network."""
    network = sized(track, users, servers).draw(seed)
    best, best_time = _timed(lambda: priced(network, seed))
    rows = [("priced", best.allocation.objective, best_time, True)]
    for name, binary in (("cccp", False), ("milp", True)):
        step, seconds = _timed(partial(_one_step, network, binary))
        rows.append((name, step.objective, seconds, True))
    for method in ("proposed", "alternating", "greedy", "random"):
        try:
            solution, seconds = _timed(partial(solve, network, method, seed))
            rows.append((method, solution.objective, seconds, solution.converged))
        except SolverError:
            rows.append((method, np.inf, np.inf, False))
    return [
        {"study": "association", "track": track, "users": users, "servers": servers, "seed": seed}
        | {"method": method, "seconds": seconds, "objective": objective}
        | {"gap": 1 - best.lower_bound / objective, "finished": finished}
        for method, objective, seconds, finished in rows
    ]


def _growth_rows(track: str, users: int, seed: int) -> list[dict[str, object]]:
    """Run `priced` in a process of its own: time, peak memory and gap."""
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return [pool.submit(_growth, track, users, seed).result()]


def _growth(track: str, users: int, seed: int) -> dict[str, object]:
    servers = max(1, users // _USERS_PER_SERVER)
    network = sized(track, users, servers).draw(seed)
    result, seconds = _timed(lambda: priced(network, seed))
    return {
        "study": "growth",
        "track": track,
        "users": users,
        "servers": servers,
        "seed": seed,
        "method": "priced",
        "seconds": seconds,
        "objective": result.allocation.objective,
        "gap": result.gap,
        "finished": True,
        "peak_bytes": _peak_bytes(),
    }


def _peak_bytes() -> int:
    """Most memory that this process had at once."""
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` would start from what the process had that started this one.
        (line,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text("utf-8"))
        return 1024 * int(line)
    # Without /proc, on macOS, it does not, and counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _studies(quick: bool, largest: int) -> Iterable[Callable[[], list[dict[str, object]]]]:
    """Measurements in order, each a call that returns its rows."""
    seeds = _SEEDS[:2] if quick else _SEEDS
    for track in TRACKS:
        for users in (50, 500) if quick else (50, 500, 5000):
            for seed in seeds:
                yield partial(_allocation_rows, track, users, seed)
    for track in TRACKS:
        for seed in seeds:
            yield partial(_association_rows, track, 50, 10, seed)
    for track in TRACKS:
        users = 100
        while users <= (1000 if quick else largest):
            # The largest networks take minutes, so that few seeds have to do there.
            for seed in seeds[: 10 if users <= 1000 else 3 if users <= 10_000 else 1]:
                yield partial(_growth_rows, track, users, seed)
            users *= 10


def run(path: Path, quick: bool = False, largest: int = 1_000_000) -> pd.DataFrame:
    """Run every study, writing the CSV anew after each measurement so that none is lost.

    Parameters
    ----------
    path : Path
        CSV file.
    quick : bool
        Two seeds and small sizes.
    largest : int
        Most users of the growth study.

    Returns
    -------
    DataFrame
        What the file holds, a row a measurement.
    """
    rows: list[dict[str, object]] = []
    with Progress(transient=True) as progress:
        for study in progress.track(list(_studies(quick, largest)), description="measuring"):
            rows += study()
            pd.DataFrame(rows).to_csv(path, index=False)
    return pd.DataFrame(rows)


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


def speedup(rows: pd.DataFrame) -> pd.DataFrame:
    """Paired ratios of the allocation study: fractional over exact, geometric mean and least."""
    wide = rows[rows.study == "allocation"].pivot_table(
        index=["track", "users", "seed"], columns="method", values=["seconds", "objective"]
    )
    ratio = wide["seconds"]["fractional"] / wide["seconds"]["exact"]
    worse = wide["objective"]["exact"] / wide["objective"]["fractional"] - 1
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
