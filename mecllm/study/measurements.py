"""One measurement each: times, objectives and gaps of methods side by side on one network."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.certified.blocks import priced_in_blocks
from mecllm.certified.pricing import priced
from mecllm.errors import SolverError
from mecllm.methods import solve
from mecllm.paper.algorithm import associations, chi_problem, chi_step
from mecllm.paper.fractional import FractionalProgram, fractional_programming, round_layers
from mecllm.paper.p4_newton import SeparableProblem
from mecllm.study.bench import sized
from mecllm.system.arrays import IntArray
from mecllm.system.association import greedy
from mecllm.system.model import evaluate
from mecllm.system.network import Network

# A row of a table for each method.
Rows = list[dict[str, object]]

# Above this many users a run of fractional programming takes minutes. It is stopped after
# _FEW iterations, and its time is then a lower bound on what it needs for the objective.
_MANY, _FEW = 1000, 12
# Runs of the exact solver of which the median counts.
_REPEATS = 5
# Users per server of the growth study; at least two servers, or there would be nothing to choose.
_USERS_PER_SERVER, _FEWEST_SERVERS = 100, 2


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def _by_cvxpy(network: Network, association: IntArray) -> FractionalProgram:
    # Above so many users it takes minutes, and is stopped.
    cap = _FEW if network.users > _MANY else 200
    return fractional_programming(network, association, max_iterations=cap)


def _by_blocks(network: Network, association: IntArray) -> FractionalProgram:
    return fractional_programming(network, association, convex_problem=SeparableProblem)


# How P4 is solved, by study: as the paper has it, and as fast as we can.
_ITERATIONS = {"allocation": ("fractional", _by_cvxpy), "newton": ("newton", _by_blocks)}


@cache
def _warm_up(track: str) -> None:
    """Load what the methods import and tabulate once: that is not the methods' time."""
    network = sized(track, 4, 2).draw(0)
    association = greedy(network)
    allocate(network, association)
    for _, iterate in _ITERATIONS.values():
        iterate(network, association)


def resources_rows(study: str, track: str, users: int, seed: int) -> Rows:
    """Measure exact resources and fractional programming from the same association.

    Parameters
    ----------
    study : {"allocation", "newton"}
        P4 by CVXPY, or block by block.
    track : {"literal", "repaired"}
    users, seed : int
        Of a network with ten servers.

    Returns
    -------
    list of dict
        A row for each.
    """
    _warm_up(track)
    network = sized(track, users, 10).draw(seed)
    association = greedy(network)
    # One run takes a millisecond: the median of some counts.
    runs = [_timed(lambda: allocate(network, association)) for _ in range(_REPEATS)]
    exact, exact_time = runs[0][0], float(np.median([seconds for _, seconds in runs]))
    method, iterate = _ITERATIONS[study]
    run, seconds = _timed(partial(iterate, network, association))
    paper = evaluate(network, round_layers(network, run.decision)).objective
    common = {"study": study, "track": track, "users": users, "servers": 10, "seed": seed}
    return [
        common
        | {"method": "exact", "seconds": exact_time, "objective": exact.objective}
        | {"gap": exact.gap, "finished": True},
        common
        | {"method": method, "seconds": seconds, "objective": paper}
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


def association_rows(track: str, users: int, servers: int, seed: int) -> Rows:
    """Measure whole methods on one network: time, and gap to the network's best certified bound.

    Parameters
    ----------
    track : {"literal", "repaired"}
    users, servers, seed : int
        Of the network.

    Returns
    -------
    list of dict
        A row for each method; one that fails has no finite time.
    """
    network = sized(track, users, servers).draw(seed)
    best, best_time = _timed(lambda: priced(network))
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


def growth_rows(track: str, users: int, seed: int) -> Rows:
    """Measure `priced` in a process of its own: time, peak memory and gap.

    Parameters
    ----------
    track : {"literal", "repaired"}
    users, seed : int
        Of the network, which has a server for a hundred users.

    Returns
    -------
    list of dict
        One row.
    """
    return _in_a_process("growth", track, users, seed, 0)


def blocks_rows(track: str, users: int, seed: int, block: int) -> Rows:
    """Measure `priced_in_blocks` like `growth_rows`.

    Parameters
    ----------
    track : {"literal", "repaired"}
    users, seed : int
        Of the network, which has a server for a hundred users.
    block : int
        Most users of a block.

    Returns
    -------
    list of dict
        One row.
    """
    return _in_a_process("blocks", track, users, seed, block)


def _in_a_process(*arguments: str | int) -> Rows:
    # Not a child of `multiprocessing`, which workers of a cluster may not have.
    code = f"from {__name__} import _grown; _grown(*{arguments!r})"
    ended = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return [json.loads(ended.stdout)]


def _grown(study: str, track: str, users: int, seed: int, block: int) -> None:
    """Print the row of a run of `priced`, in one piece or in blocks, in this process."""
    servers = max(_FEWEST_SERVERS, users // _USERS_PER_SERVER)
    network = sized(track, users, servers).draw(seed)
    # What it loads once is not its time.
    priced(sized(track, 4, 2).draw(0))
    before = time.process_time()
    run = partial(priced_in_blocks, network, block) if block else partial(priced, network)
    result, seconds = _timed(run)
    row = {
        "study": study,
        "track": track,
        "users": users,
        "servers": servers,
        "seed": seed,
        "method": "priced",
        "seconds": seconds,
        "cpu_seconds": time.process_time() - before,
        "objective": result.allocation.objective,
        "gap": result.gap,
        "finished": True,
        "peak_bytes": _peak_bytes(),
    }
    json.dump(row, sys.stdout)


def _peak_bytes() -> int:
    """Most memory that this process had at once."""
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` would start from what the process had that started this one.
        (line,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text("utf-8"))
        return 1024 * int(line)
    # Without /proc, on macOS, it does not, and counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
