"""What is done with a network or a scenario of one's own: every method on it, and the claims."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from mecllm.certified.certificate import verify
from mecllm.errors import ScenarioError, SolverError
from mecllm.methods import METHODS, solve
from mecllm.study.checks import CHECKED, verdict
from mecllm.study.claims import SERVERS, SUMMARIES
from mecllm.study.figures import CONVERGENCE_USERS, USERS, figure_5
from mecllm.study.run import STUDIES, run
from mecllm.system.association import greedy
from mecllm.system.constraints import feasibility
from mecllm.system.network import Network
from mecllm.system.parameters import FIGURES, Law
from mecllm.system.scenario import Scenario

# What a column of `every_method` holds; its last one says why a method gave nothing.
_MEASURES = ("objective", "energy [J]", "delay [s]", "stability", "gap", "time [s]")


def every_method(
    network: Network, seed: int = 0, tell: Callable[[str], object] = lambda _: None
) -> pd.DataFrame:
    """Solve a network by every method and measure each against one certified bound.

    Parameters
    ----------
    network : Network
        What is solved.
    seed : int
        Of the methods' own choices.
    tell : callable
        Called with the name of each method before it begins.

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
        tell(method)
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


# Figures that claims are about, by the first letter of a claim, and the sizes that each draws.
_FIGURE_OF = {"A": "2", "B": "3", "C": "4", "D": "5"}
_SIZES: dict[str, tuple[dict[str, int], ...]] = {
    "2": ({},),
    "3": ({},),
    "4": tuple({"users": CONVERGENCE_USERS, "servers": servers} for servers in SERVERS),
    "5": tuple({"users": users} for users in USERS),
}
CLAIMED = tuple(_SIZES)
_NOT_TESTED = "not tested"


def claims_of(
    scenario: Scenario,
    seeds: int,
    workers: int = 1,
    done: Callable[[], object] = lambda: None,
    part: Callable[[str], Path | None] = lambda figure: None,
) -> pd.DataFrame:
    """Decide the paper's simulation claims on networks drawn from a scenario.

    What is given by row is drawn with replacement, so that seeds differ and other numbers of users
    and servers, as Figures 4 and 5 have them, have the same distribution. Figure 5 leaves out the
    numbers of users that the servers cannot admit; a claim of a figure of which nothing is left,
    or of Figure 4, which compares all its sizes, is then not tested.

    Parameters
    ----------
    scenario : Scenario
        What the networks are drawn from.
    seeds : int
        Networks of each figure.
    workers : int
        Processes.
    done : callable
        Called after each seed of each of the figures `CLAIMED`.
    part : callable
        Figure → file that keeps each of its finished seeds, or None.

    Returns
    -------
    DataFrame
        Columns claim, verdict, numbers, note: of both arrangements of the baselines together, the
        numbers on equal terms, and what was left out, and why.
    """
    drawn = scenario.replace(given=replace(scenario.given, resampled=True))
    track = "literal" if scenario.formulation.capacity == "equal" else "repaired"
    frames, notes = {}, {}
    for figure, sizes in _SIZES.items():
        refused = {i: why for i, size in enumerate(sizes) if (why := _refusal(drawn, size, seeds))}
        study = STUDIES[figure]
        if refused:
            notes[figure] = _left_out(
                drawn, map(sizes.__getitem__, refused), next(iter(refused.values()))
            )
        if len(refused) == len(sizes) or (refused and figure == "4"):
            for _ in range(seeds):
                done()
            continue
        if refused:
            kept = tuple(users for i, users in enumerate(USERS) if i not in refused)
            study = partial(figure_5, users=kept)
        frames[figure] = run(figure, study, track, range(seeds), workers, part(figure), done, drawn)
    rows = []
    for claim in CHECKED:
        parts = SUMMARIES[claim][1] if claim in SUMMARIES else (claim,)
        needed = list(dict.fromkeys(_FIGURE_OF[name[0]] for name in parts))
        note = "; ".join(notes[figure] for figure in needed if figure in notes)
        if not frames.keys() >= set(needed):
            rows.append((claim, _NOT_TESTED, "", note))
            continue
        found = verdict(claim, frames, resamples=0)
        rows.append((claim, found.verdict, found.equal.numbers, note))
    return pd.DataFrame(rows, columns=["claim", "verdict", "numbers", "note"])


def _refusal(scenario: Scenario, size: dict[str, int], seeds: int) -> str:
    """Say why a network of another size cannot be drawn, or its users not be admitted."""
    try:
        changed = scenario.replace(**size)
        for seed in range(seeds):
            greedy(changed.draw(seed))
    except ScenarioError as error:
        return str(error)
    return ""


def _left_out(scenario: Scenario, sizes: Iterable[dict[str, int]], why: str) -> str:
    """Say which sizes a figure goes without."""
    counts = ("users", "servers")
    full = [{key: size.get(key, getattr(scenario, key)) for key in counts} for size in sizes]
    words = (f"{', '.join(sorted({str(s[key]) for s in full}, key=int))} {key}" for key in counts)
    return f"not tested with {' on '.join(words)}: {why}"


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
