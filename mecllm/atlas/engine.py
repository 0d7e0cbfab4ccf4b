"""Runs a sweep: tasks out to workers, rows back to one file, on one machine or a Dask cluster."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mecllm.atlas.rows import Outcome, Task, measure
from mecllm.atlas.space import Sweep
from mecllm.errors import ScenarioError
from mecllm.study.jobs import completed
from mecllm.study.store import Store
from mecllm.system.files import write_whole
from mecllm.system.scenario import Scenario


@dataclass(frozen=True)
class Summary:
    """Rows that a run wanted, found in the file, added, and added with an error."""

    wanted: int
    found: int
    added: int
    failed: int


def run(
    sweep: Sweep,
    points: int,
    path: str | Path,
    workers: int = 1,
    dask: str | None = None,
    progress: Callable[[int, int], object] = lambda done, wanted: None,
) -> Summary:
    """Compute the rows that a file lacks, each committed as soon as it is known.

    The rows do not depend on workers, backend, order or interruptions. Several processes may run
    one sweep into one file: each starts at another place and leaves out what is already there.

    Parameters
    ----------
    sweep : Sweep
        What is computed, and at which points.
    points : int
        Sobol points; a file of fewer points is continued.
    path : str or Path
        SQLite file, created if missing.
    workers : int
        Processes; 1 computes in this one.
    dask : str, optional
        Address of a Dask scheduler (`tcp://…`) whose workers compute instead.
    progress : callable
        Called with (rows there, rows wanted) at the start and after each row.

    Returns
    -------
    Summary
        How many rows were wanted, found and added.

    Raises
    ------
    ScenarioError
        For a file of something else, a wrong number, or a scheduler that cannot be reached.
    OSError
        When the file cannot be written; committed rows stay.
    SolverError
        When a worker process dies.
    KeyboardInterrupt
        At once, with the committed rows kept.

    Examples
    --------
    >>> from mecllm.atlas import Sweep, run
    >>> atlas = Sweep.load("atlas")
    >>> literal = {"literal": atlas.scenarios["literal"]}
    >>> sweep = atlas.restrict(scenarios=literal, methods=("alpha_only",))
    >>> run(sweep, 2, "rows.sqlite")
    Summary(wanted=2, found=0, added=2, failed=0)
    >>> run(sweep, 3, "rows.sqlite")
    Summary(wanted=3, found=2, added=1, failed=0)
    """
    for key, value in (("points", points), ("workers", workers)):
        if value < 1:
            raise ScenarioError("sweep", key, value, "a whole number >= 1")
    tasks = sweep.tasks(points)
    coordinates = sweep.coordinates(points)
    added = failed = 0

    def arguments(task: Task) -> tuple[Scenario, dict[str, float], int, str]:
        values = sweep.values(task.track, coordinates[task.point])
        return sweep.scenarios[task.track], values, task.seed, task.method

    with _opened(sweep, path) as store:
        pending = store.pending(tasks)
        found = len(tasks) - len(pending)
        progress(found, len(tasks))
        queue = (task for task in _rotated(pending) if task not in store)
        # Starting processes for a single row takes longer than the row.
        several = workers if len(pending) > 1 else 1
        for task, outcome in completed(measure, queue, arguments, several, dask):
            new = store.add(task, outcome)
            added, failed = added + new, failed + (new and bool(outcome.error))
            progress(found + added, len(tasks))
    # Rows that another process added meanwhile are there too.
    progress(len(tasks), len(tasks))
    return Summary(len(tasks), found, added, failed)


def _opened(sweep: Sweep, path: str | Path) -> Store[Task, Outcome]:
    """Open the file of a sweep; raises as `Store` does."""
    return Store(path, sweep.identity(), Task, Outcome)


def export(sweep: Sweep, path: str | Path, target: str | Path) -> int:
    """Write the rows, with the constants of their points, as CSV.

    Six digits are kept. A file with the same rows gives the same bytes.

    Parameters
    ----------
    sweep : Sweep
    path : str or Path
        SQLite file of the sweep.
    target : str or Path
        `.csv` or `.csv.gz`.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    ScenarioError
        For a file of something else.
    """
    destination = Path(target)
    with _opened(sweep, path) as store:
        rows = list(store.rows())
    coordinates = sweep.coordinates(1 + max((task.point for task, _ in rows), default=0))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*Task._fields, *sweep.keys, *Outcome._fields])
    for task, outcome in rows:
        values = sweep.values(task.track, coordinates[task.point])
        constants = [values.get(key) for key in sweep.keys]
        writer.writerow([*task, *map(_digits, constants), *map(_digits, outcome)])
    data = text.getvalue().encode()
    if destination.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    write_whole(destination, lambda draft: draft.write_bytes(data))
    return len(rows)


def _digits(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value


def _rotated(tasks: list[Task]) -> Iterator[Task]:
    """Start anywhere: processes that share a file should not all compute the same first tasks."""
    start = random.SystemRandom().randrange(len(tasks)) if tasks else 0
    # At the first task of a point, so that an interrupted sweep has few points in part.
    while start and tasks[start - 1].point == tasks[start].point:
        start -= 1
    yield from tasks[start:]
    yield from tasks[:start]
