"""Commands for a network of one's own: `mecllm scenario new | check` and `mecllm compare`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mecllm.cli.console import console, progress, waiting

# Commands import what they need when they run: `--help` should not wait for NumPy.
if TYPE_CHECKING:
    from mecllm.errors import ScenarioError
    from mecllm.system.network import Network

_File = Annotated[Path, typer.Argument(help="A scenario file (.toml).")]

_scenario = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(_scenario, name="scenario", help="Start and check a scenario file.")
    app.command("compare")(compare_command)


def drawn(source: str, seed: int) -> Network:
    """Network of a command's first argument: a saved one, or one drawn from a scenario.

    Parameters
    ----------
    source : str
        Name, scenario file (.toml) or saved network (.npz).
    seed : int
        Of the draw.

    Returns
    -------
    Network
        Of the file, or drawn.
    """
    from mecllm.system.network import Network
    from mecllm.system.scenario import Scenario

    return Network.load(source) if source.endswith(".npz") else Scenario.load(source).draw(seed)


@_scenario.command("new")
def new_command(
    path: _File,
    base: Annotated[str, typer.Option(help="Scenario that it starts from.")] = "repaired",
) -> None:
    """Write a scenario that is the base's, with every key in a comment to be changed."""
    from mecllm.errors import ScenarioError
    from mecllm.study.own import commented_start
    from mecllm.system.files import write_whole
    from mecllm.system.scenario import Scenario

    if path.suffix != ".toml" or path.exists():
        raise ScenarioError("scenario", "file", str(path), "the name of a new file, with .toml")
    text = commented_start(path.stem, base, Scenario.load(base))
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8"))
    console().print(f"{path}: as {base!r}; take the # off the lines that you change")


@_scenario.command("check")
def check_command(path: _File) -> None:
    """Say all that is wrong with a scenario file, or what it describes."""
    from mecllm.system.scenario import Scenario

    out, faults = console(), Scenario.faults(path)
    for fault in faults:
        out.print(f"{_place(path, fault)}: {fault.key} = {fault.value!r}; allowed: {fault.allowed}")
    if faults:
        out.print(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}")
        raise typer.Exit(2)
    scenario = Scenario.load(path)
    columns = [*scenario.given.users, *scenario.given.servers]
    columns += ["gain"] if scenario.given.gain is not None else []
    rows = ", ".join(columns) or "nothing"
    out.print(f"{path}: no fault; {scenario.users} users, {scenario.servers} servers")
    out.print(f"given by row: {rows}")
    if scenario.given.ignored:
        out.print(f"columns ignored: {', '.join(scenario.given.ignored)}")


def _place(path: Path, fault: ScenarioError) -> str:
    """File of a fault, with the line on which its key stands where it is of the scenario file."""
    if Path(fault.where).name != path.name or not path.is_file():
        return fault.where
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    head, _, rest = fault.key.partition(".")
    for key in (rest, head) if rest else (head,):
        # As `key = …`, and the head of a table as `[key]`.
        pattern = re.compile(rf"\s*(\[\s*)?[\"']?{re.escape(key)}[\"']?\s*(?(1)\]|=)")
        found = [number for number, line in enumerate(lines, start=1) if pattern.match(line)]
        # Of a word in a table the first after the head of it.
        after = [n for n in found if not rest or key == head or n >= _line(lines, head)]
        if after:
            return f"{path.name}, line {after[0]}"
    return path.name


def _line(lines: list[str], head: str) -> int:
    return next((n for n, line in enumerate(lines, 1) if line.strip().startswith(f"[{head}")), 1)


def print_claims(source: str, seeds: int, workers: int) -> None:
    """Print a verdict on each simulation claim for networks drawn from a scenario.

    Parameters
    ----------
    source : str
        Name or file of the scenario.
    seeds, workers : int
        Networks of each figure, and processes.
    """
    from mecllm.study.own import CLAIMED, claims_of
    from mecllm.system.scenario import Scenario

    scenario, out = Scenario.load(source), console()
    parts = {figure: Path(f"{Path(source).name}.claims-{figure}.part") for figure in CLAIMED}
    with progress(source, len(CLAIMED) * seeds) as done:
        table = claims_of(scenario, seeds, workers, done, parts.get)
    for file in parts.values():
        file.unlink(missing_ok=True)
    for claim, verdict, numbers, _ in table.itertuples(index=False):
        out.print(f"{claim:4}{verdict:18}{numbers}".rstrip())
    for note, claims in table[table["note"] != ""].groupby("note", sort=False)["claim"]:
        out.print(f"{', '.join(claims)}: {note}")
    counts = ", ".join(f"{n} {verdict}" for verdict, n in table["verdict"].value_counts().items())
    out.print(f"{source}, {seeds} networks: {counts}")


def compare_command(
    source: Annotated[
        str, typer.Argument(help="'literal', 'repaired', a scenario (.toml) or a network (.npz).")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    save: Annotated[Path | None, typer.Option(help="Picture file: .png, .pdf or .svg.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the table too (.csv).")] = None,
) -> None:
    """Solve a network by every method: what each costs, how far it is from optimal, its time."""
    from mecllm.study.own import every_method
    from mecllm.system.files import write_whole

    with waiting(f"drawing {source}") as tell:
        frame = every_method(drawn(source, seed), seed, tell)
    out, failed = console(), frame["message"] != ""
    out.print(f"{source}, seed {seed}", style="bold")
    out.print(frame.drop(columns="message").to_string(float_format=lambda v: f"{v:.4g}"))
    for method, message in frame["message"][failed].items():
        out.print(f"{method}: {message}")
    if table is not None:
        write_whole(table, lambda draft: frame.to_csv(draft, lineterminator="\n"))
    if save is not None:
        from mecllm.pictures import use_style
        from mecllm.pictures.comparison import draw_comparison

        use_style()
        draw_comparison(frame).savefig(save)
        console().print(f"{save}: drawn")
