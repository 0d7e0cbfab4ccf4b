"""Commands of the figures and the ledger: `mecllm figure | claims | train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mecllm.cli.console import console, progress
from mecllm.cli.own import print_claims

_TRACK = "literal or repaired"
# Quick mode of `claims`: this many seeds are run again and compared with the stored tables.
_QUICK_SEEDS = 1

_Track = Annotated[str, typer.Option(help=_TRACK)]
_Save = Annotated[Path, typer.Option(help="Picture file: .png, .pdf or .svg.")]
_Stored = Annotated[bool, typer.Option("--stored", help="Draw data/results, run nothing.")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of random networks.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("figure")(figure_command)
    app.command("claims")(claims_command)
    app.command("train")(train_command)


def figure_command(
    number: Annotated[str, typer.Argument(help="2, 3, 4 or 5.")],
    track: _Track = "literal",
    seeds: Seeds = 60,
    save: _Save = Path("figure.png"),
    workers: Workers = 2,
    stored: _Stored = False,
) -> None:
    """Run the experiment behind a figure of the paper and draw it."""
    from mecllm.errors import ScenarioError
    from mecllm.pictures import use_style
    from mecllm.pictures.paper import DRAW
    from mecllm.study.records import stored as read
    from mecllm.study.run import experiment

    if number not in DRAW:
        raise ScenarioError("figure", "number", number, "one of " + ", ".join(DRAW))
    if stored:
        frame = read(number, track)
    else:
        part = save.with_name(f"{save.name}.{number}-{track}.part")
        with progress(f"figure {number}, {track}", seeds) as done:
            frame = experiment(number, track, seeds, workers, part, done)
        part.unlink(missing_ok=True)
    use_style()
    DRAW[number](frame).savefig(save)
    console().print(f"{save}: figure {number}, {track} track, {frame['seed'].nunique()} seeds")


def claims_command(
    scenario: Annotated[
        str | None, typer.Argument(help="Decide on networks of this scenario (.toml) instead.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Networks of that scenario.")] = 10,
    full: Annotated[bool, typer.Option("--full", help="Run every figure anew.")] = False,
    workers: Workers = 2,
) -> None:
    """Decide every simulation claim again; fail when a verdict differs from the recorded one.

    By default from the stored tables, of which the first seed is run again and compared. With a
    SCENARIO the claims are tested on networks drawn from it, of the sizes that its servers admit:
    so many for each of four figures, which with ten of up to sixty users and twelve servers takes
    one to five minutes of a core in all. May be stopped at any moment and started again.
    """
    if scenario is not None:
        print_claims(scenario, seeds, workers)
        return

    from mecllm.study import ledgers as claims
    from mecllm.study.dependence import contradictions
    from mecllm.study.run import SEEDS
    from mecllm.study.training_claims import training_differences
    from mecllm.system.scenario import TRACKS

    screen, wrong = console(), training_differences()
    seeds = SEEDS if full else _QUICK_SEEDS
    for track in TRACKS:
        kept = claims.results(track)
        with progress(f"{track} track", seeds * len(claims.FIGURES)) as done:
            again = claims.fresh(track, seeds, workers, done)
        wrong += claims.differences(track, again if full else kept)
        for figure, frame in again.items():
            off = claims.deviation(frame, kept[figure])
            if off > claims.TOLERANCE:
                wrong.append(f"figure {figure}, {track}: stored table differs by {off:.2g}")
    wrong += contradictions()
    for line in wrong:
        screen.print(line)
    for track in TRACKS:
        counts = (f"{n} {verdict}" for verdict, n in claims.verdict_counts(track).items())
        screen.print(f"{track}: {', '.join(counts)}")
    screen.print(f"{len(wrong)} differences")
    if wrong:
        raise typer.Exit(1)


def train_command(
    workers: Workers = 2,
    draws: Annotated[int | None, typer.Option(min=2, help="At most so many a setting.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV, in place of the stored one.")] = None,
) -> None:
    """Train the transformer anew, in every reading: data/results/training.csv and its costs.

    May be stopped at any moment and started again.
    """
    # Matrices are small: threads of the linear algebra would wait for each other, tenfold as long.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from mecllm.study import training
    from mecllm.system.files import data_path

    path = out or data_path("results", "training.csv")
    tasks = training.tasks(draws)
    part = path.with_suffix(".part")
    with progress("training", len(tasks)) as done:
        frame = training.run(tasks, workers, part, done)
    training.write(frame, path)
    training.write(training.costs(), path.with_name(f"{path.stem}-costs.csv"))
    part.unlink()
    console().print(f"{path}: {len(frame)} rows, {len(tasks)} trainings with replaced samples")
