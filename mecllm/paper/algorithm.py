"""The paper's algorithm, end to end: resources at fixed χ, then χ at fixed resources, and again.

Section 4 fixes χ and runs fractional programming, then fixes the rest and runs CCCP on P6. Taken
literally the second step cannot move: it leaves open what a server would give a user that is not
its own, and where (9e) and (9g) are equalities the current χ is the only feasible point. Declared
here: a server offers a newcomer an equal share of itself with one user more, and the χ-step may
leave capacity unused; what is fractional is rounded; the resources are solved anew, and only an
association that lowers H is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from mecllm.allocation import allocate
from mecllm.paper.concave_convex import CCCP, cccp, indicator
from mecllm.paper.fractional import FractionalProgram, fractional_programming
from mecllm.paper.offers import OFFERS, pair_costs
from mecllm.paper.p4_newton import SeparableProblem
from mecllm.paper.polytope import Polytope
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.model import Decision, reference_decision
from mecllm.system.network import Network

_OFFER = "newcomer"
# "Applying the CCCP algorithm multiple times": with and without a penalty, from the current χ and
# from the solution of the relaxed problem. ϱ is a multiple of the median cost of a pair: Lemma 1
# gives no number, since its ϱ0 divides by zero.
_PENALTIES = (0.0, 1.0)
# H falls in every round and there are finitely many χ; ten rounds are the most seen.
_MAX_ROUNDS = 50


# Where a run to the limit stops: energy, delay and stability are then within 1e-4 of their values
# at 1e-10, a hundredth of what counts as a tie; it takes at most some 220 problems P4.
LIMIT_TOLERANCE, _LIMIT_ITERATIONS = 1e-8, 2000


class _Run(Protocol):
    """What a method reaches at a fixed χ."""

    @property
    def decision(self) -> Decision:
        """The decision."""

    @property
    def objective(self) -> float:
        """H at the decision."""

    @property
    def converged(self) -> bool:
        """Whether it came to its end."""

    @property
    def message(self) -> str:
        """Why it stopped."""


_R = TypeVar("_R", bound=_Run)


@dataclass(frozen=True, eq=False)
class TwoStep(Generic[_R]):
    """Outcome of the two-step algorithm.

    Parameters
    ----------
    runs : tuple
        Of the first association and of each that was kept.
    steps : tuple of int
        Linear problems that moved χ, of each run of CCCP.
    converged : bool
    message : str
    """

    runs: tuple[_R, ...]
    steps: tuple[int, ...]
    converged: bool
    message: str

    @property
    def rounds(self) -> Array:
        """H (R,) after the resources of the start and of every round that was kept."""
        return np.array([run.objective for run in self.runs])


def settled(network: Network, association: IntArray) -> FractionalProgram:
    """Run fractional programming at a fixed χ to its limit.

    Power and bandwidth start where the iteration would end: they meet the other variables nowhere
    and their problem is convex, so that its limit is known, while the iteration nears it like 1/t
    on the literal track. The clocks and α start as in `fractional_programming`.

    Parameters
    ----------
    association : int array (N,)
        χ.

    Returns
    -------
    FractionalProgram
        With α still relaxed.

    Raises
    ------
    SolverError
        When P4 has no usable point.

    Examples
    --------
    >>> from mecllm import Scenario, greedy
    >>> from mecllm.paper import settled
    >>> network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    >>> settled(network, greedy(network)).converged
    True
    """
    start = reference_decision(network, association)
    best = allocate(network, association, start.local_layers).decision
    start = replace(start, power=best.power, bandwidth=best.bandwidth)
    limits = (LIMIT_TOLERANCE, _LIMIT_ITERATIONS)
    return fractional_programming(network, association, start, *limits, SeparableProblem)


def two_step(
    network: Network, association: IntArray, resources: Callable[[Network, IntArray], _R]
) -> TwoStep[_R]:
    """Alternate resources at fixed χ and the χ-step from an association until H stays.

    Parameters
    ----------
    association : int array (N,)
        χ to start from.
    resources : callable
        What a method reaches at a χ: (network, χ) → run. For the paper's method `settled`, which
        is fractional programming run to its limit.

    Returns
    -------
    TwoStep
        Of the runs that `resources` returns.

    Raises
    ------
    SolverError
        When the resources or a linear problem have no usable point.

    Examples
    --------
    >>> from mecllm import Scenario, greedy
    >>> from mecllm.paper import settled, two_step
    >>> network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    >>> result = two_step(network, greedy(network), settled)
    >>> result.converged, bool(result.rounds[-1] <= result.rounds[0])
    (True, True)
    """
    runs, steps = [resources(network, association)], []
    converged, message = False, f"cap of {_MAX_ROUNDS} rounds reached"
    while len(runs) <= _MAX_ROUNDS:
        run = runs[-1]
        tried = chi_step(network, run.decision)
        steps += [attempt.steps for attempt in tried]
        rounded = associations(network, [attempt.point for attempt in tried])
        new = [chi for chi in rounded if np.any(chi != run.decision.association)]
        trials = [resources(network, chi) for chi in new]
        best = min(trials, key=lambda trial: trial.objective, default=run)
        if best.objective >= run.objective:
            converged, message = run.converged, f"no better association; {run.message}"
            break
        runs.append(best)
    return TwoStep(tuple(runs), tuple(steps), converged, message)


def chi_problem(
    network: Network, decision: Decision, at_most: bool = True
) -> tuple[Array, Polytope]:
    """Costs (NM,) and constraints of P5 at fixed resources, χ flattened user by user.

    Parameters
    ----------
    decision : Decision
        The resources and the current χ.
    at_most : bool
        Whether (9e) and (9g) may be slack; False takes them as the network does.

    Returns
    -------
    costs : array (NM,)
        c of (48); infinite where a pair gets nothing.
    polytope : Polytope
        (9c), (9e), (9g) and 0 <= χ <= 1.
    """
    offer = OFFERS[_OFFER](network, decision)
    shares = np.stack(
        (offer.bandwidth / network.bandwidth_max, offer.frequency / network.server_frequency_max)
    )
    equal = network.formulation.capacity == "equal" and not at_most
    own = indicator(decision.association, network.servers).reshape(offer.bandwidth.shape)
    return pair_costs(network, decision, offer).ravel(), Polytope.of_shares(shares, equal, own)


def chi_step(network: Network, decision: Decision, at_most: bool = True) -> tuple[CCCP, ...]:
    """Run CCCP on P6 at fixed resources from each start and with each penalty.

    Parameters
    ----------
    decision : Decision
        The resources and the current χ.
    at_most : bool
        As in `chi_problem`.

    Returns
    -------
    tuple of CCCP
        One run for each start and penalty.
    """
    costs, polytope = chi_problem(network, decision, at_most)
    scale = float(np.median(costs[np.isfinite(costs)]))
    own = indicator(decision.association, network.servers)
    starts = (own, polytope.minimise(costs))
    return tuple(
        cccp(costs, polytope, penalty * scale, start) for start in starts for penalty in _PENALTIES
    )


def associations(network: Network, points: Sequence[Array]) -> IntArray:
    """Distinct associations (T, N) that points (NM,) of the χ-step round to."""
    largest = [point.reshape(network.users, -1).argmax(axis=1) for point in points]
    return np.unique([fill_empty(network, chi) for chi in largest], axis=0)
