"""P2 as a choice of one set of users for each server: a sharper certificate, and often a proof.

With a worth π_n of serving user n and c_m(S) the least cost of the users S at server m,

    Σ_n π_n + Σ_m min_S [ c_m(S) - Σ_{n in S} π_n ]

is at most the optimum of P2 for all π, and a set whose reduced cost (in brackets) exceeds the least
of its server by more than the bound lacks to a known decision is in no better one. Few sets are
left on small networks; the best choice among them, each user served once, is the optimum. Where
they are too many, those near the least are looked at: they raise the bound by as far as they reach,
and a linear programme over them improves π.
"""

from __future__ import annotations

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.allocation.groups import Mask
from mecllm.certified.dual import ROUNDING_MARGIN, dual_value
from mecllm.certified.pairs import PairCosts, Pairs, Prices
from mecllm.certified.screening import near
from mecllm.certified.sets import SetBounds, UserSets, capacity_worth
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.network import Network

# Users in all sets that a round solves: its time, some 0.1 s, whatever the network.
_ROWS = 80_000
# Rounds of `refined_bound`.
_ROUNDS = 6
# A round that leaves more than this share of the gap is in vain; a second one is the last.
_IN_VAIN = 0.9
# A reach that is too far for the rows is halved; below this share of what the bound lacks to the
# decision the sets do not close it.
_LEAST_REACH = 1 / 16
# More open pairs than so many a server have too many sets at that reach, too: up to 2^25.
_OPEN = 25
# Reach that lets every pair through.
_WIDEST = 1e9
# How far π may go in a round, in units of what the bound lacks to the decision, and the factor of
# this after a round in vain.
_STEP, _SHRINK = 0.05, 0.25
# Sets of the linear programme, and choices of sets looked at for a server: tens of milliseconds.
_COLUMNS, _CHOICES = 4_000, 200_000
# A total excess too long to go through is halved, down to this share of the greatest there is.
_LEAST_EXCESS = 1e-3
# Sizes of sets whose prices are tried at each server.
_SIZES = 6


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
    best = allocate(network, fill_empty(network, association))
    return closed(network, start, *near(network, start, 0.0), best, 0.0, _ROUNDS)[1]


def closed(
    network: Network,
    prices: Prices,
    pairs: Pairs,
    cost: Array,
    best: Allocation,
    gap: float,
    rounds: int,
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
    rounds : int
        At most, each with a better π.

    Returns
    -------
    best : Allocation
        Never worse than the one given.
    bound : float
        A lower bound on P2.
    """
    worth = pairs.least(cost)
    bound = dual_value(network, prices, worth)
    if best.objective - bound <= gap * abs(best.objective):
        return best, bound
    costs = _open_pairs(network, prices, pairs, cost, best.objective - bound)
    if costs is None:
        return best, bound
    terms = np.abs(worth).sum() + np.abs(capacity_worth(network, prices)).sum()
    margin = ROUNDING_MARGIN * float(terms)
    points, sets = _first_points(network, prices, best), UserSets.none(network.users)
    step, centre, vain = _STEP, (-np.inf, worth, worth), 0
    for _ in range(rounds):
        bounds, lacked = SetBounds.of(network, costs, points, worth), best.objective - bound
        found, reach = _reachable(bounds, max(lacked, 0.0))
        if found is None:
            break
        sets = sets.joined(network, *found)
        reduced, limit = sets.reduced(worth), bounds.floor + reach
        # No set that was not found costs less than the limit.
        least = limit.copy()
        np.minimum.at(least, sets.server, reduced)
        value = float(worth.sum() + least.sum()) - margin
        lacking = best.objective - value + margin
        excess, association = _choice(sets, reduced - least[sets.server], lacking)
        bound = max(bound, value + min(excess, float(np.min(limit - least))))
        if association is not None:
            trial = allocate(network, association)
            best = trial if trial.objective < best.objective else best
        bound = min(bound, best.objective)
        vain += best.objective - bound > _IN_VAIN * lacked
        if value > centre[0]:
            centre = value, worth, least
        else:
            step *= _SHRINK
        if best.objective - bound <= gap * abs(best.objective) or vain > 1:
            break
        worth = _better_worth(sets, *centre[1:], step * (best.objective - centre[0]))
        points = _next_points(prices, sets, sets.reduced(worth))
    return best, bound


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
        if keep.sum() > network.users + _OPEN * network.servers:
            return None
    return PairCosts.of(network, pairs.users[keep], pairs.servers[keep])


def _first_points(network: Network, prices: Prices, best: Allocation) -> list[Prices]:
    """Take the dual's prices, and those of a decision with a user more or less on each server."""
    load = np.bincount(best.decision.association, minlength=network.servers)
    bandwidth, frequency = best.bandwidth_price, best.frequency_price
    bandwidth = np.maximum(bandwidth, 0.05 * bandwidth.mean())
    unit = np.maximum(np.abs(frequency), 0.1 * np.abs(frequency).mean())
    least = -np.inf if network.formulation.capacity == "equal" else 0.0
    points = [prices]
    for more in (-1, 0, 1):
        # A server's prices rise about as the square of the number of its users.
        growth = np.maximum((load + more + 0.5) / (load + 0.5), 0.3) ** 2
        clock = np.maximum(frequency + (growth - 1) * unit, least)
        points.append(Prices(bandwidth * growth, clock))
    return points


def _next_points(prices: Prices, sets: UserSets, reduced: Array) -> list[Prices]:
    """Take the dual's prices, and those of the least sets of several sizes at each server."""
    order, size = np.argsort(reduced, kind="stable"), sets.member.sum(axis=1)
    points = np.stack([prices.bandwidth, prices.frequency])[:, :, None].repeat(1 + _SIZES, axis=2)
    for server in range(len(prices.bandwidth)):
        own = order[(sets.server[order] == server) & (size[order] > 0)]
        at = own[np.sort(np.unique(size[own], return_index=True)[1])[:_SIZES]]
        points[:, server, 1 : 1 + len(at)] = sets.bandwidth_price[at], sets.frequency_price[at]
    return [Prices(*points[:, :, i]) for i in range(1 + _SIZES)]


def _reachable(bounds: SetBounds, lacking: float) -> tuple[tuple[Mask, IntArray] | None, float]:
    """Find the sets within a reach of the least of their server, as far as there is time."""
    reach, (servers, _) = lacking, bounds.low.shape
    while reach >= _LEAST_REACH * lacking:
        found = bounds.below(bounds.floor + reach, _ROWS * servers // bounds.users)
        if found is not None:
            return found, reach
        reach /= 2
    return None, 0.0


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
    while limit > 0:
        found = _search(sets.server, bits[:-1], bits[-1], excess, limit)
        if found is not None:
            break
        limit = limit / 2 if limit > _LEAST_EXCESS * excess.max() else 0.0
    else:
        return 0.0, None
    total, chosen = found
    if not chosen:
        return limit, None
    association = np.empty(users, dtype=np.int64)
    for one in chosen:
        association[sets.member[one]] = sets.server[one]
    return total, association


def _search(
    server: IntArray, bits: IntArray, every: IntArray, excess: Array, limit: float
) -> tuple[float, list[int]] | None:
    """Go through the servers, keep the least excess for each set of users served so far.

    None where that takes too long; no choice where none is within the limit.
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
        count = np.searchsorted(excess[sets], limit - total, side="right")
        if count.sum() > _CHOICES:
            return None
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


def _better_worth(sets: UserSets, worth: Array, least: Array, step: float) -> Array:
    """Worth of the users that maximises the bound over the known sets, each within a step."""
    from scipy.optimize import linprog  # imported late: it takes most of a second
    from scipy.sparse import csc_array, eye_array, hstack

    users, servers = len(worth), len(least)
    excess = sets.reduced(worth) - least[sets.server]
    order = np.argsort(excess, kind="stable")[:_COLUMNS]
    order = order[np.isfinite(excess[order])]
    at = sets.server[order, None] == np.arange(servers)
    once = csc_array(np.concatenate([sets.member[order], at], axis=1).T.astype(float))
    slack = eye_array(users + servers, users, format="csc")
    result = linprog(
        np.concatenate([sets.cost[order], worth + step, step - worth]),
        A_eq=hstack([once, slack, -slack], format="csc"),
        b_eq=np.ones(users + servers),
        method="highs",
    )
    return result.eqlin.marginals[:users] if result.status == 0 else worth
