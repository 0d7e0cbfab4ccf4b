"""Monte Carlo: one task a seed, on all cores, the same numbers for any number of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.study import figures
from mecllm.study.fingerprint import fingerprint
from mecllm.study.jobs import completed
from mecllm.study.records import Record, tidy
from mecllm.study.store import Store
from mecllm.system.files import data_path, write_whole
from mecllm.system.scenario import TRACKS, Scenario

Study = Callable[[Scenario, int], list[Record]]
_Row = tuple[object, ...]


def run(
    figure: str,
    study: Study,
    track: str,
    seeds: Iterable[int],
    workers: int = 1,
    part: Path | None = None,
    done: Callable[[], object] = lambda: None,
    scenario: Scenario | None = None,
) -> pd.DataFrame:
    """Run a study on every seed and return its tidy table.

    A seed draws the network and every random choice of the methods, so methods are paired and
    seeds are independent: the order and the number of workers cannot matter.

    Parameters
    ----------
    figure : str
        Name of the study, for the first column.
    study : callable
        (scenario, seed) → records; a module-level function, so that workers can be sent it.
    track : {"literal", "repaired"}
    seeds : iterable of int
    workers : int
        Processes.
    part : Path, optional
        File that keeps each finished seed, so that an interrupted run goes on where it stopped.
    done : callable, optional
        Called once a finished seed, for a progress bar.
    scenario : Scenario, optional
        In place of the track's own.

    Returns
    -------
    DataFrame
        Columns as of `experiment`.

    Raises
    ------
    ScenarioError
        For a part that belongs to another run.
    SolverError
        When a study fails on a seed, or a worker process dies.
    """
    scenario = scenario or Scenario.load(track)
    options = (repr(study.keywords),) if isinstance(study, partial) else ()
    head = (figure, track, repr(scenario), *options)
    wanted = list(dict.fromkeys(seeds))
    finished: dict[int, list[_Row]] = {}
    with nullcontext() if part is None else _kept(part, study, head) as store:
        if store is not None:
            finished = {key.seed: json.loads(rows.rows) for key, rows in store.rows()}
        todo = [seed for seed in wanted if seed not in finished]
        for _ in range(len(wanted) - len(todo)):
            done()
        several = workers if len(todo) > 1 else 1
        jobs = completed(_one, todo, lambda seed: (study, scenario, seed), several)
        for seed, rows in jobs:
            finished[seed] = rows
            if store is not None:
                store.add(_Seed(seed), _Rows(json.dumps(rows)))
            done()
    return tidy(
        [
            (figure, r[0], track, scenario.name, r[1], r[2], seed, *r[3:])
            for seed in wanted
            for r in finished[seed]
        ]
    )


class _Seed(NamedTuple):
    """Key of what `run` keeps."""

    seed: int


class _Rows(NamedTuple):
    """Records of one seed, as JSON."""

    rows: str


def _one(study: Study, scenario: Scenario, seed: int) -> list[_Row]:
    return [tuple(record) for record in study(scenario, seed)]


def _kept(part: Path, study: Study, head: tuple[str, ...]) -> Store[_Seed, _Rows]:
    """Open the file of finished seeds."""
    function = study.func if isinstance(study, partial) else study
    data = (*data_path("scenarios").glob("*.toml"), data_path("hardware.csv"))
    identity = {"run": head, "code": fingerprint(function.__module__, data)}
    return Store(part, json.dumps(identity), _Seed, _Rows)


# Section 5 does not say how many networks it averages over. With sixty nearly every verdict is that
# of nine in ten of the samples drawn from them.
SEEDS = 60

STUDIES: dict[str, Study] = {
    "2": figures.figure_2,
    "3": figures.figure_3,
    "4": figures.figure_4,
    "5": figures.figure_5,
}


def experiment(
    figure: str | int,
    track: str,
    seeds: int | Iterable[int] = SEEDS,
    workers: int = 1,
    part: Path | None = None,
    done: Callable[[], object] = lambda: None,
) -> pd.DataFrame:
    """Run the experiment behind a figure on one track.

    Parameters
    ----------
    figure : str or int
        One of `STUDIES`.
    track : {"literal", "repaired"}
    seeds : int or iterable of int
        How many seeds, from 0 on, or which.
    workers, part, done
        As `run` takes them.

    Returns
    -------
    DataFrame
        Columns figure, panel, track, scenario, method, x, seed, metric, value, unit.

    Raises
    ------
    ScenarioError
        For an unknown figure or track, or no seed.
    """
    name = str(figure)
    if name not in STUDIES:
        raise ScenarioError("experiment", "figure", figure, "one of " + ", ".join(STUDIES))
    if track not in TRACKS:
        raise ScenarioError("experiment", "track", track, "one of " + ", ".join(TRACKS))
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not chosen:
        raise ScenarioError("experiment", "seeds", seeds, "at least one")
    return run(name, STUDIES[name], track, chosen, workers, part, done)


def save_table(frame: pd.DataFrame, path: Path | None = None) -> Path:
    """Write a table where `stored` finds it; ten digits, far more than the solvers settle.

    Parameters
    ----------
    frame : DataFrame
        Of one figure and one track.
    path : Path, optional
        Another file.

    Returns
    -------
    Path
        The file written.
    """
    name = f"figure-{frame['figure'].iloc[0]}-{frame['track'].iloc[0]}.csv"
    target = path or data_path("results", name)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(
        target,
        lambda draft: frame.to_csv(draft, index=False, float_format="%.10g", lineterminator="\n"),
    )
    return target
