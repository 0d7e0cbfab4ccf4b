"""The command `mecllm sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mecllm.cli.console import console

# What a shell reports of a command that Ctrl-C has ended: 128 and the signal's number.
_INTERRUPTED = 130


def sweep(
    spec: Annotated[str, typer.Argument(help="'atlas' or a file that describes a space (.toml).")],
    out: Annotated[Path, typer.Option(help="SQLite file of the rows; continued if it exists.")],
    points: Annotated[int, typer.Option(min=1, help="Sobol points of each track.")] = 4096,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    dask: Annotated[str | None, typer.Option(help="Scheduler (tcp://…) to use instead.")] = None,
    export: Annotated[Path | None, typer.Option(help="Also write .csv or .csv.gz.")] = None,
) -> None:
    """Run every method at every point of a space; may be killed and started again."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from mecllm import atlas

    class _Rate(ProgressColumn):
        """Rows a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:.0f} rows/s")

    space = atlas.Sweep.load(spec)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True)) as bar:

        def show(done: int, wanted: int) -> None:
            if not bar.tasks:
                bar.add_task(space.name, completed=done)
            bar.update(bar.task_ids[0], completed=done, total=wanted)

        try:
            result = atlas.run(space, points, out, workers, dask, show)
        except KeyboardInterrupt:
            bar.stop()
            console(stderr=True).print(f"Stopped. {out} keeps its rows; the same command goes on.")
            raise typer.Exit(_INTERRUPTED) from None
    console().print(
        f"{result.wanted} rows wanted: {result.found} were there, {result.added} added "
        f"({result.failed} of them failed points)."
    )
    if export is not None:
        count = atlas.export(space, out, export)
        console().print(f"{count} rows written to {export}.")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("sweep")(sweep)
