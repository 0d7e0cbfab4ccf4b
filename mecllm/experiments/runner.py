"""Monte Carlo: one task a seed, on all cores, the same numbers for any number of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mecllm.experiments.records import TRACKS, Record, tidy
from mecllm.resources import data_path
from mecllm.scenario import Scenario

Study = Callable[[Scenario, int], list[Record]]
Row = tuple[object, ...]


def run(
    figure: str,
    study: Study,
    track: str,
    seeds: Iterable[int],
    workers: int = 1,
    part: Path | None = None,
    done: Callable[[], Any] | None = None,
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
    """
    scenario = scenario or Scenario.load(TRACKS[track])
    head = (figure, track, scenario.name)
    finished = _resume(part, head)
    wanted = list(dict.fromkeys(seeds))
    for _ in finished.keys() & set(wanted):
        if done:
            done()
    todo = [seed for seed in wanted if seed not in finished]
    for seed, rows in _execute(study, scenario, todo, workers):
        finished[seed] = rows
        if part is not None:
            _append(part, {"seed": seed, "rows": rows})
        if done:
            done()
    return tidy(
        [
            (figure, r[0], track, scenario.name, r[1], r[2], seed, *r[3:])
            for seed in wanted
            for r in finished[seed]
        ]
    )


def _one(study: Study, scenario: Scenario, seed: int) -> tuple[int, list[Row]]:
    return seed, [tuple(record) for record in study(scenario, seed)]


def _execute(
    study: Study, scenario: Scenario, seeds: list[int], workers: int
) -> Iterator[tuple[int, list[Row]]]:
    if workers == 1 or len(seeds) < 2:
        yield from (_one(study, scenario, seed) for seed in seeds)
        return
    from joblib import Parallel, delayed, parallel_config

    # One thread a process: more would only compete for the cores.
    with parallel_config(backend="loky", n_jobs=workers, inner_max_num_threads=1):
        tasks = (delayed(_one)(study, scenario, seed) for seed in seeds)
        yield from Parallel(return_as="generator_unordered")(tasks)


def _resume(part: Path | None, head: tuple[str, ...]) -> dict[int, list[Row]]:
    """Read the finished seeds of an earlier run, unless code or data have changed since."""
    if part is None:
        return {}
    first = {"run": [*head, fingerprint()]}
    lines = part.read_text(encoding="utf-8").splitlines() if part.is_file() else []
    entries = [entry for entry in map(_parse, lines) if entry is not None]
    if not entries or entries[0] != first:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(first) + "\n", encoding="utf-8")
        return {}
    return {entry["seed"]: [tuple(row) for row in entry["rows"]] for entry in entries[1:]}


def _parse(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None  # the line that an interruption cut off


def _append(part: Path, entry: dict[str, Any]) -> None:
    with part.open("a", encoding="utf-8") as file:
        # A line feed first: what an interruption cut off must not swallow this line.
        file.write("\n" + json.dumps(entry))


def fingerprint() -> str:
    """Hash of the package and the scenarios: what decides a result."""
    package = Path(__file__).resolve().parent.parent
    paths = sorted(package.rglob("*.py")) + sorted(data_path("scenarios").glob("*.toml"))
    digest = hashlib.sha256(data_path("hardware.csv").read_bytes())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
