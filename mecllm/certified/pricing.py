"""The certified method: prices drive association and resources at once.

The dual of P2 is maximised first; the servers that its prices give the users start an association
that is then improved by moves and swaps, each with the resources solved anew. The prices, and on
small networks the prices for every number of users on a server, certify how far from optimal the
result can be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.certified.dual import dual_value
from mecllm.certified.headcount import refined_bound
from mecllm.certified.moves import descend
from mecllm.certified.pairs import PairCosts, Pairs, Prices
from mecllm.certified.prices import dual_prices
from mecllm.certified.screening import near
from mecllm.system.association import fill_empty
from mecllm.system.network import Network

# Up to this many pairs the sharper bound is sought and the descent is started anew from kicks.
_SMALL = 2_000
# Pairs that moves may use: dearer than the user's best by at most this share of it, on small and on
# other networks, whose prices are the sharper the more users a server has.
_NEAR_SMALL, _NEAR = 0.1, 0.03
# The α that moves may look for are those that are best at prices up to this factor off.
_DRIFT = 2.0
# Kicked restarts, and the share of users that a kick moves.
_KICKS, _KICKED = 12, 0.15
# A gap below, relative, is one of rounding: nothing better can be found, nor a better bound.
_PROVEN = 1e-9


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
        Objective of the association of the prices, then the best after the descent and each kick.
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


def priced(network: Network, seed: int = 0) -> Priced:
    """Solve P2 by its prices and certify the result.

    Parameters
    ----------
    seed : int
        Of the kicks on small networks.

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
    >>> result.lower_bound <= result.allocation.objective, bool(result.gap < 0.01)
    (True, True)
    """
    prices = dual_prices(network)
    small = network.users * network.servers <= _SMALL
    pairs, cost = near(network, prices, _NEAR_SMALL if small else _NEAR)
    dual = bound = dual_value(network, prices, pairs.least(cost))
    best = pairs.servers[np.lexsort((cost, pairs.users))[pairs.start]]
    current = allocate(network, fill_empty(network, best))
    # Who has one server alone cannot move.
    movable = np.bincount(pairs.users)[pairs.users] > 1
    moves = PairCosts.of(network, pairs.users[movable], pairs.servers[movable])
    clock_price = prices.frequency[moves.servers]
    moves = moves.between(clock_price / _DRIFT, clock_price * _DRIFT)
    history = [current.objective]
    rng = np.random.default_rng(seed)
    # Where nobody can move, a kick is none.
    for _ in range(_KICKS + 1 if small and len(moves.users) else 1):
        start = current if len(history) == 1 else _kicked(network, current, moves, rng)
        found = descend(network, start, moves)
        if found.objective < current.objective:
            current = found
        history.append(current.objective)
        if _proven(current, dual):
            break
    if small and not _proven(current, dual) and network.formulation.capacity == "at_most":
        bound = max(dual, refined_bound(network, prices, current.decision.association))
    return Priced(current, prices, dual, bound, tuple(history))


def _proven(found: Allocation, bound: float) -> bool:
    """Whether the bound leaves nothing to find."""
    return found.objective - bound <= _PROVEN * abs(found.objective)


def _kicked(
    network: Network, current: Allocation, pairs: Pairs, rng: np.random.Generator
) -> Allocation:
    """Move some users to another of their near servers."""
    association = current.decision.association.copy()
    chosen = rng.permutation(len(pairs.users))[: max(2, int(_KICKED * network.users))]
    association[pairs.users[chosen]] = pairs.servers[chosen]
    return allocate(network, fill_empty(network, association))
