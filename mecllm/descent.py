"""An association step that descends: resources are solved anew after every trial move.

Fixed resources admit no move at all (the current association is then the only feasible one). Here a
trial, one user to another server or two users swapped, is priced by the exact cost of the two
servers it touches. The servers' own prices tell which trials can pay: by weak duality a move costs
at least what the prices say, less what the current resources lack to their own bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mecllm.allocation import Allocation, Groups, Uplink, Work, allocate
from mecllm.allocation.communication import share_bandwidth
from mecllm.allocation.computation import share_clock
from mecllm.allocation.layers import split_layers
from mecllm.dual import PairCosts, Prices
from mecllm.network import Array, IntArray, Network

# Rows over the trials of each kind in a round, the most promising trials by price, and trials at
# least, per server: they bound the time of a round.
TRIAL_ROWS, TRIALS_PER_SERVER = 200_000, 2
# Swap partners tried for each promising move.
PARTNERS = 50
# With more users than this a trial keeps every α, which the next allocation then chooses anew, and
# the descent ends with the first round that lowers the objective by less than this share of it.
LARGE, LARGE_DESCENT = 2_000, 1e-6
# A descent below this, relative to the objective, is rounding.
LEAST_DESCENT = 1e-10
MAX_ROUNDS = 100

Move = tuple[tuple[int, int], ...]


def group_costs(network: Network, groups: Groups, layers: Array | None = None) -> Array:
    """Cost (G,) of each group with its own best bandwidth, power and clocks.

    With given α (N,) of the users, or else the best found for each group.
    """
    uplink = Uplink.of(network, groups.users, groups.server)
    work = Work.of(network, groups.users, groups.server)
    bandwidth, _ = share_bandwidth(uplink, groups, network.bandwidth_max[groups.servers])
    upload = uplink.cost(bandwidth, uplink.best_power(bandwidth))
    equal = network.formulation.capacity == "equal"
    limit = network.server_frequency_max[groups.servers]
    if layers is None:
        rest = split_layers(work, groups, limit, equal).value
    else:
        own = layers[groups.users]
        clock, _ = share_clock(work, groups, own, limit, equal)
        rest = groups.total(work.cost(own, clock))
    cost = groups.total(upload) + rest
    return np.where(groups.size > 0, cost, np.inf if equal else 0.0)


class _Servers:
    """Costs of sets of users on servers, each solved once."""

    def __init__(self, network: Network, layers: Array | None = None) -> None:
        self.network = network
        self.layers = layers
        self.known: dict[tuple[int, bytes], float] = {}

    def costs(self, sets: Sequence[tuple[int, IntArray]]) -> Array:
        """Cost of each (server, sorted users)."""
        keys = [(server, users.tobytes()) for server, users in sets]
        new = {key: item for key, item in zip(keys, sets, strict=True) if key not in self.known}
        if new:
            users = [item[1] for item in new.values()]
            index = np.repeat(np.arange(len(new)), [len(u) for u in users])
            servers = np.array([item[0] for item in new.values()])
            groups = Groups(np.concatenate(users), index, servers)
            costs = group_costs(self.network, groups, self.layers).tolist()
            self.known.update(zip(new, costs, strict=True))
        return np.array([self.known[key] for key in keys])


def descend(network: Network, allocation: Allocation, pairs: PairCosts | None = None) -> Allocation:
    """Improve an association by moves and swaps until none of those tried lowers the objective.

    Parameters
    ----------
    allocation : Allocation
        Where to start.
    pairs : PairCosts, optional
        User-server pairs that a move may use; all by default.

    Returns
    -------
    Allocation
        Never worse than the start.
    """
    pairs = PairCosts.every(network) if pairs is None else pairs
    large = network.users > LARGE
    servers = _Servers(network, allocation.decision.local_layers if large else None)
    best = allocation
    for _ in range(MAX_ROUNDS):
        association = _improve(network, best, pairs, servers)
        if association is None:
            break
        trial = allocate(network, association)
        if large:
            servers = _Servers(network, trial.decision.local_layers)
        if trial.objective >= best.objective * (1 - LEAST_DESCENT):
            break
        gained, best = 1 - trial.objective / best.objective, trial
        if large and gained < LARGE_DESCENT:
            break
    return best


def _improve(
    network: Network, current: Allocation, pairs: PairCosts, servers: _Servers
) -> IntArray | None:
    association = current.decision.association
    order = np.argsort(association, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(association, minlength=network.servers))[:-1])
    base = servers.costs(list(enumerate(members)))
    reduced = _reduced(current, association, pairs)
    trials = _moves(current, reduced, pairs) + _swaps(current, reduced, pairs)
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
        if not change[trial] < -LEAST_DESCENT * abs(current.objective):
            break
        used = {sets[2 * trial][0], sets[2 * trial + 1][0]}
        # Trials on disjoint servers add up exactly.
        if not used & touched:
            touched |= used
            for user, server in trials[trial]:
                result[user] = server
    return result if touched else None


def _changes(association: IntArray, move: Move) -> list[tuple[int, int, int]]:
    """(server, user that leaves or -1, user that comes or -1) of the two servers touched."""
    if len(move) == 1:
        ((user, server),) = move
        return [(int(association[user]), user, -1), (server, -1, user)]
    (one, to_one), (two, to_two) = move
    return [(to_two, one, two), (to_one, two, one)]


def _reduced(current: Allocation, association: IntArray, pairs: PairCosts) -> Array:
    """Extra cost of each pair over the user's own server, at the servers' own prices."""
    cost, _, _ = pairs.at(Prices(current.bandwidth_price, current.frequency_price))
    own = np.full(len(association), np.inf)
    home = pairs.servers == association[pairs.users]
    own[pairs.users[home]] = cost[home]
    return np.where(home, np.inf, cost - own[pairs.users])


def _moves(current: Allocation, reduced: Array, pairs: PairCosts) -> list[Move]:
    slack = current.objective - current.lower_bound
    chosen = _smallest(reduced, slack, _most(current))
    return [((int(pairs.users[i]), int(pairs.servers[i])),) for i in chosen]


def _swaps(current: Allocation, reduced: Array, pairs: PairCosts) -> list[Move]:
    association = current.decision.association
    slack = current.objective - current.lower_bound
    # A swap can pay only if one of its two moves does.
    gains = np.flatnonzero(reduced < slack)
    partners = np.flatnonzero(reduced < slack - reduced.min(initial=0.0))
    home = association[pairs.users]
    # Partners of a gain n: m -> k are the moves k -> m of other users, cheapest first.
    base = len(current.bandwidth_price)
    key = home[partners] * base + pairs.servers[partners]
    rank = np.lexsort((reduced[partners], key))
    order, key = partners[rank], key[rank]
    wanted = pairs.servers[gains] * base + home[gains]
    first, last = np.searchsorted(key, wanted), np.searchsorted(key, wanted, side="right")
    count = np.minimum(last - first, PARTNERS)
    one = np.repeat(gains, count)
    two = order[np.arange(len(one)) - np.repeat(np.cumsum(count) - count - first, count)]
    total = reduced[one] + reduced[two]
    chosen = _smallest(total, slack, _most(current))
    return [
        (
            (int(pairs.users[one[i]]), int(pairs.servers[one[i]])),
            (int(pairs.users[two[i]]), int(pairs.servers[two[i]])),
        )
        for i in chosen
    ]


def _smallest(amount: Array, limit: float, most: int) -> IntArray:
    below = np.flatnonzero(amount < limit)
    return below[np.argsort(amount[below], kind="stable")[:most]]


def _most(current: Allocation) -> int:
    servers = len(current.bandwidth_price)
    rows = 2 * len(current.decision.association) / servers
    return max(int(TRIAL_ROWS / max(rows, 1)), TRIALS_PER_SERVER * servers)
