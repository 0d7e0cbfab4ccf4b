"""The methods of Section 5 behind one function: `solve(network, method)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mecllm.certified.pricing import priced
from mecllm.errors import ScenarioError
from mecllm.paper.algorithm import two_step
from mecllm.paper.baselines import (
    alpha_only,
    alternating,
    closed_form,
    edge_only,
    local_only,
    resource_only,
)
from mecllm.paper.fractional import (
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


def solve(
    network: Network,
    method: str = "proposed",
    seed: int = 0,
    association: IntArray | None = None,
) -> Solution:
    """Solve P2 on a network by one of the methods of Section 5.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    seed : int
        Of the method's own random choices, where it makes any.
    association : int array (N,), optional
        Server of each user to start from, greedy by default; `greedy`, `random` and `priced`
        choose their own.

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
    >>> network = Scenario.load("paper").replace(users=4, servers=2).draw(0)
    >>> proposed = solve(network)
    >>> proposed.method, proposed.converged, proposed.decision.association.shape
    ('proposed', True, (4,))
    >>> proposed.objective < solve(network, "local_only").objective
    True
    """
    if method not in METHODS:
        raise ScenarioError("solve", "method", method, "one of " + ", ".join(METHODS))
    start = greedy(network) if association is None else np.asarray(association)
    return METHODS[method](network, start, seed)


def _proposed(network: Network, association: IntArray, seed: int) -> Solution:
    """Run the paper's two steps: fractional programming at fixed χ, then χ by CCCP, and again."""
    result = two_step(network, association)
    solution = _rounded("proposed", network, result.run)
    return replace(
        solution,
        history=result.history,
        iterations=len(result.history) - 1,
        converged=result.converged,
        message=result.message,
    )


def _fractional(method: str, network: Network, association: IntArray) -> Solution:
    """Run the paper's fractional programming at a fixed χ."""
    run = fractional_programming(network, association, convex_problem=SeparableProblem)
    return _rounded(method, network, run)


def _rounded(method: str, network: Network, run: FractionalProgram) -> Solution:
    """Integer α afterwards, by cost."""
    decision = round_layers(network, run.decision)
    return Solution(
        method=method,
        decision=decision,
        cost=evaluate(network, decision),
        history=run.objective_history,
        iterations=run.iterations,
        converged=run.converged,
        message=run.message,
    )


def _greedy(network: Network, association: IntArray, seed: int) -> Solution:
    """Figure 5's baseline: each user at its best rate, resources as `proposed` allocates them."""
    return _fractional("greedy", network, greedy(network))


def _random(network: Network, association: IntArray, seed: int) -> Solution:
    """Figure 5's random association, resources as `proposed` allocates them."""
    return _fractional("random", network, random_association(network, seed))


def _priced(network: Network, association: IntArray, seed: int) -> Solution:
    """Search association and resources together by the servers' prices, with a certificate."""
    result = priced(network, seed)
    return replace(
        closed_form("priced", network, result.allocation.decision),
        history=np.array(result.history),
        iterations=len(result.history) - 1,
        message="no better move or swap",
        lower_bound=result.lower_bound,
    )


METHODS: dict[str, Callable[[Network, IntArray, int], Solution]] = {
    "proposed": _proposed,
    "alternating": alternating,
    "alpha_only": alpha_only,
    "resource_only": resource_only,
    "edge_only": edge_only,
    "local_only": local_only,
    "greedy": _greedy,
    "random": _random,
    "priced": _priced,
}
