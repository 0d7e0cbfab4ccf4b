"""The measurements of `mecllm bench` in order, and their table on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.study.jobs import completed
from mecllm.study.machine import surroundings
from mecllm.study.measurements import (
    Rows,
    association_rows,
    blocks_rows,
    growth_rows,
    resources_rows,
)
from mecllm.system.files import write_whole
from mecllm.system.scenario import TRACKS

# Names of the studies: exact resources against fractional programming, by CVXPY and block by
# block; whole methods; how `priced` grows, and what it costs to solve a network in blocks.
STUDIES = ("allocation", "newton", "association", "growth", "blocks")
# Ten seeds, so that a geometric mean says something.
_SEEDS = tuple(range(10))
# Sizes at which the exact resources are measured against iterations.
_ALLOCATED = (50, 500, 5000)
# Most users of a block by users: two blocks where one piece is measured as well, and gigabytes.
_BLOCKS = {100_000: 60_000, 3_000_000: 1_000_000}


class Measurement(NamedTuple):
    """What is measured: its study, track, N and seed."""

    study: str
    track: str
    users: int
    seed: int


def plan(
    quick: bool = False, largest: int = max(_BLOCKS), only: Sequence[str] = STUDIES
) -> list[Measurement]:
    """List the measurements in order.

    Parameters
    ----------
    quick : bool
        Two seeds and small sizes.
    largest : int
        Most users of a network that `priced` alone solves.
    only : sequence of str
        Some of `STUDIES`.

    Returns
    -------
    list of Measurement

    Raises
    ------
    ScenarioError
        For a study that there is not.
    """
    for name in only:
        if name not in STUDIES:
            raise ScenarioError("bench", "only", name, "one of " + ", ".join(STUDIES))
    most = min(largest, 1000) if quick else largest
    found = [job for job in _every(_SEEDS[:2] if quick else _SEEDS, quick) if job.study in only]
    return [job for job in found if job.study not in ("growth", "blocks") or job.users <= most]


def _every(seeds: Sequence[int], quick: bool) -> Iterator[Measurement]:
    sizes = _ALLOCATED[: 2 if quick else None]
    for job in product(("allocation", "newton"), TRACKS, sizes, seeds):
        yield Measurement(*job)
    for track, seed in product(TRACKS, seeds):
        yield Measurement("association", track, 50, seed)
    for track, users in product(TRACKS, (10**k for k in range(1, 7))):
        # The largest networks take minutes, so that few seeds have to do there.
        for seed in seeds[: 10 if users <= 1000 else 3 if users <= 10_000 else 1]:
            yield Measurement("growth", track, users, seed)
    for track, users in product(TRACKS, _BLOCKS):
        yield Measurement("blocks", track, users, seeds[0])


def _measured(job: Measurement) -> Rows:
    """Return the rows of a measurement, one a method."""
    study = job.study
    if study == "association":
        return association_rows(job.track, job.users, 10, job.seed)
    if study == "growth":
        return growth_rows(job.track, job.users, job.seed)
    if study == "blocks":
        return blocks_rows(job.track, job.users, job.seed, _BLOCKS[job.users])
    return resources_rows(study, job.track, job.users, job.seed)


def run(
    path: Path,
    jobs: Sequence[Measurement],
    done: Callable[[], object] = lambda: None,
    dask: str | None = None,
) -> pd.DataFrame:
    """Measure, writing the CSV anew after each measurement so that none is lost.

    Parameters
    ----------
    path : Path
        CSV file; rows in it that are not measured again stay.
    jobs : sequence of Measurement
        As `plan` returns them.
    done : callable
        Called after each measurement.
    dask : str, optional
        Address of a scheduler whose workers measure instead of this process.

    Returns
    -------
    DataFrame
        What the file holds, a row a run of a method.
    """
    kept = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=Measurement._fields)
    rows: dict[Measurement, Rows] = {}
    for record in kept.to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        rows.setdefault(Measurement(*(record[key] for key in Measurement._fields)), []).append(row)
    stamp = surroundings(("numpy", "scipy", "cvxpy", "clarabel"))

    def table() -> pd.DataFrame:
        order = sorted(rows, key=lambda job: (STUDIES.index(job.study), *job[1:]))
        return pd.DataFrame([row for job in order for row in rows[job]])

    for job, found in completed(_measured, jobs, lambda job: (job,), dask=dask):
        rows[job] = [row | stamp for row in found]
        write_whole(path, lambda draft: table().to_csv(draft, index=False))
        done()
    return table()
