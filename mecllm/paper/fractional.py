"""The paper's fractional programming (Section 4.1): auxiliaries, surrogate K, P4, the iteration.

A product a·b is bounded by a²z + b²/(4z), tight at z = b/(2a). Applied to the three products of
(12) it gives the convex problem P4, equation (13), whose minimiser gives the next auxiliaries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mecllm.errors import ScenarioError, SolverError
from mecllm.paper.p4_cvxpy import SurrogateProblem
from mecllm.paper.surrogate_k import Multipliers, auxiliary, layer_costs, surrogate
from mecllm.system.arrays import Array, IntArray
from mecllm.system.model import (
    Decision,
    evaluate,
    reference_decision,
    stability_bound,
)
from mecllm.system.network import Network

# Relative change of P4's value at which the iteration stops; the paper only says "a predefined
# small error tolerance". Convergence is linear, so the distance left is some ten times larger.
FP_TOLERANCE = 1e-4
# Clarabel's default accuracy: what a value of P4 may be wrong by, relative.
_P4_TOLERANCE = 1e-8
# The paper gives no cap for this loop; convergence is linear, and a run that needs more is told.
_FP_MAX_ITERATIONS = 200


class ConvexProblem(Protocol):
    """What solves P4 for auxiliaries z, v, q (N,) each."""

    def solve(self, local: Array, upload: Array, edge: Array) -> tuple[Decision, Multipliers]:
        """Minimise K at fixed auxiliaries.

        Parameters
        ----------
        local, upload, edge : array (N,)
            z, v and q.

        Returns
        -------
        decision : Decision
            The minimiser, α relaxed.
        multipliers : Multipliers
            Of its constraints.
        """
        ...


@dataclass(frozen=True, eq=False)
class FractionalProgram:
    """Outcome of the FP iteration.

    Parameters
    ----------
    decision : Decision
        Last iterate, α relaxed to [1, Υ-1].
    objective_history : array (T+1,)
        H at the start and after each P4.
    surrogate_history : array (T,)
        Minimum K of each P4.
    converged : bool
    message : str
    multipliers : Multipliers
        Of the last P4.
    """

    decision: Decision
    objective_history: Array
    surrogate_history: Array
    converged: bool
    message: str
    multipliers: Multipliers

    @property
    def objective(self) -> float:
        """H at the decision."""
        return float(self.objective_history[-1])

    @property
    def iterations(self) -> int:
        """Number of P4 problems solved."""
        return len(self.surrogate_history)


def fractional_programming(
    network: Network,
    association: IntArray,
    start: Decision | None = None,
    tolerance: float = FP_TOLERANCE,
    max_iterations: int = _FP_MAX_ITERATIONS,
    convex_problem: Callable[[Network, Decision], ConvexProblem] = SurrogateProblem,
) -> FractionalProgram:
    """Iterate P4 and its auxiliaries from a start, as Section 4.1 does, χ held.

    Parameters
    ----------
    association : int array (N,)
        χ; a start has its own, which is then kept.
    start : Decision, optional
        Default: `reference_decision`, α = Υ/2, p^max, f^max and equal shares.
    tolerance : float
        Relative change of P4's value at which to stop.
    max_iterations : int
        Most P4 problems; a run that reaches it returns `converged=False`.
    convex_problem : callable
        What solves P4: (network, start) → an object with `solve(z, v, q)`. Clarabel by default;
        `mecllm.paper.p4_newton.SeparableProblem` solves the same problem faster.

    Returns
    -------
    FractionalProgram
        The last iterate and the histories.

    Raises
    ------
    ScenarioError
        When ω_e and ω_t are both 0: a layer then costs nothing and the auxiliaries are 0/0.
    SolverError
        When the first P4 cannot be solved; a later failure, if new units do not cure it, ends the
        run with `converged=False` and the last good point.

    Examples
    --------
    >>> from mecllm import Scenario, greedy
    >>> from mecllm.paper import SeparableProblem, fractional_programming
    >>> network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    >>> run = fractional_programming(network, greedy(network), convex_problem=SeparableProblem)
    >>> run.converged, len(run.objective_history) == run.iterations + 1
    (True, True)
    >>> bool((run.objective_history[1:] <= run.objective_history[:-1] * (1 + 1e-8)).all())
    True
    """
    if network.weights.energy == 0 and network.weights.delay == 0:
        raise ScenarioError("weights", "(energy, delay)", (0.0, 0.0), "one of them > 0")
    decision = start or reference_decision(network, association)
    problem, rescaled = convex_problem(network, decision), False
    objectives = [evaluate(network, decision).objective]
    surrogates: list[float] = []
    multipliers, converged = None, False
    message = f"cap of {max_iterations} iterations reached"
    while len(surrogates) < max_iterations:
        aux = auxiliary(network, decision)
        try:
            candidate, duals = problem.solve(aux.local, aux.upload, aux.edge)
            # K at the auxiliaries' own point is H, so a P4 solved well enough cannot exceed it.
            value = surrogate(network, candidate, aux)
            if value > objectives[-1] * (1 + _P4_TOLERANCE):
                raise SolverError("P4 could not be solved accurately enough to descend")
        except SolverError as error:
            if rescaled:
                message = str(error)
                break
            # The literal track's powers shrink by orders of magnitude and leave the units behind.
            problem, rescaled = convex_problem(network, decision), True
            continue
        rescaled = False
        decision, multipliers = candidate, duals
        surrogates.append(value)
        objectives.append(evaluate(network, decision).objective)
        change = abs(surrogates[-2] - value) if len(surrogates) > 1 else np.inf
        if change <= tolerance * abs(value):
            converged, message = True, "surrogate settled"
            break
    if multipliers is None:
        raise SolverError(f"fractional programming made no step: {message}")
    return FractionalProgram(
        decision=decision,
        objective_history=np.array(objectives),
        surrogate_history=np.array(surrogates),
        converged=converged,
        message=message,
        multipliers=multipliers,
    )


def round_layers(network: Network, decision: Decision) -> Decision:
    """Make α integer in {1..Υ-1}: of its two neighbours the one that costs less.

    The paper rounds to the nearest integer, which can be the infinite Υ.
    """
    local, edge = layer_costs(network, decision)
    candidates = np.clip(
        np.stack([np.floor(decision.local_layers), np.ceil(decision.local_layers)]),
        1,
        network.layers - 1,
    )
    cost = (
        candidates * local
        + (network.layers - candidates) * edge
        + network.weights.stability * np.stack([stability_bound(network, c) for c in candidates])
    )
    chosen = np.take_along_axis(candidates, np.argmin(cost, axis=0)[None], axis=0)[0]
    return replace(decision, local_layers=chosen)
