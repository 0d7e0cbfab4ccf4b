"""The methods of Section 5 behind one function: `solve(network, method)`.

A method is a rule for the resources at an association, an association to start from, and whether
the χ-step follows. Any baseline can be given the χ-step too, which puts it on equal terms with the
proposed method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mecllm.certified.pricing import priced
from mecllm.errors import ScenarioError
from mecllm.paper.algorithm import LIMIT_TOLERANCE, settled, two_step
from mecllm.paper.baselines import (
    RANDOM_SHARE_MIN,
    alpha_at,
    alternating,
    closed_form,
    fixed_layers,
    random_layers,
    random_resources,
    resources_at,
)
from mecllm.paper.fractional import (
    FP_TOLERANCE,
    FractionalProgram,
    fractional_programming,
    round_layers,
)
from mecllm.paper.p4_newton import SeparableProblem
from mecllm.system.arrays import IntArray
from mecllm.system.association import greedy, random_association
from mecllm.system.model import evaluate
from mecllm.system.network import Network
from mecllm.system.solution import Solution


@dataclass(frozen=True)
class Choices:
    """What Section 5 leaves to whoever runs it and no scenario holds; by default as the book does.

    Parameters
    ----------
    stopped : bool
        End the iterations at a relative change of 1e-4 from the start of `fractional_programming`,
        instead of at their limit.
    share_min : float
        Least share of the maximum that random powers and clocks have, in (0, 1].
    layers_max : int or None
        Greatest random α; None for Υ-1.
    shuffled : bool
        Greedy serves the users in a random order, instead of in that of their index.
    """

    stopped: bool = False
    share_min: float = RANDOM_SHARE_MIN
    layers_max: int | None = None
    shuffled: bool = False


_Resources = Callable[[Network, IntArray, int, Choices], Solution | FractionalProgram]


@dataclass(frozen=True)
class _Method:
    resources: _Resources
    # None where the method has no start of its own: it is then greedy.
    start: Callable[[Network, int], IntArray] | None = None
    chi_step: bool = False


_AS_IN_THE_BOOK = Choices()


def solve(
    network: Network,
    method: str = "proposed",
    seed: int = 0,
    association: IntArray | None = None,
    chi_step: bool = False,
    choices: Choices = _AS_IN_THE_BOOK,
) -> Solution:
    """Solve P2 on a network by one of the methods of Section 5.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    seed : int
        Of the method's own random choices, where it makes any.
    association : int array (N,), optional
        Server of each user to start from; by default greedy, and random for `random`. `priced`
        searches from its own.
    chi_step : bool
        Give a baseline the χ-step of the proposed method: whenever χ changes it gets resources by
        the baseline's own rule.
    choices : Choices
        What the paper leaves open.

    Returns
    -------
    Solution
        An integer decision with its cost; of `priced` also a certified lower bound.

    Raises
    ------
    ScenarioError
        For an unknown method or an association that the network cannot have.
    SolverError
        When a solver returns no usable point.

    Examples
    --------
    >>> from mecllm import Scenario, solve
    >>> network = Scenario.load("literal").replace(users=4, servers=2).draw(0)
    >>> proposed = solve(network)
    >>> proposed.method, proposed.converged, proposed.decision.association.shape
    ('proposed', True, (4,))
    >>> proposed.objective < solve(network, "local_only").objective
    True
    >>> tuned = solve(network, "edge_only", chi_step=True)
    >>> tuned.objective <= solve(network, "edge_only").objective
    True
    """
    if method == "priced":
        return _priced(network)
    if method not in METHODS:
        raise ScenarioError("solve", "method", method, "one of " + ", ".join(METHODS))
    rule = _RULES[method]

    def resources(network: Network, chi: IntArray) -> Solution | FractionalProgram:
        return rule.resources(network, chi, seed, choices)

    if association is not None:
        start = np.asarray(association)
    elif rule.start is not None:
        start = rule.start(network, seed)
    else:
        order = np.random.default_rng(seed).permutation(network.users) if choices.shuffled else None
        start = greedy(network, order)
    if not (rule.chi_step or chi_step):
        return _finished(method, network, (resources(network, start),))
    result = two_step(network, start, resources)
    solution = _finished(method, network, result.runs)
    return replace(solution, converged=result.converged, message=result.message)


def _finished(
    method: str, network: Network, runs: tuple[Solution | FractionalProgram, ...]
) -> Solution:
    """Solution of the last run, with integer α and the objectives of all of them."""
    run, decision = runs[-1], runs[-1].decision
    if isinstance(run, FractionalProgram):
        decision = round_layers(network, decision)
    history = np.concatenate(
        [r.objective_history if isinstance(r, FractionalProgram) else r.history for r in runs]
    )
    return Solution(
        method=method,
        decision=decision,
        cost=evaluate(network, decision),
        history=history,
        iterations=max(len(history) - 1, 1),
        converged=run.converged,
        message=run.message,
    )


def _fractional(network: Network, chi: IntArray, seed: int, choices: Choices) -> FractionalProgram:
    """Fractional programming, to its limit or until it moves little."""
    if choices.stopped:
        return fractional_programming(network, chi, convex_problem=SeparableProblem)
    return settled(network, chi)


def _alternating(network: Network, chi: IntArray, seed: int, choices: Choices) -> Solution:
    return alternating(network, chi, FP_TOLERANCE if choices.stopped else LIMIT_TOLERANCE)


def _alpha_only(network: Network, chi: IntArray, seed: int, choices: Choices) -> Solution:
    return alpha_at(network, random_resources(network, chi, seed, choices.share_min))


def _resource_only(network: Network, chi: IntArray, seed: int, choices: Choices) -> Solution:
    return resources_at(network, chi, random_layers(network, seed, choices.layers_max))


def _edge_only(network: Network, chi: IntArray, seed: int, choices: Choices) -> Solution:
    """All layers at the server, which (9a) as mended does not allow."""
    return fixed_layers("edge_only", 0, network, chi)


def _edge_one(network: Network, chi: IntArray, seed: int, choices: Choices) -> Solution:
    """All layers but one at the server: edge training as (9a) allows it."""
    return fixed_layers("edge_one", 1, network, chi)


def _local_only(network: Network, chi: IntArray, seed: int, choices: Choices) -> Solution:
    """All layers on the device, nothing sent, which (9a) as mended does not allow."""
    return fixed_layers("local_only", network.layers, network, chi)


def _priced(network: Network) -> Solution:
    """Search association and resources together by the servers' prices, with a certificate."""
    result = priced(network)
    return replace(
        closed_form("priced", network, result.allocation.decision),
        history=np.array(result.history),
        iterations=len(result.history) - 1,
        message="no better move or swap",
        lower_bound=result.lower_bound,
    )


_RULES = {
    "proposed": _Method(_fractional, chi_step=True),
    "alternating": _Method(_alternating),
    "alpha_only": _Method(_alpha_only),
    "resource_only": _Method(_resource_only),
    "edge_only": _Method(_edge_only),
    "edge_one": _Method(_edge_one),
    "local_only": _Method(_local_only),
    "greedy": _Method(_fractional),
    "random": _Method(_fractional, random_association),
}
#: Names of all methods.
METHODS = (*_RULES, "priced")
