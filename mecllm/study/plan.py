"""The measurements of `mecllm bench` in order, and their table on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.study.machine import surroundings
from mecllm.study.measurements import Rows, association_rows, growth_rows, resources_rows
from mecllm.system.files import write_whole
from mecllm.system.scenario import TRACKS

# Names of the studies: exact resources against fractional programming, by CVXPY and block by
# block; whole methods; and how `priced` grows.
STUDIES = ("allocation", "newton", "association", "growth")
# Ten seeds, so that a geometric mean says something.
_SEEDS = tuple(range(10))
# Sizes at which the exact resources are measured against iterations.
_ALLOCATED = (50, 500, 5000)


_Plan = list[tuple[str, Callable[[], Rows]]]


def plan(quick: bool = False, largest: int = 1_000_000, only: Sequence[str] = STUDIES) -> _Plan:
    """List the measurements in order.

    Parameters
    ----------
    quick : bool
        Two seeds and small sizes.
    largest : int
        Most users of the growth study.
    only : sequence of str
        Some of `STUDIES`.

    Returns
    -------
    list of tuple
        Name of the study, and a call that returns rows of it.

    Raises
    ------
    ScenarioError
        For a study that there is not.
    """
    for name in only:
        if name not in STUDIES:
            raise ScenarioError("bench", "only", name, "one of " + ", ".join(STUDIES))
    seeds, found = _SEEDS[:2] if quick else _SEEDS, _Plan()
    sizes = _ALLOCATED[: 2 if quick else None]
    for study, track, users, seed in product(("allocation", "newton"), TRACKS, sizes, seeds):
        found.append((study, partial(resources_rows, study, track, users, seed)))
    for track, seed in product(TRACKS, seeds):
        found.append(("association", partial(association_rows, track, 50, 10, seed)))
    for track in TRACKS:
        users = 10
        while users <= (1000 if quick else largest):
            # The largest networks take minutes, so that few seeds have to do there.
            for seed in seeds[: 10 if users <= 1000 else 3 if users <= 10_000 else 1]:
                found.append(("growth", partial(growth_rows, track, users, seed)))
            users *= 10
    return [measurement for measurement in found if measurement[0] in only]


def run(path: Path, plan: _Plan, done: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """Measure, writing the CSV anew after each measurement so that none is lost.

    Parameters
    ----------
    path : Path
        CSV file; rows of studies in it that are not measured stay.
    plan : list of tuple
        As the function `plan` returns it.
    done : callable
        Called after each measurement.

    Returns
    -------
    DataFrame
        What the file holds, a row a run of a method.
    """
    kept = pd.read_csv(path) if path.exists() else pd.DataFrame({"study": []})
    kept = kept[~kept["study"].isin([study for study, _ in plan])]
    rows: list[dict[Any, Any]] = kept.to_dict("records")
    stamp = surroundings(("numpy", "scipy", "cvxpy", "clarabel"))
    for _, measurement in plan:
        rows.extend(row | stamp for row in measurement())
        # Studies in their order, rows of each in the order of measurement.
        rows.sort(key=lambda row: STUDIES.index(row["study"]))
        write_whole(path, lambda draft: pd.DataFrame(rows).to_csv(draft, index=False))
        done()
    return pd.DataFrame(rows)
