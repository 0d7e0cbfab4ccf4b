"""A process apart, in which a method may overrun its time or die without harm."""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import NamedTuple

from mecllm.allocation import Allocation, allocate
from mecllm.study.bench import sized
from mecllm.system.association import greedy
from mecllm.system.model import Decision
from mecllm.system.network import Network
from mecllm.system.scenario import TRACKS

# (network, start, limit [s], seed) → decision and what the solver says of it.
Method = Callable[[Network, Decision, float, int], tuple[Decision, str]]

# A limit of processor time is asked of the solvers themselves, which look at it now and then; who
# overruns it by more than half is ended by the system, and who sleeps through so many of it, by us.
_OVERRUN, _ASLEEP = 1.5, 20.0
# A process that loads what it needs has so long, and warms up for so long.
_LOADING_SECONDS, _WARMING_SECONDS = 300.0, 1.0


class Place(NamedTuple):
    """A network: track, N, M and the seed of its draw."""

    track: str
    users: int
    servers: int
    seed: int


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a method did with a network.

    Parameters
    ----------
    decision : Decision or None
        None where it has none.
    cpu_seconds, seconds : float
        Processor and wall-clock time [s].
    status : str
        What it says of its end.
    """

    decision: Decision | None
    cpu_seconds: float
    seconds: float
    status: str


@lru_cache(maxsize=2)
def drawn(place: Place) -> tuple[Network, Allocation]:
    """Return a network and where everybody starts: the greedy χ with its best resources."""
    network = sized(*place[:3]).draw(place.seed)
    return network, allocate(network, greedy(network))


def _attempt(method: Method, place: Place, limit: float) -> Attempt:
    """Run a method once, in this process.

    Parameters
    ----------
    method : callable
        What is measured.
    place : Place
        On which network.
    limit : float
        Processor time that it should keep to [s].

    Returns
    -------
    Attempt
        Without a decision where it ended in an error.
    """
    network, start = drawn(place)
    before, began = time.process_time(), time.perf_counter()
    decision = None
    try:
        decision, status = method(network, start.decision, limit, place.seed)
    except (RuntimeError, ValueError) as error:  # as CasADi, SCIP and our own solvers raise them
        status = f"{type(error).__name__}: {error}".splitlines()[0][:80]
    return Attempt(decision, time.process_time() - before, time.perf_counter() - began, status)


class Apart:
    """A process that runs one method after the other; when it ends, a new one takes over."""

    def __init__(self) -> None:
        self._process: multiprocessing.process.BaseProcess | None = None

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, name: str, method: Method, place: Place, limit: float) -> Attempt:
        """Let it run a method, for at most half as much processor time again as the limit.

        Parameters
        ----------
        name : str
            Of the method, which is run once on a small network before it is measured.
        method : callable
            A function of a module, or a `partial` of one.
        place : Place
            On which network.
        limit : float
            [s].

        Returns
        -------
        Attempt
            Without a decision where the process had to be ended or died.
        """
        if self._process is None:
            # A forked process would hold what this one has loaded.
            context = multiprocessing.get_context("spawn")
            self._line, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other,), daemon=True)
            self._process.start()
            other.close()
        began = time.perf_counter()
        try:
            self._line.send((name, method, place, limit))
            for patience in (_LOADING_SECONDS, _ASLEEP * limit):
                began = time.perf_counter()
                if not self._line.poll(patience):
                    status = "slept"
                    break
                answer = self._line.recv()
            else:
                return answer
        except (EOFError, ConnectionError):
            self._process.join()
            overran = self._process.exitcode == -signal.SIGXCPU
            status = "overran its limit" if overran else "its process died"
        self._end()
        return Attempt(None, float("nan"), time.perf_counter() - began, status)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._line.close()
            self._process = None


def _serve(line: Connection) -> None:
    """Say when a job's method is ready, then answer the job, until nobody listens any more."""
    # Solvers write past Python, and their tables are nobody's output here; tracebacks still are.
    sys.stderr = os.fdopen(os.dup(2), "w")
    for channel in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), channel)
    ready: set[str] = set()
    with suppress(EOFError, ConnectionError), closing(line):
        while True:
            name, method, place, limit = line.recv()
            if name not in ready:
                # What it imports and tabulates once is not its time.
                for track in TRACKS:
                    _attempt(method, Place(track, 4, 2, 0), _WARMING_SECONDS)
                ready.add(name)
            drawn(place)
            line.send(None)
            with _ended_after(_OVERRUN * limit):
                answer = _attempt(method, place, limit)
            line.send(answer)


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """Let the system end this process after so much more processor time [s], whatever it is in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # It counts whole seconds.
    most = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
