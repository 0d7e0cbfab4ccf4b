"""The command line: `mecllm scenario | solve | verify | compare | figure | claims | …`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mecllm.cli import bench, own, regenerate, results, sweep
from mecllm.cli.console import print_table, waiting
from mecllm.errors import ScenarioError, SolverError

# Commands import what they need when they run: `--help` should not wait for NumPy.
if TYPE_CHECKING:
    from mecllm.certified.certificate import Certificate
    from mecllm.system.solution import Solution

# The keys of `mecllm.methods.METHODS`, for the help.
_METHOD_NAMES = (
    "proposed",
    "alternating",
    "alpha_only",
    "resource_only",
    "edge_only",
    "edge_one",
    "local_only",
    "greedy",
    "random",
    "priced",
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: drawing it takes longer than all else that starts
    context_settings={"max_content_width": 100},
    help="Resource allocation for stable LLM training in mobile edge computing.",
)

_Source = Annotated[
    str, typer.Argument(help="'literal', 'repaired', a scenario (.toml) or a saved network (.npz).")
]
_Seed = Annotated[int, typer.Option(min=0, help="Seed of the draw.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("solve")
def solve_command(
    scenario: _Source,
    seed: _Seed = 0,
    method: Annotated[str, typer.Option(help="One of " + ", ".join(_METHOD_NAMES))] = "proposed",
    as_json: _AsJson = False,
    save: Annotated[Path | None, typer.Option(help="Write the decision to this file.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write a row for each user (.csv).")] = None,
    network: Annotated[Path | None, typer.Option(help="Write the network drawn (.npz).")] = None,
) -> None:
    """Draw a network of a scenario, solve it and say what the solution costs."""
    from mecllm.methods import solve
    from mecllm.system.files import write_whole
    from mecllm.system.solution import save_decision

    with waiting(f"{method} on {scenario}"):
        drawn = own.drawn(scenario, seed)
        solution = solve(drawn, method, seed=seed)
    if save is not None:
        save_decision(solution.decision, save)
    if table is not None:
        frame = solution.to_frame()
        write_whole(table, lambda draft: frame.to_csv(draft, lineterminator="\n"))
    if network is not None:
        drawn.save(network)
    if as_json:
        print(json.dumps({"scenario": scenario, "seed": seed} | solution.summary(), indent=2))
    else:
        print_table(f"{method} on {scenario}, seed {seed}", _costs(solution))


@app.command("verify")
def verify_command(
    scenario: _Source,
    decision: Annotated[Path, typer.Argument(help="File written by `solve --save`.")],
    seed: _Seed = 0,
    claimed: Annotated[float | None, typer.Option(help="Objective claimed for it.")] = None,
    sharp: Annotated[bool, typer.Option("--sharp", help="Seek the sharper bound too.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Recompute a decision: constraints, stationarity, and how far from optimal it can be."""
    from mecllm.certified.certificate import verify
    from mecllm.system.solution import load_decision

    with waiting(f"verifying {decision.name}"):
        network = own.drawn(scenario, seed)
        certificate = verify(network, load_decision(decision), claimed, sharp=sharp)
    if as_json:
        print(json.dumps(_report(certificate), indent=2))
    else:
        print_table(f"{decision.name} on {scenario}, seed {seed}", _report(certificate))
    if not certificate.accepted:
        raise typer.Exit(1)


def _report(certificate: Certificate) -> dict[str, object]:
    worst = max(certificate.residuals, key=lambda block: certificate.residuals[block])
    return {
        "accepted": certificate.accepted,
        "objective": certificate.objective,
        "claim holds": certificate.honest,
        "violations": [f"({v.equation}) at {v.index}: {v.text}" for v in certificate.violations],
        "largest residual": f"{certificate.residuals[worst]:.3g} ({worst})",
        "lower bound": certificate.lower_bound,
        "gap": certificate.gap if certificate.feasible else None,
    }


def _costs(solution: Solution) -> dict[str, object]:
    layers = solution.decision.local_layers
    costs: dict[str, object] = {
        "objective": solution.objective,
        "energy, all users [J]": solution.energy,
        "delay, mean of users [s]": solution.delay,
        "stability bound, mean": solution.stability,
        "local layers, least/mean/most": (
            f"{layers.min():g} / {layers.mean():.3g} / {layers.max():g}"
        ),
        "iterations": solution.iterations,
        "converged": f"{'yes' if solution.converged else 'no'} ({solution.message})",
    }
    if solution.lower_bound is not None:
        costs["certified gap"] = 1 - solution.lower_bound / solution.objective
    return costs


for wing in (own, results, regenerate, sweep, bench):
    wing.register(app)


def main() -> None:
    """Run the program: bad input and failed solvers end in one line and a non-zero code."""
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
