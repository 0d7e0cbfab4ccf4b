"""`mecllm results`: every stored table of data/results anew, by one command that may be killed."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mecllm.cli.console import console, progress
from mecllm.cli.results import Workers

if TYPE_CHECKING:
    import pandas as pd

# Points of the atlas: shares are known to four per cent, in a fifth of the time of the whole.
_ATLAS_POINTS = 512

_Done = Callable[[], object]


class _Name(NamedTuple):
    """Key of the log: a table, or a setting of one."""

    name: str


class _Cost(NamedTuple):
    """What it took: wall-clock and processor seconds."""

    seconds: float
    cpu_seconds: float


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("results")(results_command)


@dataclass(frozen=True)
class _Job:
    """One table, or a part of one: its name, how many steps it has and what runs them."""

    name: str
    steps: int
    run: Callable[[int, Path, _Done], object]


def results_command(
    workers: Workers = 2,
    only: Annotated[
        list[str] | None, typer.Option(help="Tables whose name starts so; all by default.")
    ] = None,
) -> None:
    """Write data/results anew: what the book plots and decides. May be killed and started again.

    `log.csv` says what each table cost. The bench, which measures a machine, is `mecllm bench`.
    """
    from mecllm.study.fingerprint import fingerprint
    from mecllm.study.store import Store
    from mecllm.system.files import data_path

    parts = data_path("results", "parts")
    parts.mkdir(exist_ok=True)
    jobs = [job for job in _jobs() if not only or job.name.startswith(tuple(only))]
    identity = json.dumps({"code": fingerprint(__name__)})
    with Store(parts / "log.sqlite", identity, _Name, _Cost) as log:
        finished = {key.name for key, _ in log.rows()}
        for job in jobs:
            if job.name in finished:
                continue
            start, before = time.perf_counter(), _processor_seconds()
            with progress(job.name, job.steps) as done:
                job.run(workers, parts, done)
            cost = _Cost(time.perf_counter() - start, _processor_seconds() - before)
            log.add(_Name(job.name), cost)
            console().print(f"{job.name}: {cost.seconds:.0f} s, {cost.cpu_seconds:.0f} s of CPU")
        costs = {key.name: cost for key, cost in log.rows()}
    _write_log(costs, workers)
    shutil.rmtree(parts)


def _jobs() -> Iterator[_Job]:
    """Figures first: the tie bands of the settings are decided on their tables."""
    from mecllm.atlas import Sweep
    from mecllm.study import settings
    from mecllm.study.certificates import networks
    from mecllm.study.run import SEEDS, STUDIES
    from mecllm.system.scenario import TRACKS

    for figure in STUDIES:
        for track in TRACKS:
            yield _Job(f"figure-{figure}-{track}", SEEDS, partial(_figure, figure, track))
    for track in TRACKS:
        for name in settings.names(track):
            job = partial(_setting, track, name)
            yield _Job(f"settings-{track}: {name}", settings.steps(track, name), job)
    yield _Job("settings", 1, _all_settings)
    yield _Job("certificates", len(networks()), _certificates)
    yield _Job("atlas", len(Sweep.load("atlas").tasks(_ATLAS_POINTS)), _atlas)
    yield _Job("shares", 1, _shares)
    yield _Job("flips", 8, _flips)


def _figure(figure: str, track: str, workers: int, parts: Path, done: _Done) -> None:
    from mecllm.study.run import experiment, save_table

    part = parts / f"figure-{figure}-{track}.sqlite"
    save_table(experiment(figure, track, workers=workers, part=part, done=done))


def _setting(track: str, name: str, workers: int, parts: Path, done: _Done) -> None:
    from mecllm.study import settings

    index = settings.names(track).index(name)
    table = settings.decide(track, name, workers, parts / f"{track}-{index}", done)
    table.to_csv(parts / f"{track}-{index}.csv", index=False)


def _all_settings(workers: int, parts: Path, done: _Done) -> None:
    import pandas as pd

    from mecllm.study import settings
    from mecllm.system.scenario import TRACKS

    files = [
        parts / f"{track}-{index}.csv"
        for track in TRACKS
        for index in range(len(settings.names(track)))
    ]
    _save(pd.concat([pd.read_csv(file, keep_default_na=False) for file in files]), "settings")


def _certificates(workers: int, parts: Path, done: _Done) -> None:
    from mecllm.study.certificates import certificates

    _save(certificates(workers, done), "certificates")


def _save(table: pd.DataFrame, name: str) -> None:
    from mecllm.system.files import data_path, write_whole

    write_whole(
        data_path("results", f"{name}.csv"),
        lambda draft: table.to_csv(draft, index=False, lineterminator="\n"),
    )


def _atlas(workers: int, parts: Path, done: _Done) -> None:
    from mecllm.atlas import Sweep, export, run
    from mecllm.system.files import data_path

    sweep = Sweep.load("atlas")
    run(sweep, _ATLAS_POINTS, parts / "atlas.sqlite", workers, progress=lambda *_: done())
    export(sweep, parts / "atlas.sqlite", data_path("results", "atlas.csv.gz"))


def _shares(workers: int, parts: Path, done: _Done) -> None:
    import pandas as pd

    from mecllm.atlas import Results, Sweep, shares
    from mecllm.system.files import data_path

    sweep, path = Sweep.load("atlas"), data_path("results", "atlas.csv.gz")
    tables = [
        shares(Results.load(sweep, path, equal)).assign(equal=equal) for equal in (False, True)
    ]
    _save(pd.concat(tables).round(4), "shares")


def _flips(workers: int, parts: Path, done: _Done) -> None:
    from mecllm.atlas import Results, Sweep, nearest_flips
    from mecllm.system.files import data_path

    results = Results.load(Sweep.load("atlas"), data_path("results", "atlas.csv.gz"))
    _save(nearest_flips(results, done), "flips")


def _processor_seconds() -> float:
    """Processor time of this process and of those it has waited for."""
    return sum(os.times()[:4])


def _write_log(costs: dict[str, _Cost], workers: int) -> None:
    """Put what each table cost into log.csv, in whole seconds; other tables keep their lines."""
    import pandas as pd

    from mecllm.system.files import data_path

    path, today = data_path("results", "log.csv"), datetime.datetime.now(datetime.UTC).date()
    rows = [
        {
            "table": name,
            "seconds": round(cost.seconds),
            "cpu_seconds": round(cost.cpu_seconds),
            "workers": workers,
            "date": str(today),
        }
        for name, cost in costs.items()
    ]
    table = pd.DataFrame(rows)
    if path.exists():
        kept = pd.read_csv(path)
        table = pd.concat([kept[~kept["table"].isin(table["table"])], table])
    _save(table.sort_values("table", kind="stable"), "log")
