"""An association step that descends: resources are solved anew after every trial move.

Fixed resources admit no move at all (the current association is then the only feasible one). Here a
trial, one user to another server or two users swapped, is priced by the exact cost of the two
servers it touches. The servers' own prices tell which trials can pay: by weak duality a move costs
at least what they say, less what the resources lack to their bound. The most promising come first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.certified.pairs import PairCosts, Prices
from mecllm.certified.sets import SolvedSets
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network

# Rows over the trials of each kind in a round, the most promising trials by price, and trials at
# least, per server: they bound the time of a round.
_TRIAL_ROWS, _TRIALS_PER_SERVER = 200_000, 2
# Trials expected to cost more than this share of a user's mean cost are left out: 1.3 times at 500.
# What is expected is no bound, so that up to _FEW users, where it saves nothing, all are made.
_HOPELESS, _FEW = 0.01, 10
# Swap partners tried for each promising move.
_PARTNERS = 50
# With more users than this a trial keeps every α, which the next allocation then chooses anew, and
# the descent ends with the first round that lowers the objective by less than this share of it.
_LARGE, _LARGE_DESCENT = 2_000, 5e-6
# A descent below this, relative to the objective, is rounding.
_LEAST_DESCENT = 1e-10
_MAX_ROUNDS = 100

_Move = tuple[tuple[int, int], ...]


def descend(
    network: Network,
    allocation: Allocation,
    pairs: PairCosts | None = None,
    solved: SolvedSets | None = None,
) -> Allocation:
    """Improve an association by moves and swaps until none of those tried lowers the objective.

    Parameters
    ----------
    allocation : Allocation
        Where to start.
    pairs : PairCosts, optional
        User-server pairs that a move may use; all by default.
    solved : SolvedSets, optional
        Sets that earlier descents on this network have solved, and to which this one adds.

    Returns
    -------
    Allocation
        Never worse than the start.
    """
    pairs = PairCosts.every(network) if pairs is None else pairs
    solved = SolvedSets(network) if solved is None else solved

    def move(current: Allocation) -> IntArray | None:
        return _together(network, current, pairs)

    def improve(current: Allocation) -> IntArray | None:
        large = network.users > _LARGE
        servers = SolvedSets(network, current.decision.local_layers) if large else solved
        return _improve(network, current, pairs, servers)

    return _repeated(network, _repeated(network, allocation, move), improve)


def _repeated(
    network: Network, best: Allocation, step: Callable[[Allocation], IntArray | None]
) -> Allocation:
    """Take the associations that a step proposes as long as they lower the objective enough."""
    enough = _LARGE_DESCENT if network.users > _LARGE else _LEAST_DESCENT
    for _ in range(_MAX_ROUNDS):
        association = step(best)
        if association is None or best.objective == 0:
            break
        trial = allocate(network, association)
        gained = 1 - trial.objective / best.objective
        if gained > _LEAST_DESCENT:
            best = trial
        if gained < enough:
            break
    return best


def _together(network: Network, current: Allocation, pairs: PairCosts) -> IntArray | None:
    """Make many moves at once while the next is expected to pay: 1.4 times at 500 users."""
    outlook = _Outlook.of(network, current, pairs)
    open_ = outlook.open()
    open_ = open_[np.argsort(outlook.reduced[open_], kind="stable")]
    stiffness = outlook.stiffness.T
    more = np.zeros_like(stiffness)
    result = current.decision.association.copy()
    moved = np.zeros(len(result), dtype=bool)
    # Where the capacities are equalities, no server may be left without a user.
    left = np.bincount(result, minlength=network.servers)
    fewest = 1 if network.formulation.capacity == "equal" else 0
    for i in open_:
        user, to, home = pairs.users[i], pairs.servers[i], outlook.home[i]
        if moved[user] or left[home] == fewest:
            continue
        into, out = outlook.amount[:, i], outlook.own[:, i]
        cost = outlook.reduced[i] + stiffness[to] @ (into * (into + 2 * more[to]))
        cost += stiffness[home] @ (out * (out - 2 * more[home]))
        if cost < 0:
            more[to] += into
            more[home] -= out
            left[to] += 1
            left[home] -= 1
            result[user], moved[user] = to, True
    return result if moved.any() else None


def _improve(
    network: Network, current: Allocation, pairs: PairCosts, servers: SolvedSets
) -> IntArray | None:
    """Make those of the most promising moves and swaps that pay, on servers that differ."""
    outlook = _Outlook.of(network, current, pairs)
    association = current.decision.association
    order = np.argsort(association, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(association, minlength=network.servers))[:-1])
    base = servers.costs(list(enumerate(members)))
    trials = _moves(current, outlook, pairs) + _swaps(current, outlook, pairs)
    if not trials:
        return None
    sets: list[tuple[int, IntArray]] = []
    for move in trials:
        for server, out, into in _changes(association, move):
            users = members[server][members[server] != out]
            sets.append((server, np.sort(np.append(users, into)) if into >= 0 else users))
    cost = servers.costs(sets)
    change = (cost - base[[server for server, _ in sets]]).reshape(-1, 2).sum(axis=1)
    touched: set[int] = set()
    result = association.copy()
    for trial in np.argsort(change, kind="stable"):
        if not change[trial] < -_LEAST_DESCENT * abs(current.objective):
            break
        used = {sets[2 * trial][0], sets[2 * trial + 1][0]}
        # Trials on disjoint servers add up exactly.
        if not used & touched:
            touched |= used
            for user, server in trials[trial]:
                result[user] = server
    return result if touched else None


def _changes(association: IntArray, move: _Move) -> list[tuple[int, int, int]]:
    """(server, user that leaves or -1, user that comes or -1) of the two servers touched."""
    if len(move) == 1:
        ((user, server),) = move
        return [(int(association[user]), user, -1), (server, -1, user)]
    (one, to_one), (two, to_two) = move
    return [(to_two, one, two), (to_one, two, one)]


@dataclass(frozen=True, eq=False)
class _Outlook:
    """What moves would cost, told by the servers' own prices.

    Parameters
    ----------
    reduced : array (K,)
        Extra cost of each pair over the user's own server at fixed prices; infinite at home.
    amount, own : array (2, K)
        Bandwidth and clock that the user would ask for there, and asks for at home.
    home : int array (K,)
        The user's server.
    stiffness : array (2, M)
        Half the price of the square of what a server has to free or to hand out besides.
    slack : float
        What the resources lack to their bound: who costs more than that cannot pay.
    """

    reduced: Array
    amount: Array
    own: Array
    home: IntArray
    stiffness: Array
    slack: float

    @classmethod
    def of(cls, network: Network, current: Allocation, pairs: PairCosts) -> _Outlook:
        prices = Prices(current.bandwidth_price, current.frequency_price)
        cost, *amounts = pairs.at(prices)
        amount = np.stack(amounts)
        home = current.decision.association[pairs.users]
        stays = pairs.servers == home
        own = np.empty((3, network.users))
        own[:, pairs.users[stays]] = cost[stays], *amount[:, stays]
        # Who was put where no pair leads, so that no server is empty, is looked up.
        away = np.ones(network.users, dtype=bool)
        away[pairs.users[stays]] = False
        users = np.flatnonzero(away)
        own[:, users] = PairCosts.of(network, users, current.decision.association[users]).at(prices)
        there = own[:, pairs.users]
        reduced = np.where(stays, np.inf, cost - there[0])
        # A price moves against the amount with an elasticity of about a half: for the bandwidth
        # between 1/2 and 2/3, for a clock from none at its best to 1/2 far below it.
        stiffness = np.stack(
            [
                current.bandwidth_price / network.bandwidth_max,
                np.abs(current.frequency_price) / network.server_frequency_max,
            ]
        )
        slack = current.objective - current.lower_bound
        return cls(reduced, amount, there[1:], home, stiffness, slack)

    def open(self) -> IntArray:
        """Places of the pairs whose moves may pay."""
        return np.flatnonzero(self.reduced < self.slack)

    def strain(self, servers: IntArray, amount: Array) -> Array:
        """Cost beyond the price of an amount (2, K) that servers (K,) hand out besides."""
        return np.sum(self.stiffness[:, servers] * amount**2, axis=0)


def _moves(current: Allocation, outlook: _Outlook, pairs: PairCosts) -> list[_Move]:
    open_ = outlook.open()
    expected = outlook.reduced[open_]
    expected = expected + outlook.strain(pairs.servers[open_], outlook.amount[:, open_])
    expected = expected + outlook.strain(outlook.home[open_], outlook.own[:, open_])
    chosen = open_[_promising(current, outlook, expected)]
    return [((int(pairs.users[i]), int(pairs.servers[i])),) for i in chosen]


def _swaps(current: Allocation, outlook: _Outlook, pairs: PairCosts) -> list[_Move]:
    reduced, home, slack = outlook.reduced, outlook.home, outlook.slack
    # A swap can pay only if one of its two moves does.
    gains = outlook.open()
    partners = np.flatnonzero(reduced < slack - reduced.min(initial=0.0))
    # Partners of a gain n: m -> k are the moves k -> m of other users, cheapest first.
    base = len(current.bandwidth_price)
    key = home[partners] * base + pairs.servers[partners]
    rank = np.lexsort((reduced[partners], key))
    order, key = partners[rank], key[rank]
    wanted = pairs.servers[gains] * base + home[gains]
    first, last = np.searchsorted(key, wanted), np.searchsorted(key, wanted, side="right")
    count = np.minimum(last - first, _PARTNERS)
    one = np.repeat(gains, count)
    two = order[np.arange(len(one)) - np.repeat(np.cumsum(count) - count - first, count)]
    below = reduced[one] + reduced[two] < slack
    one, two = one[below], two[below]
    expected = reduced[one] + reduced[two]
    for into, out in ((one, two), (two, one)):
        change = outlook.amount[:, into] - outlook.own[:, out]
        expected = expected + outlook.strain(pairs.servers[into], change)
    chosen = _promising(current, outlook, expected)
    return [
        (
            (int(pairs.users[one[i]]), int(pairs.servers[one[i]])),
            (int(pairs.users[two[i]]), int(pairs.servers[two[i]])),
        )
        for i in chosen
    ]


def _promising(current: Allocation, outlook: _Outlook, expected: Array) -> IntArray:
    """Places of the least amounts, if not hopeless, as many as a round has time for."""
    servers, users = len(current.bandwidth_price), len(current.decision.association)
    most = max(int(_TRIAL_ROWS / max(2 * users / servers, 1)), _TRIALS_PER_SERVER * servers)
    order = np.argsort(expected, kind="stable")[:most]
    if users <= _FEW:
        return order
    return order[expected[order] < outlook.slack + _HOPELESS * current.objective / users]
