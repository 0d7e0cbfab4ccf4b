"""Sets of users that a server can have in a good decision, and what they cost.

With a worth π_n of serving user n and c_m(S) the least cost of the users S at server m, the reduced
cost of the set is c_m(S) - Σ_{n in S} π_n. At any prices of its server it is at least the sum of
V + J - π of its users less what the server's capacity is worth, so that the sets below a limit are
enumerated user by user and cut off where some prices say that they cost too much. The few that are
left are solved exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mecllm.allocation import Groups, Uplink, Work
from mecllm.allocation.communication import share_bandwidth
from mecllm.allocation.computation import share_clock
from mecllm.allocation.groups import Mask
from mecllm.allocation.layers import priced_split, split_layers
from mecllm.certified.pairs import PairCosts, Prices
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network


@dataclass(frozen=True, eq=False)
class UserSets:
    """S sets of users, each at a server.

    Parameters
    ----------
    member : bool array (S, N)
    server : int array (S,)
    cost : array (S,)
        Lower bound on the cost with the best resources.
    """

    member: Mask
    server: IntArray
    cost: Array

    @classmethod
    def none(cls, users: int) -> UserSets:
        """No sets."""
        return cls(np.zeros((0, users), dtype=bool), np.zeros(0, np.int64), np.zeros(0))

    @classmethod
    def of(cls, network: Network, member: Mask, server: IntArray) -> UserSets:
        """Solve some sets.

        Parameters
        ----------
        member : bool array (S, N)
        server : int array (S,)

        Returns
        -------
        UserSets
        """
        row, user = np.nonzero(member)
        return cls(member, server, _group_bounds(network, Groups(user, row, server)))


class SolvedSets:
    """Costs of sets of users on servers, each solved once.

    Parameters
    ----------
    layers : array (N,), optional
        Keep these α.
    """

    def __init__(self, network: Network, layers: Array | None = None) -> None:
        self.network = network
        self.layers = layers
        self.known: dict[tuple[int, bytes], float] = {}

    def costs(self, sets: Sequence[tuple[int, IntArray]]) -> Array:
        """Cost each set, a server with its users sorted.

        Parameters
        ----------
        sets : sequence of (int, int array)
        """
        keys = [(server, users.tobytes()) for server, users in sets]
        new = {key: item for key, item in zip(keys, sets, strict=True) if key not in self.known}
        if new:
            users = [item[1] for item in new.values()]
            index = np.repeat(np.arange(len(new)), [len(u) for u in users])
            servers = np.array([item[0] for item in new.values()])
            groups = Groups(np.concatenate(users), index, servers)
            costs = _group_costs(self.network, groups, self.layers).tolist()
            self.known.update(zip(new, costs, strict=True))
        return np.array([self.known[key] for key in keys])


@dataclass(frozen=True, eq=False)
class SetBounds:
    """What sets cost at least, by some prices of each server.

    Parameters
    ----------
    pairs : list of IntArray
        Users (F,) that each of the M servers may have; a set with another is none.
    worth : array (N,)
        π.
    reduced : list of Array
        V + J (F, Q) of these at each of Q prices, less the user's worth.
    paid : array (M, Q)
        What the server's whole capacity is worth at them.
    empty : float
        Cost of a server without users.
    """

    members: list[IntArray]
    worth: Array
    reduced: list[Array]
    paid: Array
    empty: float

    @classmethod
    def of(
        cls, network: Network, costs: PairCosts, points: list[Prices], worth: Array
    ) -> SetBounds:
        """Take the costs of pairs at some prices.

        Parameters
        ----------
        costs : PairCosts
            K pairs.
        points : list of Prices
            Q of them; any are valid, of the sign that `lower_bound` allows.
        worth : array (N,)
            π.

        Returns
        -------
        SetBounds
        """
        cost = np.stack([costs.at(prices)[0] for prices in points], axis=1)
        paid = np.stack([capacity_worth(network, prices) for prices in points], axis=1)
        order = np.argsort(costs.servers, kind="stable")
        first = np.cumsum(np.bincount(costs.servers, minlength=network.servers))[:-1]
        users, reduced = costs.users[order], cost[order] - worth[costs.users[order], None]
        members = np.split(users, first)
        return cls(members, worth, np.split(reduced, first), paid, _empty_cost(network))

    @cached_property
    def floor(self) -> Array:
        """Lower bound (M,) on the reduced cost of any set."""
        least = [
            np.min(np.max(_least_sums(reduced) - paid, axis=1)[1:], initial=self.empty)
            for reduced, paid in zip(self.reduced, self.paid, strict=True)
        ]
        return np.array(least)

    @property
    def value(self) -> float:
        """Lower bound on P2, but for rounding."""
        return float(self.worth.sum() + self.floor.sum())

    def below(self, limit: Array, most: int) -> tuple[Mask, IntArray] | None:
        """List the sets whose bound is at most a limit.

        Parameters
        ----------
        limit : array (M,)
            Of each server.
        most : int
            Sets to give up at.

        Returns
        -------
        member, server : bool array (S, N), int array (S,)
            No set below the limit is missed; or None if there are too many.
        """
        members: list[Mask] = []
        for own, reduced, paid, end in zip(
            self.members, self.reduced, self.paid, limit, strict=True
        ):
            chosen = _chosen(reduced, paid, end, most)
            if chosen is None:
                return None
            member = np.zeros((len(chosen), len(self.worth)), dtype=bool)
            member[:, own] = chosen
            members.append(member)
            most -= len(member)
        sizes = [len(member) for member in members]
        return np.concatenate(members), np.repeat(np.arange(len(limit)), sizes)


def _least_sums(reduced: Array) -> Array:
    """Sum (F+1, Q) of the k least of F amounts (F, Q), k = 0..F."""
    return np.pad(np.cumsum(np.sort(reduced, axis=0), axis=0), ((1, 0), (0, 0)))


def _chosen(reduced: Array, paid: Array, limit: float, most: int) -> Mask | None:
    """Choices (S, F) among the F users of a server whose bound is at most a limit."""
    inside, outside, counts = _possible(reduced, paid, limit)
    sure, free = np.flatnonzero(inside & ~outside), np.flatnonzero(inside & outside)
    # Who decides most comes first.
    free = free[np.argsort(-np.abs(reduced[free]).sum(axis=1), kind="stable")]
    chosen = np.zeros((len(counts), len(reduced)), dtype=bool)
    chosen[:, sure] = True
    bound = np.repeat((reduced[sure].sum(axis=0) - paid)[None], len(counts), axis=0)
    # How many of those not decided yet the set still takes.
    left = counts - len(sure)
    for place, user in enumerate(free):
        rest = _least_sums(reduced[free[place + 1 :]])
        bounds = np.stack([bound, bound + reduced[user]])
        lefts = np.stack([left, left - 1])
        fits = (lefts >= 0) & (lefts < len(rest))
        ends = bounds + rest[np.where(fits, lefts, 0)]
        side, row = np.nonzero(fits & (ends.max(axis=2) <= limit))
        if len(row) > most:
            return None
        chosen, bound, left = chosen[row], bounds[side, row], lefts[side, row]
        chosen[side == 1, user] = True
    return chosen


def _possible(reduced: Array, paid: Array, limit: float) -> tuple[Mask, Mask, IntArray]:
    """Whether some set below a limit has, and does without, each user (F,); numbers of users."""
    rank = np.argsort(np.argsort(reduced, axis=0, kind="stable"), axis=0, kind="stable")
    sums = _least_sums(reduced) - paid
    counts = np.flatnonzero(sums.max(axis=1) <= limit)
    # No set has less than nobody or more than all: the last row is beyond either end.
    sums = np.concatenate([sums, np.full((1, len(paid)), np.inf)])
    number = counts[:, None, None]
    among, fewer, same, more = rank < number, *(sums[number[:, :, 0] + i] for i in (-1, 0, 1))
    inside = np.where(among, same, fewer + reduced).max(axis=2) <= limit
    outside = np.where(among, more - reduced, same).max(axis=2) <= limit
    return inside.any(axis=0), outside.any(axis=0), counts


def capacity_worth(network: Network, prices: Prices) -> Array:
    """λ_m b_m^max + ν_m f_m^max (M,): what each server's whole capacity is worth."""
    bandwidth = prices.bandwidth * network.bandwidth_max
    return bandwidth + prices.frequency * network.server_frequency_max


def _group_costs(network: Network, groups: Groups, layers: Array | None) -> Array:
    """Cost each group (G,) at its own best bandwidth, power, clocks and, if not given, α (N,)."""
    work, _, limit, equal = _work(network, groups)
    if layers is None:
        rest = split_layers(work, groups, limit, equal).value
    else:
        own = layers[groups.users]
        rest = groups.total(work.cost(own, share_clock(work, groups, own, limit, equal)[0]))
    return np.where(groups.size > 0, _uploads(network, groups) + rest, _empty_cost(network))


def _group_bounds(network: Network, groups: Groups) -> Array:
    """Bound what each group (G,) of users costs at least."""
    split = priced_split(*_work(network, groups))
    bound = _uploads(network, groups) + split.bound
    return np.where(groups.size > 0, bound, _empty_cost(network))


def _uploads(network: Network, groups: Groups) -> Array:
    """Cost (G,) of each group's uploads."""
    uplink = Uplink.of(network, groups.users, groups.server)
    bandwidth, _ = share_bandwidth(uplink, groups, network.bandwidth_max[groups.servers])
    return groups.total(uplink.cost(bandwidth, uplink.best_power(bandwidth)))


def _work(network: Network, groups: Groups) -> tuple[Work, Groups, Array, bool]:
    """Return what `split_layers` asks for."""
    work = Work.of(network, groups.users, groups.server)
    limit = network.server_frequency_max[groups.servers]
    return work, groups, limit, network.formulation.capacity == "equal"


def _empty_cost(network: Network) -> float:
    """Cost of a server without users, which equalities do not allow."""
    return np.inf if network.formulation.capacity == "equal" else 0.0
