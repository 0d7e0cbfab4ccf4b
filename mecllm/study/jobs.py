"""Where jobs are computed: in this process, in others, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import importlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection, wait as wait_for
from typing import Any, TypeVar

from mecllm.errors import ScenarioError, SolverError

# Jobs under way per worker: enough that none waits for the file, few enough that little is lost.
_IN_FLIGHT = 4
# A scheduler that does not answer within this time is not there.
_CONNECT_SECONDS = 10
# Workers of a cluster may come later than the jobs: after so long it is said that they are awaited,
# and after so long they are given up. In between they are looked for every so often.
_TELL_SECONDS, _GIVE_UP_SECONDS, _LOOK_SECONDS = 5.0, 300.0, 1.0
# Sent as a text, since a worker without the package could not take a function of it.
_HAS_PACKAGE = "__import__('importlib.util').util.find_spec('mecllm') is not None"

_LOG = logging.getLogger(__name__)

_Ready = Callable[[], None]
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def completed(
    work: Callable[..., _Result],
    jobs: Iterable[_Job],
    arguments: Callable[[_Job], tuple[Any, ...]],
    workers: int = 1,
    dask: str | None = None,
) -> Iterator[tuple[_Job, _Result]]:
    """Do some work for each job; yield each with its result as soon as it is there.

    Parameters
    ----------
    work : callable
        A function of a module, so that other processes can be sent it.
    jobs : iterable
        Taken a few at a time, so that a generator may still leave out what became known.
    arguments : callable
        Job → arguments of the work.
    workers : int
        Processes; 1 computes in this one.
    dask : str, optional
        Address of a Dask scheduler (`tcp://…`) whose workers compute instead.

    Yields
    ------
    tuple
        Job and result, in the order of completion.

    Raises
    ------
    ScenarioError
        For a scheduler that cannot be reached, or whose workers are missing, or lack the package,
        for five minutes; what is awaited is logged after some seconds.
    SolverError
        When a process has died.
    """
    queue = iter(jobs)
    waiting: dict[Future[_Result], _Job] = {}
    with _executor(workers, dask) as (pool, width, ready):
        while True:
            for job in islice(queue, width - len(waiting)):
                waiting[pool.submit(work, *arguments(job))] = job
            if not waiting:
                return
            done = wait(waiting, ready and _TELL_SECONDS, FIRST_COMPLETED).done
            if ready and not done:
                ready()
            for future in done:
                yield waiting.pop(future), _result(future)


def _result(future: Future[_Result]) -> _Result:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise SolverError("a worker process died; start again to go on") from error


class _Here(Executor):
    """Computes at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextlib.contextmanager
def _executor(workers: int, dask: str | None) -> Iterator[tuple[Executor, int, _Ready | None]]:
    """Give an executor, the number of jobs to have under way, and what waits for its workers."""
    if dask is not None:
        with _cluster(dask) as cluster:
            yield cluster
    elif workers == 1:
        yield _Here(), 1, None
    else:
        # A forked process would share this one's connection to a store, which SQLite forbids.
        context = multiprocessing.get_context("spawn")
        end, lifeline = context.Pipe(duplex=False)
        with contextlib.closing(lifeline):
            pool = ProcessPoolExecutor(workers, context, initializer=_end_with, initargs=(end,))
            try:
                _start(pool, workers)
                yield pool, _IN_FLIGHT * workers, None
            except BaseException:
                # Ctrl-C, a full disk: what is under way is not waited for, the next run repeats it.
                lifeline.close()
                raise
            finally:
                pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[tuple[Executor, int, _Ready]]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        allowed = "the extra mecllm[dask] to be installed"
        raise ScenarioError("sweep", "dask", address, allowed) from error
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ScenarioError("sweep", "dask", address, "a running Dask scheduler") from error
    with client:
        _await_workers(client, address)
        threads = sum(client.ncores().values())
        # `pure` would give two rows that happen to have equal arguments one key.
        pool = client.get_executor(pure=False)
        yield pool, _IN_FLIGHT * max(threads, 1), partial(_await_workers, client, address)


def _await_workers(client: Any, address: str) -> None:
    """Return when the cluster has workers and all of them have the package.

    Raises
    ------
    ScenarioError
        When that takes longer than `_GIVE_UP_SECONDS`.
    """
    start, told = time.monotonic(), False
    while (missing := _missing(client, address)) is not None:
        waited = time.monotonic() - start
        if waited > _GIVE_UP_SECONDS:
            allowed = f"{missing}; none came within {_GIVE_UP_SECONDS:g} s"
            raise ScenarioError("sweep", "dask", address, allowed)
        if waited > _TELL_SECONDS and not told:
            _LOG.warning("%s awaits %s; gives up in %g s", address, missing, _GIVE_UP_SECONDS)
            told = True
        time.sleep(_LOOK_SECONDS)


def _missing(client: Any, address: str) -> str | None:
    """Say what a cluster lacks to begin."""
    if not client.ncores():
        return f"a worker (dask worker {address})"
    lacking = [worker for worker, has in client.run(eval, _HAS_PACKAGE).items() if not has]
    return f"mecllm to be installed where {lacking[0]} runs" if lacking else None


def _start(pool: Executor, workers: int) -> None:
    """Start the processes deaf to Ctrl-C, which is for the caller to hear: they inherit a mask."""
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(workers):
            pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _end_with(lifeline: Connection) -> None:
    """Let a worker end when the caller closes its end of a line, as it does even when killed."""

    def watch() -> None:
        wait_for([lifeline])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
