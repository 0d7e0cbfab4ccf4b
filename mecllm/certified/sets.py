"""Sets of users that a server can have in a good decision, and what they cost.

With a worth π_n of serving user n and c_m(S) the least cost of the users S at server m, the reduced
cost of the set is c_m(S) - Σ_{n in S} π_n. At any prices of its server it is at least the sum of
V + J - π of its users less what the server's capacity is worth, so that the sets below a limit are
enumerated user by user and cut off where some prices say that they cost too much. The few that are
left are solved exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from mecllm.allocation import Groups, Uplink, Work
from mecllm.allocation.communication import share_bandwidth
from mecllm.allocation.computation import share_clock
from mecllm.allocation.groups import Mask
from mecllm.allocation.layers import split_layers
from mecllm.certified.pairs import PairCosts, Pairs, Prices
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
    bandwidth_price, frequency_price : array (S,)
        λ and ν [1/Hz] of these.
    """

    member: Mask
    server: IntArray
    cost: Array
    bandwidth_price: Array
    frequency_price: Array

    @classmethod
    def none(cls, users: int) -> UserSets:
        """No sets."""
        return cls(np.zeros((0, users), dtype=bool), np.zeros(0, np.int64), *np.zeros((3, 0)))

    def joined(self, network: Network, member: Mask, server: IntArray) -> UserSets:
        """Return these sets and those of others that are new, solved.

        Parameters
        ----------
        member : bool array (S, N)
        server : int array (S,)

        Returns
        -------
        UserSets
            The new ones last.
        """
        known = set(_keys(self.member, self.server))
        new = [key not in known for key in _keys(member, server)]
        row, user = np.nonzero(member[new])
        _, *solved = group_costs(network, Groups(user, row, server[new]))
        own = (getattr(self, field.name) for field in fields(self))
        columns = zip(own, (member[new], server[new], *solved), strict=True)
        return UserSets(*(np.concatenate(pair) for pair in columns))

    def reduced(self, worth: Array) -> Array:
        """Cost (S,) less the worth π (N,) of the users."""
        return self.cost - self.member @ worth


def _keys(member: Mask, server: IntArray) -> list[tuple[int, bytes]]:
    packed = np.packbits(member, axis=1)
    return [(m, row.tobytes()) for m, row in zip(server.tolist(), packed, strict=True)]


@dataclass(frozen=True, eq=False)
class SetBounds:
    """What sets cost at least, by some prices of each server.

    Parameters
    ----------
    pairs : Pairs
        K pairs; a set that uses another is none.
    reduced : array (K, Q)
        V + J at each of Q prices, less the user's worth.
    low : array (M, Q)
        Least of all sets at each of them.
    paid : array (M, Q)
        What the server's whole capacity is worth at them.
    users : int
        N.
    """

    pairs: Pairs
    reduced: Array
    low: Array
    paid: Array
    users: int

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
        reduced, low = cost - worth[costs.users, None], -paid
        np.add.at(low, costs.servers, np.minimum(reduced, 0.0))
        return cls(costs, reduced, low, paid, network.users)

    @property
    def floor(self) -> Array:
        """Lower bound (M,) on the reduced cost of any set."""
        return self.low.max(axis=1)

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
        home, gains = self.pairs.servers, np.minimum(self.reduced, 0.0)
        # Whether the pair is in some set below the limit, and whether some set does without it.
        inside = np.max(self.low[home] + (self.reduced - gains), axis=1) <= limit[home]
        outside = np.max(self.low[home] - gains, axis=1) <= limit[home]
        members, total = [], 0
        for server in range(len(limit)):
            own = np.flatnonzero((home == server) & inside)
            sure, free = own[~outside[own]], own[outside[own]]
            # Who decides most comes first.
            free = free[np.argsort(-np.abs(self.reduced[free, 0]), kind="stable")]
            bound = (self.reduced[sure].sum(axis=0) - self.paid[server])[None]
            chosen = self._enumerated(free, bound, limit[server], most - total)
            if chosen is None:
                return None
            member = np.zeros((len(chosen), self.users), dtype=bool)
            member[:, self.pairs.users[sure]] = True
            member[:, self.pairs.users[free]] = chosen
            members.append(member)
            total += len(member)
        sizes = [len(member) for member in members]
        return np.concatenate(members), np.repeat(np.arange(len(limit)), sizes)

    def _enumerated(self, free: IntArray, bound: Array, limit: float, most: int) -> Mask | None:
        """Choices (S, F) among the pairs (F,) of a server, from the bound (1, Q) without them."""
        gains = np.minimum(self.reduced[free], 0.0)
        rest = np.cumsum(gains[::-1], axis=0)[::-1] - gains
        chosen = np.zeros((1, len(free)), dtype=bool)
        for i, pair in enumerate(free):
            joined = bound + self.reduced[pair]
            stays, joins = (np.max(amount + rest[i], axis=1) <= limit for amount in (bound, joined))
            bound = np.concatenate([bound[stays], joined[joins]])
            chosen = np.concatenate([chosen[stays], chosen[joins]])
            chosen[np.sum(stays) :, i] = True
            if len(chosen) > most:
                return None
        return chosen


def capacity_worth(network: Network, prices: Prices) -> Array:
    """λ_m b_m^max + ν_m f_m^max (M,): what each server's whole capacity is worth."""
    bandwidth = prices.bandwidth * network.bandwidth_max
    return bandwidth + prices.frequency * network.server_frequency_max


def group_costs(
    network: Network, groups: Groups, layers: Array | None = None
) -> tuple[Array, Array, Array, Array]:
    """Cost each group of users with its own best bandwidth, power, clocks and α.

    Parameters
    ----------
    groups : Groups
        Users of each of G groups and its server.
    layers : array (N,), optional
        Keep these α of the users.

    Returns
    -------
    cost, bound : array (G,)
        Cost of the group, infinite where it is empty and the capacities are equalities, and a
        lower bound on it (the cost itself at given α).
    bandwidth_price, frequency_price : array (G,)
        λ and ν [1/Hz].
    """
    uplink = Uplink.of(network, groups.users, groups.server)
    work = Work.of(network, groups.users, groups.server)
    bandwidth, price = share_bandwidth(uplink, groups, network.bandwidth_max[groups.servers])
    upload = groups.total(uplink.cost(bandwidth, uplink.best_power(bandwidth)))
    equal = network.formulation.capacity == "equal"
    limit = network.server_frequency_max[groups.servers]
    if layers is None:
        split = split_layers(work, groups, limit, equal)
        rest, least, clock_price = split.value, split.bound, split.price
    else:
        own = layers[groups.users]
        clock, clock_price = share_clock(work, groups, own, limit, equal)
        rest = least = groups.total(work.cost(own, clock))
    empty = np.inf if equal else 0.0
    cost, bound = (np.where(groups.size > 0, upload + x, empty) for x in (rest, least))
    return cost, bound, price, clock_price
