"""What each figure of Section 5 measures on one network: one function a figure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from mecllm.allocation import allocate
from mecllm.paper.algorithm import settled, two_step
from mecllm.paper.baselines import closed_form
from mecllm.study.claims import EQUAL_TERMS, SERVERS
from mecllm.study.records import UNITS, Record, records
from mecllm.study.setting import AS_DECLARED, Setting
from mecllm.study.statistics import TIE_BAND
from mecllm.system.association import random_association
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario

# Panel of each metric in Figures 2 and 5: (a) total energy, (b) average delay; the components
# belong to the same panels, the rest to none.
_PANELS = {
    metric: "a"
    if metric.endswith("energy")
    else "b"
    if metric in ("delay", "local_delay", "upload", "edge_delay")
    else ""
    for metric in UNITS
}


# What is left of the weight where it should not matter; zero would make any α of two equal costs.
_NEXT_TO_NOTHING = 1e-9


def figure_2(scenario: Scenario, seed: int, setting: Setting = AS_DECLARED) -> list[Record]:
    """With and without collaboration: proposed against all layers at the edge or on the device.

    As the paper arranges it, the two baselines keep the association that `proposed` ends with and
    get the best resources for it; on equal terms (`_chi`) they search one of their own by the same
    χ-step. Equation (9a) asks for α ≥ 1, which training at the edge alone does not obey;
    `edge_one` is edge training that does, with α = 1. `collaborative` is the proposed problem with
    exact resources at the same association: it separates what collaboration does from which
    stationary point the iteration ends in. `no_stability` is the proposed method with next to no
    weight on the stability, as the system that the paper describes would have it.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.
    setting : Setting
        What the paper leaves open.

    Returns
    -------
    list of Record
    """
    network = scenario.draw(seed)
    proposed = setting.solve(network, "proposed", seed)
    chi = proposed.decision.association
    exact = allocate(network, chi).decision
    unweighted = weighted(network, "stability", _NEXT_TO_NOTHING)
    solutions = {
        "proposed": proposed,
        "no_stability": setting.solve(unweighted, "proposed", seed),
        "collaborative": setting.counted(network, closed_form("proposed", network, exact)),
        "local_only": setting.solve(network, "local_only", seed, chi),
    }
    for name in ("edge_only", "edge_one"):
        solutions[name] = setting.solve(network, name, seed, chi)
        solutions[EQUAL_TERMS[name]] = setting.solve(network, name, seed, chi_step=True)
    rows = [
        record
        for method, solution in solutions.items()
        for record in records(_PANELS, method, 0.0, solution)
    ]
    for method, solution in solutions.items():
        layers = solution.decision.local_layers
        split = np.sum((layers > 1) & (layers < network.layers - 1))
        rows.append(Record("", method, 0.0, "split_users", float(split), "users"))
    return rows


# "We adjust the weighting factors [...] from 1 to 10": in steps of one. Panel → weight.
_SWEPT = {"a": "energy", "b": "delay", "c": "stability"}
_WEIGHTS: dict[str, tuple[float, ...]] = dict.fromkeys(_SWEPT, tuple(range(1, 11)))
_WEIGHTING_METRICS = ("energy", "delay", "stability", "local_layers")
WEIGHTING_METHODS = ("proposed", "alternating", "alpha_only", "resource_only")
# "Eventually converging" (B5) is decided by what is left to fall beyond the axis.
FAR = 100.0


def figure_3(
    scenario: Scenario,
    seed: int,
    weights: Mapping[str, tuple[float, ...]] = _WEIGHTS,
    setting: Setting = AS_DECLARED,
) -> list[Record]:
    """One weight from 1 to 10, the others 1, after normalisation: proposed and three others.

    Every method starts from the same network and association and, at every weight, from the same
    random choices; on equal terms (`_chi`) the three others have the χ-step, too. Panel "far" is
    the energy of the proposed method at 100 times its weight.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.
    weights : mapping
        Panel → values of the weight that varies.
    setting : Setting
        What the paper leaves open.

    Returns
    -------
    list of Record
    """
    network = scenario.draw(seed)
    rows = []
    for method in WEIGHTING_METHODS:
        for name in dict.fromkeys((method, EQUAL_TERMS.get(method, method))):
            run = partial(setting.solve, method=method, seed=seed, chi_step=name != method)
            equal = run(network)
            for panel, key in _SWEPT.items():
                metrics = dict.fromkeys(_WEIGHTING_METRICS, panel)
                for x in weights[panel]:
                    # Weights of 1 are the same run on all three panels.
                    solution = equal if x == 1 else run(weighted(network, key, x))
                    rows += records(metrics, name, x, solution)
    far = setting.solve(weighted(network, "energy", FAR), "proposed", seed)
    return rows + records({"energy": "far"}, "proposed", FAR, far)


def weighted(network: Network, key: str, factor: float) -> Network:
    """Network with one normalised weight times a factor.

    Parameters
    ----------
    key : {"energy", "delay", "stability"}
        Which weight.
    factor : float

    Returns
    -------
    Network
    """
    weights = {name: getattr(network.weights, name) for name in _SWEPT.values()}
    return network.with_weights(**(weights | {key: weights[key] * factor}))


CONVERGENCE_USERS = 100


def figure_4(scenario: Scenario, seed: int) -> list[Record]:
    """Objective over the rounds of the two-step algorithm for several numbers of servers.

    From a random association, since the paper names no start and from the greedy one there is
    little left to do. An iteration is a round: fractional programming, then CCCP; iteration 0 is
    the start with its resources optimised, and a run that has ended has no further objectives.
    `iterations` counts the rounds until none lowers the objective, `converged` says whether that
    was reached, `settled` counts those until it is within one per cent of its last value, and
    `steps` the linear problems of the longest single run of CCCP.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.

    Returns
    -------
    list of Record
    """
    rows = []
    for servers in SERVERS:
        changed = scenario.replace(users=CONVERGENCE_USERS, servers=servers)
        network, method = changed.draw(seed), f"M={servers}"
        result = two_step(network, random_association(network, seed), settled)
        values = result.rounds
        rows += [
            Record("", method, x, "objective", float(value), "1") for x, value in enumerate(values)
        ]
        counts = {
            "iterations": len(values) - 1,
            "converged": result.converged,
            "settled": int(np.argmax(values <= values[-1] * (1 + TIE_BAND))),
            "steps": max(result.steps),
        }
        rows += [Record("", method, 0.0, key, float(n), "1") for key, n in counts.items()]
    return rows


# The list of N is not given; the default is 50, and Figure 4 has 100.
USERS = (20, 40, 60, 80, 100)
ASSOCIATION_METHODS = ("proposed", "greedy", "random")


def figure_5(
    scenario: Scenario,
    seed: int,
    users: tuple[int, ...] = USERS,
    setting: Setting = AS_DECLARED,
) -> list[Record]:
    """Proposed, greedy and random association for several numbers of users.

    All three allocate resources by the same fractional programming, so that only χ differs.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.
    users : tuple of int
        Each N.
    setting : Setting
        What the paper leaves open.

    Returns
    -------
    list of Record
    """
    return [
        record
        for x in users
        for network in [scenario.replace(users=x).draw(seed)]
        for method in ASSOCIATION_METHODS
        for record in records(_PANELS, method, x, setting.solve(network, method, seed))
    ]
