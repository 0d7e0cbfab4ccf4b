"""`priced` beside what people would use instead: the same networks, start and limit for all.

What a method answers is believed in nothing: the objective is recomputed by `evaluate`, feasibility
by `verify`, and an answer that fails it counts as a failure, as does none in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mecllm.certified.certificate import verify
from mecllm.certified.pairs import Prices
from mecllm.certified.pricing import priced
from mecllm.errors import ScenarioError
from mecllm.methods import solve
from mecllm.peers.evolution import genetic, swarm
from mecllm.peers.headcount import turns
from mecllm.peers.nonlinear import bonmin, relaxed
from mecllm.peers.scip_model import scip
from mecllm.study.apart import Apart, Attempt, Method, Place, drawn
from mecllm.study.fingerprint import fingerprint
from mecllm.study.machine import surroundings
from mecllm.system.files import data_path, write_whole
from mecllm.system.model import Decision
from mecllm.system.network import Network
from mecllm.system.scenario import TRACKS

# Objectives this close, relatively, are as good as each other: solvers end at 1e-8 of their scale.
AS_GOOD = 1e-6


def _priced(network: Network, start: Decision, limit: float, seed: int) -> tuple[Decision, str]:
    return priced(network).allocation.decision, "ended"


def _proposed(network: Network, start: Decision, limit: float, seed: int) -> tuple[Decision, str]:
    found = solve(network, "proposed", seed, start.association)
    return found.decision, found.message


@dataclass(frozen=True)
class _Entrant:
    """A method, and the packages that compute in it, whose versions are stored."""

    solve: Method
    packages: tuple[str, ...]


_ENTRANTS = {
    "priced": _Entrant(_priced, ("numpy", "scipy")),
    "proposed": _Entrant(_proposed, ("numpy", "scipy")),
    "bonmin": _Entrant(bonmin, ("casadi",)),
    "bonmin-perspective": _Entrant(partial(bonmin, perspective=True), ("casadi",)),
    "highs-ipopt": _Entrant(turns, ("scipy", "casadi")),
    "ipopt-rounded": _Entrant(relaxed, ("casadi",)),
    "scip": _Entrant(scip, ("pyscipopt",)),
    "genetic": _Entrant(genetic, ("pymoo", "numpy")),
    "swarm": _Entrant(swarm, ("pymoo", "numpy")),
}
# The package's own among them.
_OURS = ("priced", "proposed")
_EXTRA = ("casadi", "pyscipopt", "pymoo")

# Limit of every run, of processor time [s]: at 50 users some twenty times what `priced` takes.
_LIMIT = 10.0
# N, M, and on how many networks of each track, seeds 0, 1, ..., each method is measured: 25 for who
# may win, so that a size has fifty networks; few for who never comes close; none at larger sizes.
_CASES: tuple[tuple[int, int, dict[str, int]], ...] = (
    (5, 2, {"bonmin": 25, "bonmin-perspective": 25, "scip": 1, "genetic": 5, "swarm": 5}),
    (10, 3, {"bonmin": 25, "bonmin-perspective": 10, "genetic": 5, "swarm": 5}),
    (20, 5, {"bonmin": 3, "bonmin-perspective": 3, "genetic": 3, "swarm": 3}),
    (50, 10, {"bonmin-perspective": 1, "genetic": 2, "swarm": 2}),
    (200, 10, {"genetic": 1}),
    (1000, 10, {}),
)
_EVERYWHERE = ("priced", "proposed", "highs-ipopt", "ipopt-rounded")
_NETWORKS = {200: 10, 1000: 5}


def jobs(quick: bool = False) -> Iterator[tuple[str, Place]]:
    """Yield methods and networks, network by network: what is stopped early is balanced.

    Parameters
    ----------
    quick : bool
        Two networks of each of the smallest two sizes and tracks.

    Yields
    ------
    tuple of str and Place
        In the order of measurement.
    """
    for users, servers, others in _CASES[: 2 if quick else None]:
        most = _NETWORKS.get(users, 25)
        counts = dict.fromkeys(_EVERYWHERE, most) | others
        for seed in range(2 if quick else most):
            for track in TRACKS:
                for name, count in counts.items():
                    if seed < count:
                        yield name, Place(track, users, servers, seed)


def run(path: Path, quick: bool = False, done: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """Measure every method; go on where a run of the same code has been stopped.

    Parameters
    ----------
    path : Path
        CSV file, written anew after each measurement; rows of other code in it are measured again.
    quick : bool
        As in `jobs`.
    done : callable
        Called once a measurement.

    Returns
    -------
    DataFrame
        What the file holds.

    Raises
    ------
    ScenarioError
        Where a peer is not installed.
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise ScenarioError("bench peers", missing[0], "not installed", "pip install -e .[peers]")
    code = fingerprint(__name__)
    kept = _read(path) if path.exists() else pd.DataFrame({"code": []})
    rows: list[dict[Any, Any]] = kept[kept["code"] == code].to_dict("records")
    known = {(row["method"], *(row[key] for key in Place._fields)) for row in rows}
    with Apart() as process:
        for name, place in jobs(quick):
            if (name, *place) not in known:
                entrant = _ENTRANTS[name]
                found = process.run(name, entrant.solve, place, _LIMIT)
                rows.append(
                    {**place._asdict(), "method": name, "limit": _LIMIT}
                    | _judged(place, found)
                    | surroundings(entrant.packages)
                    | {"code": code}
                )
                write_whole(path, lambda draft: pd.DataFrame(rows).to_csv(draft, index=False))
            done()
    return pd.DataFrame(rows)


def _read(path: Path) -> pd.DataFrame:
    """Return what `run` wrote: no text is empty by being missing, and a number may be missing."""
    numbers = {key: [""] for key in ("objective", "cpu_seconds", "seconds")}
    return pd.read_csv(path, keep_default_na=False, na_values=numbers)


def stored_peers() -> pd.DataFrame:
    """Return the stored measurements, as `run` returned them."""
    return _read(data_path("results", "peers.csv"))


def _judged(place: Place, found: Attempt) -> dict[str, object]:
    """Columns of an attempt: times, the recomputed objective, and why it counts as a failure.

    Parameters
    ----------
    place : Place
        The network.
    found : Attempt
        What a method did with it.

    Returns
    -------
    dict
        With an objective where `failure` is empty.
    """
    times = {"cpu_seconds": found.cpu_seconds, "seconds": found.seconds, "status": found.status}
    if found.decision is None:
        return times | {"objective": np.nan, "failure": "no answer"}
    network, start = drawn(place)
    # Any prices give a bound, which an answer must not undercut.
    prices = Prices(start.bandwidth_price, start.frequency_price)
    try:
        certificate = verify(network, found.decision, prices=prices)
    except ScenarioError as error:
        return times | {"objective": np.nan, "failure": f"no decision: {error.key}"}
    equations = ", ".join(sorted({f"({v.equation})" for v in certificate.violations}))
    if equations:
        return times | {"objective": np.nan, "failure": f"violates {equations}"}
    return times | {"objective": certificate.objective, "failure": ""}


_SIZE = ["track", "users", "servers"]


def _beside(rows: pd.DataFrame) -> pd.DataFrame:
    """Each measurement beside that of `priced` on the same network.

    Parameters
    ----------
    rows : DataFrame
        As `run` returns them.

    Returns
    -------
    DataFrame
        With `slower`, the ratio of processor times, `excess`, the relative excess of the objective,
        and `wins`: whether it is as good and faster, or better.
    """
    own = rows[rows.method == "priced"][[*_SIZE, "seed", "cpu_seconds", "objective"]]
    both = rows.merge(own, how="left", on=[*_SIZE, "seed"], suffixes=("", "_priced"))
    slower = both.cpu_seconds / both.cpu_seconds_priced
    excess = both.objective / both.objective_priced - 1
    wins = (excess < -AS_GOOD) | ((excess <= AS_GOOD) & (slower < 1))
    return both.assign(slower=slower, excess=excess, wins=wins & (both.method != "priced"))


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per track, size and method: how it stands beside `priced`.

    Parameters
    ----------
    rows : DataFrame
        As `run` returns them.

    Returns
    -------
    DataFrame
        Networks, failures, as good (share of the networks), the geometric mean of the ratios of
        processor times, median and largest excess of the objective, and wins.
    """
    table = _beside(rows).assign(failed=rows.failure != "")
    table["as_good"] = table.excess <= AS_GOOD
    found = table.groupby([*_SIZE, "method"], sort=False)
    return found.agg(
        networks=("seed", "size"),
        failures=("failed", "sum"),
        as_good=("as_good", "mean"),
        cpu_seconds=("cpu_seconds", _geometric),
        slower=("slower", _geometric),
        excess_median=("excess", "median"),
        excess_largest=("excess", "max"),
        wins=("wins", "sum"),
    ).reset_index()


def best_peer(rows: pd.DataFrame) -> pd.DataFrame:
    """On each network the fastest peer that is as good as `priced`, summed up over networks.

    Parameters
    ----------
    rows : DataFrame
        As `run` returns them.

    Returns
    -------
    DataFrame
        One line per track and size: networks, `reached`, on how many some peer was as good, the
        geometric mean and the least of the ratio of its processor time to that of `priced`, and
        on how many networks a peer wins.
    """
    table = _beside(rows)
    table = table[~table.method.isin(_OURS)]
    good = table.slower.where(table.excess <= AS_GOOD)
    one = table.assign(fastest=good).groupby([*_SIZE, "seed"], sort=False)
    network = one.agg(fastest=("fastest", "min"), won=("wins", "any"))
    found = network.groupby(_SIZE, sort=False).agg(
        networks=("won", "size"),
        reached=("fastest", "count"),
        slower=("fastest", _geometric),
        least=("fastest", "min"),
        wins=("won", "sum"),
    )
    return found.reset_index()


def _geometric(values: pd.Series[float]) -> float:
    """Geometric mean of what is there; NaN of nothing."""
    return float(np.exp(np.log(values.dropna()).mean()))
