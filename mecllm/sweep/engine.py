"""Runs a sweep: tasks out to workers, rows back to one file, on one machine or a Dask cluster."""

from __future__ import annotations

import contextlib
import csv
import gzip
import importlib
import io
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from mecllm.errors import ScenarioError, SolverError
from mecllm.sweep.space import Sweep
from mecllm.sweep.store import Store
from mecllm.sweep.tasks import Outcome, Task, measure

# Tasks under way per worker: enough that none waits for the file, few enough that little is lost.
IN_FLIGHT = 4
# A scheduler that does not answer within this time is not there.
CONNECT_SECONDS = 10


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
    """
    for key, value in (("points", points), ("workers", workers)):
        if value < 1:
            raise ScenarioError("sweep", key, value, "a whole number >= 1")
    tasks = sweep.tasks(points)
    coordinates = sweep.coordinates(points)
    added = failed = 0
    with Store(path, sweep) as store:
        pending = store.pending(tasks)
        found = len(tasks) - len(pending)
        progress(found, len(tasks))
        with _pool(workers, dask, len(pending)) as (pool, width):
            waiting: dict[Future[Outcome], Task] = {}
            queue = (task for task in _rotated(pending) if task not in store)
            while True:
                for task in islice(queue, width - len(waiting)):
                    values = sweep.values(task.track, coordinates[task.point])
                    scenario = sweep.scenarios[task.track]
                    future = pool.submit(measure, scenario, values, task.seed, task.method)
                    waiting[future] = task
                if not waiting:
                    break
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    outcome = _result(future)
                    new = store.add(waiting.pop(future), outcome)
                    added, failed = added + new, failed + (new and bool(outcome.error))
                    progress(found + added, len(tasks))
    # Rows that another process added meanwhile are there too.
    progress(len(tasks), len(tasks))
    return Summary(len(tasks), found, added, failed)


def export(sweep: Sweep, path: str | Path, target: str | Path) -> int:
    """Write the rows, with the constants of their points, as CSV (`.csv` or `.csv.gz`).

    Six digits are kept. A file with the same rows gives the same bytes. Returns the number of rows.
    """
    destination = Path(target)
    with Store(path, sweep) as store:
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
    # Written beside and moved, so that an interruption leaves no half a file.
    draft = destination.with_name(destination.name + ".part")
    draft.write_bytes(data)
    draft.replace(destination)
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


def _result(future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise SolverError("a worker process died; start again to continue the sweep") from error


class _Here(Executor):
    """Computes at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextlib.contextmanager
def _pool(workers: int, dask: str | None, tasks: int) -> Iterator[tuple[Executor, int]]:
    """Give an executor, and the number of tasks to have under way."""
    if dask is not None:
        with _cluster(dask) as cluster:
            yield cluster
    elif workers == 1 or tasks < 2:
        yield _Here(), 1
    else:
        # A forked process would share this one's connection to the file, which SQLite forbids.
        context = multiprocessing.get_context("spawn")
        end, lifeline = context.Pipe(duplex=False)
        with contextlib.closing(lifeline):
            pool = ProcessPoolExecutor(workers, context, initializer=_end_with, initargs=(end,))
            try:
                _start(pool, workers)
                yield pool, IN_FLIGHT * workers
            except BaseException:
                # Ctrl-C, a full disk: what is under way is not waited for, the next run repeats it.
                lifeline.close()
                raise
            finally:
                pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        allowed = "the extra mecllm[dask] to be installed"
        raise ScenarioError("sweep", "dask", address, allowed) from error
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ScenarioError("sweep", "dask", address, "a running Dask scheduler") from error
    with client:
        threads = sum(client.ncores().values())
        # `pure` would give two rows that happen to have equal arguments one key.
        yield client.get_executor(pure=False), IN_FLIGHT * max(threads, 1)


def _start(pool: Executor, workers: int) -> None:
    """Start the processes deaf to Ctrl-C, which is for the sweep to hear: they inherit a mask."""
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(workers):
            pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _end_with(lifeline: Connection) -> None:
    """Let a worker end when the sweep closes its end of a line, as it does even when killed."""

    def watch() -> None:
        wait_for([lifeline])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
