"""What is done with a network or a scenario of one's own: every method on it, and the claims."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from mecllm.certified.certificate import verify
from mecllm.errors import ScenarioError, SolverError
from mecllm.methods import METHODS, solve
from mecllm.study.checks import CHECKED, verdict
from mecllm.study.run import STUDIES, run
from mecllm.system.constraints import feasibility
from mecllm.system.network import Network
from mecllm.system.parameters import FIGURES, Law
from mecllm.system.scenario import Scenario

# What a column of `every_method` holds; its last one says why a method gave nothing.
_MEASURES = ("objective", "energy [J]", "delay [s]", "stability", "gap", "time [s]")


def every_method(network: Network, seed: int = 0) -> pd.DataFrame:
    """Solve a network by every method and measure each against one certified bound.

    Parameters
    ----------
    network : Network
        What is solved.
    seed : int
        Of the methods' own choices.

    Returns
    -------
    DataFrame
        A row for each of `METHODS`; columns `_MEASURES`, energy of all users, delay and stability
        the mean of users, gap the share of the objective that a better decision may save at most;
        "message" says why a method has no solution, or that it leaves the constraints, as all
        layers at the edge or on the device do, and so has no gap.

    Examples
    --------
    >>> from mecllm import Scenario
    >>> from mecllm.study import every_method
    >>> table = every_method(Scenario.load("repaired").replace(users=4, servers=2).draw(0))
    >>> bool(table["gap"].min() == table.loc["priced", "gap"]), len(table)
    (True, 10)
    """
    solutions, rows = {}, {}
    for method in METHODS:
        start = time.perf_counter()
        try:
            found = solve(network, method, seed)
        except (ScenarioError, SolverError) as error:
            rows[method] = [*[float("nan")] * len(_MEASURES), str(error)]
            continue
        solutions[method] = found
        took = time.perf_counter() - start
        cost = (found.objective, found.energy, found.delay, found.stability)
        violated = sorted({v.equation for v in feasibility(network, found.decision)})
        outside = f"outside ({'), ('.join(violated)}): no gap" if violated else ""
        rows[method] = [*cost, float("nan"), took, outside]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*_MEASURES, "message"])
    priced = solutions.get("priced")
    bound = None if priced is None else priced.lower_bound
    if bound is None:
        bound = verify(network, next(iter(solutions.values())).decision).lower_bound
    table["gap"] = (1 - bound / table["objective"]).where(table["message"] == "")
    return table.rename_axis("method")


def claims_of(
    scenario: Scenario, seeds: int, workers: int = 1, done: Callable[[], object] = lambda: None
) -> pd.DataFrame:
    """Decide the paper's simulation claims on networks drawn from a scenario.

    What is given by row is drawn with replacement, so that seeds differ and other numbers of users
    and servers, as Figures 4 and 5 have them, have the same distribution.

    Parameters
    ----------
    scenario : Scenario
        What the networks are drawn from.
    seeds : int
        Networks of each figure.
    workers : int
        Processes.
    done : callable
        Called after each seed of each figure.

    Returns
    -------
    DataFrame
        Columns claim, verdict, numbers: of both arrangements of the baselines together, and the
        numbers on equal terms.
    """
    given = replace(scenario.given, resampled=True)
    drawn = scenario.replace(given=given)
    track = "literal" if scenario.formulation.capacity == "equal" else "repaired"
    frames = {
        figure: run(figure, STUDIES[figure], track, range(seeds), workers, None, done, drawn)
        for figure in ("2", "3", "4", "5")
    }
    found = {claim: verdict(claim, frames, resamples=0) for claim in CHECKED}
    rows = [(claim, v.verdict, v.equal.numbers) for claim, v in found.items()]
    return pd.DataFrame(rows, columns=["claim", "verdict", "numbers"])


_START = """\
# A scenario of your own. What no line says is as in {base!r}; to change it, take off the #.
# A value may be a number; {{ value = [low, high], law = "uniform" }} or "integer" draws one for
# each user or server; {{ value = ["chip", "chip"], law = "hardware" }} deals chips.
name = "{name}"
base = "{base}"
# summary = "What it is"
# `mecllm scenario check {name}.toml` says what is wrong; `mecllm solve {name}.toml` solves it.

# Chips by name, of data/hardware.csv or of the file that `chips` names below.
{devices}
{keys}

# [formulation]
{flags}

# Tables with one row for each user or server, whose columns are named as the keys here (others are
# ignored), `device` for a chip, `latitude` and `longitude`, or `x_m` and `y_m`; a matrix of gains
# (N, M) as .csv or .npz, in gain_unit "linear", "dB" or "loss_dB"; chips as data/hardware.csv.
# [files]
# users = "users.csv"
# servers = "servers.csv"
# gain = "gain.npz"
# gain_unit = "dB"
# gain_name = "name of the array in the .npz, if it has several"
# chips = "chips.csv"
"""


def commented_start(name: str, base: str, scenario: Scenario) -> str:
    """Write the text of a scenario file that says nothing yet, each key in a comment.

    Parameters
    ----------
    name, base : str
        Of the new scenario and of the one it starts from.
    scenario : Scenario
        The latter.

    Returns
    -------
    str
        TOML.
    """
    specs, keys, devices = scenario.specs(), [], {}
    for key, spec in ((k, s) for k, s in specs.items() if not s.file):
        value = getattr(scenario, key)
        side, _, figure = key.partition("_")
        if isinstance(value, Law) and value.devices and figure in FIGURES:
            devices[f"{side}_device"] = _toml(list(value.devices))
        keys.append(f"# {spec.symbol + ': ' if spec.symbol else ''}{spec.meaning}; {spec.allowed}")
        keys.append(f"# {key} = {_entry(value)}")
    flags = vars(scenario.formulation).items()
    return _START.format(
        name=name,
        base=base,
        devices="\n".join(f"# {key} = {value}" for key, value in devices.items()),
        keys="\n".join(keys),
        flags="\n".join(f"# {key} = {_toml(value)}" for key, value in flags),
    )


def _entry(value: object) -> str:
    if not isinstance(value, Law):
        return _toml(value)
    if value.kind == "fixed":
        return _toml(float(value.mean))
    ends: list[object] = [*(value.devices or value.values)]  # noqa: PD011, no table
    return f'{{ value = {_toml(ends)}, law = "{value.kind}" }}'


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    return f'"{value}"' if isinstance(value, str) else repr(value)
