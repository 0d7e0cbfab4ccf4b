"""The command line: `mecllm solve`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mecllm.errors import ScenarioError, SolverError
from mecllm.methods import METHODS, solve
from mecllm.scenario import Scenario
from mecllm.solution import Solution, save_decision

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Resource allocation for stable LLM training in mobile edge computing.",
)

Source = Annotated[str, typer.Argument(help="'paper', 'repaired' or a scenario file (.toml).")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the draw.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def _commands() -> None:
    """Keep `solve` a command of its own while it is the only one."""


@app.command("solve")
def solve_command(
    scenario: Source,
    seed: Seed = 0,
    method: Annotated[str, typer.Option(help="One of " + ", ".join(METHODS))] = "proposed",
    as_json: AsJson = False,
    save: Annotated[Path | None, typer.Option(help="Write the decision to this file.")] = None,
) -> None:
    """Draw a network of a scenario, solve it and say what the solution costs."""
    network = Scenario.load(scenario).draw(seed)
    solution = solve(network, method, seed=seed)
    if save is not None:
        save_decision(solution.decision, save)
    if as_json:
        print(json.dumps({"scenario": scenario, "seed": seed} | solution.summary(), indent=2))
    else:
        Console().print(_table(solution, f"{scenario}, seed {seed}"))


def _table(solution: Solution, title: str) -> Table:
    layers = solution.decision.local_layers
    table = Table(title=f"{solution.method} on {title}", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in (
        ("objective", f"{solution.objective:.6g}"),
        ("energy, all users", f"{solution.energy:.6g} J"),
        ("delay, mean of users", f"{solution.delay:.6g} s"),
        ("stability bound, mean", f"{solution.stability:.6g}"),
        ("local layers, least/mean/most", f"{layers.min():g} / {layers.mean():.3g} / {layers.max():g}"),
        ("iterations", f"{solution.iterations}"),
        ("converged", f"{'yes' if solution.converged else 'no'} ({solution.message})"),
    ):
        table.add_row(name, value)
    return table


def main() -> None:
    """Entry point: bad input and failed solvers end in one line and a non-zero code."""
    try:
        app()
    except ScenarioError as error:
        sys.exit(_complain(error, 2))
    except SolverError as error:
        sys.exit(_complain(error, 3))
    except OSError as error:
        sys.exit(_complain(error, 4))


def _complain(error: Exception, code: int) -> int:
    print(f"mecllm: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
