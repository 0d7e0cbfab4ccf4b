"""The paper's algorithm, end to end: resources at fixed χ, then χ at fixed resources, and again.

Section 4 fixes χ and runs fractional programming, then fixes the rest and runs CCCP on P6. Taken
literally the second step cannot move: it leaves open what a server would give a user that is not
its own, and where (9e) and (9g) are equalities the current χ is the only feasible point. Declared
here: a server offers a newcomer an equal share of itself with one user more, and the χ-step may
leave capacity unused; what is fractional is rounded; the resources are solved anew, and only an
association that lowers H is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mecllm.allocation import allocate
from mecllm.paper.concave_convex import CCCP, Polytope, cccp, indicator
from mecllm.paper.fractional import FractionalProgram, fractional_programming
from mecllm.paper.offers import OFFERS, pair_costs
from mecllm.paper.p4_newton import SeparableProblem
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.model import Decision
from mecllm.system.network import Network

_OFFER = "newcomer"
# "Applying the CCCP algorithm multiple times": with and without a penalty, from the current χ and
# from the solution of the relaxed problem. ϱ is a multiple of the median cost of a pair: Lemma 1
# gives no number, since its ϱ0 divides by zero.
_PENALTIES = (0.0, 1.0)
# H falls in every round and there are finitely many χ; ten rounds are the most seen.
_MAX_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class TwoStep:
    """Outcome of the two-step algorithm.

    Parameters
    ----------
    run : FractionalProgram
        Of the last association that was kept; α still relaxed.
    history : array (T+1,)
        H at the start and after every P4, over all rounds that were kept.
    rounds : array (R+1,)
        H at the start and after the fractional programming of every round that was kept.
    steps : tuple of int
        Linear problems that moved χ, of each run of CCCP.
    converged : bool
    message : str
    """

    run: FractionalProgram
    history: Array
    rounds: Array
    steps: tuple[int, ...]
    converged: bool
    message: str


def two_step(network: Network, association: IntArray) -> TwoStep:
    """Alternate fractional programming and the χ-step from an association until H stays.

    Parameters
    ----------
    association : int array (N,)
        χ to start from.

    Returns
    -------
    TwoStep
        With α still relaxed.

    Raises
    ------
    SolverError
        When the first fractional program or a linear problem has no usable point.

    Examples
    --------
    >>> from mecllm import Scenario, greedy
    >>> from mecllm.paper import two_step
    >>> network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    >>> result = two_step(network, greedy(network))
    >>> result.converged, bool(result.rounds[-1] <= result.rounds[0])
    (True, True)
    """
    run = _resources(network, association)
    history, steps = [run.objective_history], []
    rounds = [run.objective_history[0], run.objective_history[-1]]
    converged, message = False, f"cap of {_MAX_ROUNDS} rounds reached"
    while len(rounds) <= _MAX_ROUNDS:
        tried = chi_step(network, run.decision)
        steps += [attempt.steps for attempt in tried]
        best = _best(network, run.decision, tried)
        trial = None if best is None else _resources(network, best)
        if trial is None or trial.objective_history[-1] >= run.objective_history[-1]:
            converged, message = run.converged, f"no better association; {run.message}"
            break
        run = trial
        history.append(run.objective_history)
        rounds.append(run.objective_history[-1])
    return TwoStep(run, np.concatenate(history), np.array(rounds), tuple(steps), converged, message)


def _resources(network: Network, association: IntArray) -> FractionalProgram:
    return fractional_programming(network, association, convex_problem=SeparableProblem)


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
    return pair_costs(network, decision, offer).ravel(), Polytope.of_shares(shares, equal)


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


def _best(network: Network, decision: Decision, tried: tuple[CCCP, ...]) -> IntArray | None:
    """Of the associations that CCCP proposes the one that costs least, None if it is no new one."""
    rounded = associations(network, [attempt.point for attempt in tried])
    new = [chi for chi in rounded if np.any(chi != decision.association)]
    return min(new, key=lambda chi: allocate(network, chi).objective) if new else None
