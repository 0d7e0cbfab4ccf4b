"""P2 as a choice of one set of users for each server: a sharper certificate, and often a proof.

With a worth π_n of serving user n and c_m(S) the least cost of the users S at server m,

    Σ_n π_n + Σ_m min_S [ c_m(S) - Σ_{n in S} π_n ]

is at most the optimum of P2 for all π, and a set whose reduced cost (in brackets) exceeds the least
of its server by more than the bound lacks to a known decision is in no better one. Few sets are
left on small networks; the best choice among them, each user served once, is the optimum. Where
they are too many, those near the least are looked at and raise the bound by as far as they reach.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.certified.dual import ROUNDING_MARGIN, dual_value
from mecllm.certified.headcount import CountPrices, raised
from mecllm.certified.pairs import PairCosts, Pairs, Prices
from mecllm.certified.screening import near
from mecllm.certified.sets import SetBounds, UserSets, capacity_worth
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.network import Network

# Users in all sets that a round solves: its time, some 0.05 s, whatever the network.
_ROWS = 80_000
# Rounds, each for the numbers of users of a better decision.
_ROUNDS = 5
# Where nothing else is left, associations are drawn by the shares that users have of servers; users
# in all of them.
_DRAWN = 1_000
# Sets are sought in steps, each by a larger part of what the bound lacks to the decision beyond the
# least of their server, as long as the rows suffice.
_PARTS = (1 / 8, 1 / 2, 1)
# Open pairs beside one a user, times users: with more, sets would take longer than all the rest.
_OPEN = 100_000
# Reach that lets every pair through.
_WIDEST = 1e9
# Choices of sets looked at for a server: tens of milliseconds. Where there are more, the limit of
# the total excess falls; it is known to a hundredth after so many halvings.
_CHOICES, _HALVINGS = 200_000, 7


def refined_bound(network: Network, start: Prices, association: IntArray) -> float:
    """Seek the best lower bound on P2 that sets of users give, less its rounding margin.

    Parameters
    ----------
    start : Prices
        Of the dual D.
    association : int array (N,)
        A good χ; the nearer to the best, the fewer sets matter.

    Returns
    -------
    float
        At least D and at most the optimum.
    """
    resources = partial(allocate, network)
    best = resources(fill_empty(network, association))
    return closed(network, start, *near(network, start, 0.0), best, 0.0, resources)[1]


def closed(
    network: Network,
    prices: Prices,
    pairs: Pairs,
    cost: Array,
    best: Allocation,
    gap: float,
    improve: Callable[[IntArray], Allocation],
) -> tuple[Allocation, float]:
    """Close the gap between a decision and the dual bound as far as sets of users can.

    Parameters
    ----------
    prices : Prices
        Of the dual D.
    pairs, cost : Pairs, array (K,)
        Some of the pairs near each user's best, that best among them, and V + J at the prices.
    best : Allocation
        The best decision known.
    gap : float
        Relative distance that is small enough.
    improve : callable
        Gives a decision for an association (N,), or for one near it.

    Returns
    -------
    best : Allocation
        Never worse than the one given.
    bound : float
        A lower bound on P2.
    """
    paid = pairs.least(cost)
    bound = dual_value(network, prices, paid)
    if best.objective - bound <= gap * abs(best.objective):
        return best, bound
    costs = _open_pairs(network, prices, pairs, cost, best.objective - bound)
    if costs is None:
        return best, bound
    margin = ROUNDING_MARGIN * float(
        np.abs(paid).sum() + np.abs(capacity_worth(network, prices)).sum()
    )

    def bounds_of(counts: CountPrices, worth: Array) -> SetBounds:
        return SetBounds.of(network, costs, [prices, *counts.points], worth)

    counts = CountPrices.around(network, prices, _load(network, best))
    bounds, share, rng = bounds_of(counts, paid), None, np.random.default_rng(0)
    for _ in range(_ROUNDS):
        before = best, bounds
        value, association = _bounded(network, bounds, best.objective + margin)
        if association is not None:
            best = min(best, allocate(network, association), key=_objective)
        bound = min(max(bound, value - margin), best.objective)
        if best.objective - bound <= gap * abs(best.objective):
            break
        load = _load(network, best)
        if share is None or np.any(load != counts.load):
            counts = CountPrices.around(network, prices, load)
            worth, counts, share = raised(network, costs, paid, counts)
            bounds = bounds_of(counts, worth)
            best = min(best, improve(_drawn(network, costs, share)), key=_objective)
        if (best, bounds) == before:
            chances = rng.exponential(size=(_DRAWN // network.users, len(share)))
            drawn = [_drawn(network, costs, share / chance) for chance in chances]
            for association in np.unique(drawn, axis=0):
                best = min(best, improve(association), key=_objective)
            if best is before[0]:
                break
    return best, min(bound, best.objective)


def _drawn(network: Network, costs: PairCosts, weight: Array) -> IntArray:
    """Give each user the server of its heaviest pair; of shares over exponentials, by chance."""
    best = costs.servers[np.lexsort((-weight, costs.users))[costs.start]]
    return fill_empty(network, best)


def _objective(allocation: Allocation) -> float:
    return allocation.objective


def _load(network: Network, best: Allocation) -> IntArray:
    """Count the users (M,) of each server."""
    return np.bincount(best.decision.association, minlength=network.servers)


def _bounded(network: Network, bounds: SetBounds, known: float) -> tuple[float, IntArray | None]:
    """Bound better decisions than one of a known objective, or find the best of these."""
    worth, least = bounds.worth, bounds.floor
    limit = least
    sets = UserSets.none(network.users)
    for part in _PARTS:
        further = least + part * (known - float(worth.sum() + least.sum()))
        found = bounds.below(further, _ROWS * network.servers // network.users)
        if found is None:
            break
        sets, limit = UserSets.of(network, *found), further
        reduced = sets.cost - sets.member @ worth
        # No set that was not found costs less than the limit.
        least = limit.copy()
        np.minimum.at(least, sets.server, reduced)
    value = float(worth.sum() + least.sum())
    excess, association = _choice(
        sets, sets.cost - sets.member @ worth - least[sets.server], known - value
    )
    return value + min(excess, float(np.min(limit - least))), association


def _open_pairs(
    network: Network, prices: Prices, pairs: Pairs, cost: Array, lacking: float
) -> PairCosts | None:
    """Pairs that a better decision may use: they cost less than the dual bound lacks to it more.

    None where they are too many for sets to help.
    """
    worth = pairs.least(cost)
    # Those known tell before all are asked for, which would be long on a large network.
    for reach in (None, lacking / max(float(np.abs(worth).min()), 1e-300)):
        if reach is not None:
            pairs, cost = near(network, prices, min(reach, _WIDEST))
        keep = cost <= worth[pairs.users] + lacking
        if (keep.sum() - network.users) * network.users > _OPEN:
            return None
    return PairCosts.of(network, pairs.users[keep], pairs.servers[keep])


def _choice(sets: UserSets, excess: Array, limit: float) -> tuple[float, IntArray | None]:
    """Choose a set for each server, each user once, of least total excess.

    Returns that excess and the association; or what the excess is at least, and None.
    """
    users = sets.member.shape[1]
    # Sixty-three users a word; the last row is all of them.
    member = np.concatenate([sets.member, np.ones((1, users), dtype=bool)])
    power = 1 << np.arange(63, dtype=np.int64)
    words = [member[:, i : i + 63] @ power[: users - i] for i in range(0, users, 63)]
    bits = np.stack(words, axis=1)
    total, chosen = _search(sets.server, bits[:-1], bits[-1], excess, limit)
    if not chosen:
        return total, None
    association = np.empty(users, dtype=np.int64)
    for one in chosen:
        association[sets.member[one]] = sets.server[one]
    return total, association


def _search(
    server: IntArray, bits: IntArray, every: IntArray, excess: Array, limit: float
) -> tuple[float, list[int]]:
    """Go through the servers, keep the least excess for each set of users served so far.

    The limit falls where there are too many choices. Where none is left it is returned: all of
    them exceed it.
    """
    order = np.flatnonzero(excess <= limit)
    order = order[np.argsort(excess[order], kind="stable")]
    own = [order[server[order] == m] for m in range(int(server.max(initial=-1)) + 1)]
    own.sort(key=len)
    later = [np.zeros_like(every)]
    for sets in own[::-1]:
        later.append(later[-1] | np.bitwise_or.reduce(bits[sets], axis=0, initial=0))
    later.pop()
    done, total, trail = np.zeros((1, len(every)), dtype=np.int64), np.zeros(1), []
    for sets in own:
        limit = _affordable(excess[sets], total, limit)
        if limit <= 0:
            return 0.0, []
        count = np.searchsorted(excess[sets], limit - total, side="right")
        before = np.repeat(np.arange(len(total)), count)
        one = sets[np.arange(len(before)) - np.repeat(np.cumsum(count) - count, count)]
        joined, rest = done[before] | bits[one], later.pop()
        # Nobody twice, and nobody left out whom no later server can take.
        fits = np.all((done[before] & bits[one] == 0) & (joined | rest == every), axis=1)
        before, one, joined = before[fits], one[fits], joined[fits]
        amount = total[before] + excess[one]
        rank = np.lexsort((amount, *joined.T))
        first = rank[np.any(np.diff(joined[rank], axis=0, prepend=-1) != 0, axis=1)]
        done, total = joined[first], amount[first]
        trail.append((before[first], one[first]))
    if not len(total):
        return limit, []
    place, chosen = 0, []
    for before, one in reversed(trail):
        chosen.append(int(one[place]))
        place = before[place]
    return float(total[0]), chosen


def _affordable(excess: Array, total: Array, limit: float) -> float:
    """Limit, or a lower one within which there are not too many choices; 0 for want of one."""

    def choices(limit: float) -> int:
        return int(np.searchsorted(excess, limit - total, side="right").sum())

    if choices(limit) <= _CHOICES:
        return limit
    low, high = 0.0, limit
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if choices(middle) <= _CHOICES else (low, middle)
    return low
