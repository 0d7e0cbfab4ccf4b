"""Certificates on many sizes: what `data/results/certificates.csv` holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from mecllm.certified.dual import lower_bound
from mecllm.certified.prices import dual_prices
from mecllm.methods import METHODS, solve
from mecllm.study.bench import sized
from mecllm.study.jobs import completed
from mecllm.system.constraints import feasibility
from mecllm.system.files import data_path
from mecllm.system.scenario import TRACKS

# (users, servers, seeds, methods), on both tracks: every method at the paper's size, and `priced`
# over a wider range of users and of users a server.
_Case = tuple[int, int, range, tuple[str, ...]]
_CASES: tuple[_Case, ...] = (
    (50, 10, range(8), METHODS),
    (50, 10, range(8, 30), ("priced",)),
    *((users, 10, range(4), ("priced",)) for users in (20, 500, 1000, 2000, 100, 200)),
    *((100, servers, range(4), ("priced",)) for servers in (2, 5, 20)),
)


def certify(
    track: str, users: int, servers: int, seed: int, methods: Sequence[str]
) -> list[dict[str, Any]]:
    """Objectives of methods on one network, with the dual bound and the best one.

    Parameters
    ----------
    track : {"literal", "repaired"}
    users, servers : int
        N and M.
    seed : int
        Of the network and of the methods' own choices.
    methods : sequence of str
        Of `METHODS`; `priced` seeks a sharper bound than the dual one.

    Returns
    -------
    list of dict
        Columns of the table, one entry a method.
    """
    network = sized(track, users, servers).draw(seed)
    dual = lower_bound(network, dual_prices(network))
    solutions = [solve(network, method, seed) for method in methods]
    best = max([dual, *(s.lower_bound for s in solutions if s.lower_bound is not None)])
    return [
        {"track": track, "users": users, "servers": servers, "seed": seed, "method": s.method}
        | {"objective": s.objective, "feasible": not feasibility(network, s.decision)}
        | {"dual_bound": dual, "lower_bound": best}
        for s in solutions
    ]


def certificates(workers: int = 1, done: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """Measure every case.

    Parameters
    ----------
    workers : int
        Processes.
    done : callable, optional
        Called after each network, for a progress bar.

    Returns
    -------
    DataFrame
        Rows of `certify`, network after network.
    """
    blocks = {}
    for network, block in completed(certify, networks(), lambda job: job, workers):
        blocks[network] = block
        done()
    return pd.DataFrame([row for network in networks() for row in blocks[network]])


def networks() -> list[tuple[str, int, int, int, tuple[str, ...]]]:
    """Arguments of `certify`, in the order of the table."""
    return [
        (track, users, servers, seed, methods)
        for users, servers, seeds, methods in _CASES
        for track in TRACKS
        for seed in seeds
    ]


def stored_certificates() -> pd.DataFrame:
    """Read `data/results/certificates.csv`."""
    return pd.read_csv(data_path("results", "certificates.csv"))
