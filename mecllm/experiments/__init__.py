"""The simulations of Section 5: one tidy table a figure and track."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.experiments import alternatives, studies
from mecllm.experiments.records import COLUMNS, TRACKS, Record, stored
from mecllm.experiments.runner import Study, run
from mecllm.resources import data_path

__all__ = ["COLUMNS", "STUDIES", "TRACKS", "Record", "experiment", "store", "stored"]

# Section 5 does not say how many networks it averages over.
SEEDS = 30

STUDIES: dict[str, Study] = {
    "2": studies.figure_2,
    "3": studies.figure_3,
    "3-alternatives": alternatives.figure_3_alternatives,
    "4": studies.figure_4,
    "5": studies.figure_5,
}


def experiment(
    figure: str | int,
    track: str,
    seeds: int | Iterable[int] = SEEDS,
    workers: int = 1,
    part: Path | None = None,
    done: Callable[[], Any] | None = None,
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
        As `mecllm.experiments.runner.run` takes them.

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


def store(frame: pd.DataFrame, path: Path | None = None) -> Path:
    """Write a table where `stored` finds it; ten digits, far more than the solvers settle."""
    name = f"figure-{frame['figure'].iloc[0]}-{frame['track'].iloc[0]}.csv"
    target = path or data_path("results", name)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + ".part")
    frame.to_csv(draft, index=False, float_format="%.10g", lineterminator="\n")
    draft.replace(target)
    return target
