"""What each figure of Section 5 measures on one network: one function a figure."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from mecllm.allocation import allocate
from mecllm.errors import SolverError
from mecllm.methods import solve
from mecllm.paper.algorithm import two_step
from mecllm.paper.baselines import alpha_at, random_layers, random_resources, resources_at
from mecllm.study.records import UNITS, Record, records
from mecllm.study.statistics import TIE_BAND
from mecllm.system.association import random_association
from mecllm.system.model import evaluate
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario
from mecllm.system.solution import Solution

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


def figure_2(scenario: Scenario, seed: int) -> list[Record]:
    """With and without collaboration: proposed against all layers at the edge or on the device.

    The two baselines keep the association that `proposed` ends with and get the best resources
    for it, so that only the collaboration differs. Equation (9a) asks for α ≥ 1, which training at
    the edge alone does not obey; `edge_one` is edge training that does, with α = 1. `collaborative`
    is the proposed problem with the baselines' exact resources: it separates what collaboration
    does from where the iteration stops.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.

    Returns
    -------
    list of Record
    """
    network = scenario.draw(seed)
    proposed = solve(network, "proposed", seed)
    chi = proposed.decision.association
    solutions = {
        "proposed": proposed,
        "edge_only": solve(network, "edge_only", seed, chi),
        "local_only": solve(network, "local_only", seed, chi),
        "edge_one": _allocated(network, proposed, np.ones(network.users)),
        "collaborative": _allocated(network, proposed, None),
    }
    return [
        record
        for method, solution in solutions.items()
        for record in records(_PANELS, method, 0.0, solution)
    ]


def _allocated(network: Network, solution: Solution, layers: np.ndarray | None) -> Solution:
    """Solution with the same association and exact resources, for given or for the best α."""
    decision = allocate(network, solution.decision.association, layers).decision
    return replace(solution, decision=decision, cost=evaluate(network, decision))


# "We adjust the weighting factors [...] from 1 to 10": in steps of one. Panel → weight.
_WEIGHTS: tuple[float, ...] = tuple(range(1, 11))
_SWEPT = {"a": "energy", "b": "delay", "c": "stability"}
_WEIGHTING_METHODS = ("proposed", "alternating", "alpha_only", "resource_only")
_WEIGHTING_METRICS = ("energy", "delay", "stability", "local_layers")


def figure_3(scenario: Scenario, seed: int, weights: tuple[float, ...] = _WEIGHTS) -> list[Record]:
    """One weight from 1 to 10, the others 1, after normalisation: proposed and three others.

    Every method starts from the same network and association and, at every weight, from the same
    random choices.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.
    weights : tuple of float
        Values of the weight that varies.

    Returns
    -------
    list of Record
    """
    network = scenario.draw(seed)
    rows = []
    for method in _WEIGHTING_METHODS:
        equal = solve(network, method, seed)
        for panel, key in _SWEPT.items():
            metrics = dict.fromkeys(_WEIGHTING_METRICS, panel)
            for x in weights:
                # Weights of 1 are the same run on all three panels.
                same = x == 1
                solution = equal if same else solve(weighted(network, key, x), method, seed)
                rows += records(metrics, method, x, solution)
    return rows


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
    weights = asdict(network.weights)
    return network.with_weights(**(weights | {key: weights[key] * factor}))


# Figure 4 has 100 users; its numbers of servers are not given. The default is 10, and at 20 slots a
# server 5 is the least that admits 100 users.
_CONVERGENCE_USERS = 100
_SERVERS = (5, 10, 15, 20)
# Iterations recorded; a run that has ended keeps its last value. The most seen is 14.
_ITERATIONS = 20


def figure_4(scenario: Scenario, seed: int) -> list[Record]:
    """Objective over the rounds of the two-step algorithm for several numbers of servers.

    From a random association, since the paper names no start and from the greedy one there is
    little left to do. An iteration is a round: fractional programming, then CCCP; iteration 0 is
    the start with its resources optimised. `iterations` counts the rounds until none lowers the
    objective, `settled` those until it is within one per cent of its last value, and `steps` the
    linear problems of the longest single run of CCCP.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.

    Returns
    -------
    list of Record

    Raises
    ------
    SolverError
        When a run has more rounds than the axis of Figure 4.
    """
    rows = []
    for servers in _SERVERS:
        changed = scenario.replace(users=_CONVERGENCE_USERS, servers=servers)
        network, method = changed.draw(seed), f"M={servers}"
        result = two_step(network, random_association(network, seed))
        values = result.rounds[1:]
        if len(values) > _ITERATIONS + 1:
            raise SolverError(f"{len(values) - 1} rounds do not fit on the axis of Figure 4")
        padded = np.append(values, np.full(_ITERATIONS + 1 - len(values), values[-1]))
        rows += [
            Record("", method, x, "objective", float(value), "1") for x, value in enumerate(padded)
        ]
        settled = int(np.argmax(values <= values[-1] * (1 + TIE_BAND)))
        counts = {"iterations": len(values) - 1, "settled": settled, "steps": max(result.steps)}
        rows += [Record("", method, 0.0, key, float(n), "1") for key, n in counts.items()]
    return rows


# The list of N is not given; the default is 50, and Figure 4 has 100.
_USERS = (20, 40, 60, 80, 100)
_ASSOCIATION_METHODS = ("proposed", "greedy", "random")


def figure_5(scenario: Scenario, seed: int, users: tuple[int, ...] = _USERS) -> list[Record]:
    """Proposed, greedy and random association for several numbers of users.

    All three allocate resources by the same fractional programming, so that only χ differs.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.
    users : tuple of int
        Each N.

    Returns
    -------
    list of Record
    """
    return [
        record
        for x in users
        for network in [scenario.replace(users=x).draw(seed)]
        for method in _ASSOCIATION_METHODS
        for record in records(_PANELS, method, x, solve(network, method, seed))
    ]


# Ends and middle of Figure 3's axis.
_ALTERNATIVE_WEIGHTS = (1, 5, 10)


def figure_3_alternatives(scenario: Scenario, seed: int) -> list[Record]:
    """Figure 3 with other laws of the random choices and with the association taken out.

    - `fixed`: the proposed method without its χ-step, on the greedy association of the others;
    - `alternating_same`: alternating optimisation on the association that `proposed` ends with;
    - `exact_same`: the best resources and α for that association;
    - `alpha_mild`, `alpha_wild`: random shares at least 0.5 or 0.01 of the maximum, not 0.1;
    - `resource_half`: random α at most Υ/2, not Υ-1.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Of the network and of the methods' own choices.

    Returns
    -------
    list of Record
    """
    network = scenario.draw(seed)
    rows = []
    for panel, key in _SWEPT.items():
        for x in _ALTERNATIVE_WEIGHTS:
            for method, solution in _variants(weighted(network, key, x), seed).items():
                rows += records(dict.fromkeys(_WEIGHTING_METRICS, panel), method, x, solution)
    return rows


def _variants(network: Network, seed: int) -> dict[str, Solution]:
    fixed, proposed = solve(network, "greedy", seed), solve(network, "proposed", seed)
    start, end = fixed.decision.association, proposed.decision.association
    exact = allocate(network, end).decision
    return {
        "proposed": proposed,
        "fixed": fixed,
        "alternating": solve(network, "alternating", seed),
        "alternating_same": solve(network, "alternating", seed, end),
        "exact_same": replace(proposed, decision=exact, cost=evaluate(network, exact)),
        "alpha_mild": alpha_at(network, random_resources(network, start, seed, 0.5)),
        "alpha_wild": alpha_at(network, random_resources(network, start, seed, 0.01)),
        "resource_half": resources_at(
            network, start, random_layers(network, seed, network.layers // 2)
        ),
    }
