"""The commands `mecllm bench` and `mecllm bench peers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mecllm.cli.console import console, progress

# Commands import what they need when they run: `--help` should not wait for pandas.
if TYPE_CHECKING:
    import pandas as pd

_bench = typer.Typer(rich_markup_mode=None)
_Out = Annotated[Path, typer.Option(help="CSV of the measurements.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(_bench, name="bench", invoke_without_command=True)


@_bench.callback()
def bench_command(
    context: typer.Context,
    out: _Out = Path("bench.csv"),
    quick: Annotated[bool, typer.Option("--quick", help="Two seeds, small sizes.")] = False,
    largest: Annotated[int, typer.Option(min=100, help="Most users of the growth.")] = 3_000_000,
    only: Annotated[
        list[str] | None, typer.Option(help="A study to measure; what else is in the file stays.")
    ] = None,
    dask: Annotated[str | None, typer.Option(help="Scheduler (tcp://…) to use instead.")] = None,
) -> None:
    """Measure exact against iterative and certified against heuristic, side by side."""
    if context.invoked_subcommand is not None:
        return
    from mecllm.study import bench
    from mecllm.study.plan import STUDIES, plan, run
    from mecllm.system.scenario import TRACKS

    measurements = plan(quick, largest, only or STUDIES)
    with progress("measuring", len(measurements)) as done:
        rows = run(out, measurements, done, dask)
    for study, method in (("allocation", "fractional"), ("newton", "newton")):
        if (rows.study == study).any():
            _show(f"time, {method} over exact", bench.speedup(rows, study, method))
    _show("geometric means over seeds", bench.summary(rows))
    for track in TRACKS:
        slope = bench.slope(rows, track)
        shown = "needs two sizes" if slope is None else f"{slope:.3f}"
        print(f"log-log slope of priced from 1,000 users, {track}: {shown}")


@_bench.command("peers")
def peers_command(
    out: _Out = Path("peers.csv"),
    quick: Annotated[bool, typer.Option("--quick", help="Two networks, small sizes.")] = False,
) -> None:
    """Measure `priced` against Bonmin, HiGHS, IPOPT, SCIP, a genetic algorithm and a swarm.

    Needs the extra `peers` (pip install -e .[peers]); may be stopped and started again.
    """
    from mecllm.study import peers

    with progress("measuring", len(list(peers.jobs(quick)))) as done:
        rows = peers.run(out, quick, done)
    _show("the fastest peer as good as priced", peers.best_peer(rows))
    _show("geometric means over networks", peers.ratios(rows))


def _show(title: str, table: pd.DataFrame) -> None:
    console().print(title, style="bold")
    console().print(table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
