"""The certified method: prices drive association and resources at once.

The dual of P2 is maximised first; the servers that its prices give the users start an association
that is then improved by moves and swaps, each with the resources solved anew. The prices certify
how far from optimal the result can be. Whatever gap is left is closed by sets of users, as far as
they can close it; on small networks that proves the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.certified.dual import dual_value
from mecllm.certified.moves import SolvedSets, descend
from mecllm.certified.pairs import PairCosts, Pairs, Prices
from mecllm.certified.partition import closed
from mecllm.certified.prices import dual_prices
from mecllm.certified.screening import near
from mecllm.system.association import fill_empty
from mecllm.system.network import Network

# A gap that no figure or table shows, at which a search for anything better ends.
_GAP = 1e-6
# Pairs that moves may use: dearer than the user's best by at most this share of it.
_NEAR = 0.03
# The α that moves may look for are those that are best at prices up to this factor off.
_DRIFT = 2.0
# Kicked restarts at most, as many as the square of the users goes into a number, like their time,
# and the share of the users that a kick moves.
_KICKS, _KICKS_BY_SQUARE, _KICKED = 8, 80_000, 0.15
# Rounds of sets where the kicks have not ended it.
_ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Priced:
    """Outcome of the certified method.

    Parameters
    ----------
    allocation : Allocation
        The decision with its resources.
    prices : Prices
        At which the dual bound holds.
    dual_bound, lower_bound : float
        D(λ, ν), and the best certified bound on P2.
    history : tuple of float
        Objective of the association of the prices, then the best after each step.
    """

    allocation: Allocation
    prices: Prices
    dual_bound: float
    lower_bound: float
    history: tuple[float, ...]

    @property
    def gap(self) -> float:
        """Certified relative distance from the optimum of P2."""
        objective = self.allocation.objective
        return (objective - self.lower_bound) / max(abs(objective), 1e-300)


def priced(network: Network, seed: int = 0, gap: float = _GAP) -> Priced:
    """Solve P2 by its prices and certify the result.

    Parameters
    ----------
    seed : int
        Of the kicks.
    gap : float
        Certified relative distance from the optimum that is small enough: what could only lower it
        is then left out.

    Returns
    -------
    Priced
        The association with its resources, and the certified bounds.

    Examples
    --------
    >>> from mecllm import Scenario
    >>> from mecllm.certified import priced
    >>> network = Scenario.load("literal").replace(users=4, servers=2).draw(0)
    >>> result = priced(network)
    >>> result.lower_bound <= result.allocation.objective, bool(result.gap < 1e-6)
    (True, True)
    """
    prices = dual_prices(network)
    pairs, cost = near(network, prices, _NEAR)
    dual = dual_value(network, prices, pairs.least(cost))
    best = pairs.servers[np.lexsort((cost, pairs.users))[pairs.start]]
    current = allocate(network, fill_empty(network, best))
    history = [current.objective]
    # Who has one server alone cannot move.
    movable = np.bincount(pairs.users)[pairs.users] > 1
    moves = PairCosts.of(network, pairs.users[movable], pairs.servers[movable])
    clock_price = prices.frequency[moves.servers]
    moves = moves.between(clock_price / _DRIFT, clock_price * _DRIFT)
    solved = SolvedSets(network)
    current, bound = descend(network, current, moves, solved), dual
    rng = np.random.default_rng(seed)
    # The cheaper step comes first: a proof at once, better decisions, then what sets can prove.
    for rounds, kicks in ((1, min(_KICKS, _KICKS_BY_SQUARE // network.users**2)), (_ROUNDS, 0)):
        history.append(current.objective)
        current, bound = closed(network, prices, pairs, cost, current, gap, rounds)
        if current.objective - bound <= gap * abs(current.objective):
            break
        for _ in range(kicks):
            found = descend(network, _kicked(network, current, moves, rng), moves, solved)
            current = found if found.objective < current.objective else current
            history.append(current.objective)
    return Priced(current, prices, dual, bound, (*history, current.objective))


def _kicked(
    network: Network, current: Allocation, pairs: Pairs, rng: np.random.Generator
) -> Allocation:
    """Move some users to another of their near servers."""
    association = current.decision.association.copy()
    chosen = rng.permutation(len(pairs.users))[: max(2, int(_KICKED * network.users))]
    association[pairs.users[chosen]] = pairs.servers[chosen]
    return allocate(network, fill_empty(network, association))
