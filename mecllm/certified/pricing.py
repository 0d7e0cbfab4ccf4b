"""The certified method: prices drive association and resources at once.

The dual of P2 is maximised first. The servers that have most of each user there start an
association, which is then improved by moves and swaps, each with the resources solved anew. The
prices certify how far from optimal the result can be. Whatever gap is left is closed by sets of
users, as far as they can close it; on small networks that proves the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.certified.dual import dual_value
from mecllm.certified.moves import descend
from mecllm.certified.pairs import PairCosts, Prices
from mecllm.certified.partition import closed
from mecllm.certified.prices import dual_solution
from mecllm.certified.screening import near
from mecllm.certified.sets import SolvedSets
from mecllm.system.arrays import IntArray
from mecllm.system.association import fill_empty
from mecllm.system.network import Network

# A gap that no figure or table shows, at which a search for anything better ends.
_GAP = 1e-6
# Pairs that moves may use: costlier than the user's best by at most this share of it.
_NEAR = 0.03


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
        Objective of the association of the prices, after the descent, and at the end.
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


def priced(network: Network, gap: float = _GAP) -> Priced:
    """Solve P2 by its prices and certify the result.

    Parameters
    ----------
    gap : float
        Certified relative distance from the optimum at which the search ends; the default is less
        than any figure or table shows.

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
    prices, favourite = dual_solution(network)
    pairs, cost = near(network, prices, _NEAR)
    dual = dual_value(network, prices, pairs.least(cost))
    if favourite is None:
        favourite = pairs.servers[np.lexsort((cost, pairs.users))[pairs.start]]
    start = allocate(network, fill_empty(network, favourite))
    if start.objective - dual <= gap * abs(start.objective):
        return Priced(start, prices, dual, dual, 3 * (start.objective,))
    # Who has one server alone cannot move.
    movable = np.bincount(pairs.users)[pairs.users] > 1
    moves = PairCosts.of(network, pairs.users[movable], pairs.servers[movable])
    solved = SolvedSets(network)

    def improve(association: IntArray) -> Allocation:
        return descend(network, allocate(network, association), moves, solved)

    moved = descend(network, start, moves, solved)
    end, bound = closed(network, prices, pairs, cost, moved, gap, improve)
    return Priced(end, prices, dual, bound, (start.objective, moved.objective, end.objective))
