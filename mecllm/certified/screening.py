"""Which pairs can matter at given prices: the others are bounded away without being looked at.

A pair costs at least what a table says of its upload and what the best traits of its server's class
say of its layers. Where gains follow from distances only the nearest servers are asked for; any
other is at most as well heard as the farthest of them, and more are asked for until that excludes
the rest. Work and memory grow with the users, not with the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mecllm.allocation import Uplink, Work
from mecllm.allocation.blocks import blocks, spread
from mecllm.allocation.communication import LEAST_PRICE
from mecllm.allocation.enumeration import layers_costs
from mecllm.allocation.logarithm import (
    curvature,
    free_price,
    log_free_ratio,
    root,
    stopped_price,
)
from mecllm.certified.pairs import PairCosts, Pairs, Prices
from mecllm.system.arrays import Array, IntArray
from mecllm.system.geometry import DistanceGain
from mecllm.system.network import Network

# Pairs in one block: 250,000 doubles are 2 MB an array.
_BLOCK = 250_000
# So few pairs are sooner costed than bounded.
_FEW = 2_000
# Servers asked for first, where only the nearest are, and how many times as many the next time.
_FIRST, _FACTOR = 32, 2
# Kinds of chips that are told apart, and prices at which the cost of the layers of each is known.
_KINDS, _NODES = 8, 8
# ln of the tabulated value has a second derivative below 1/4; on 4096 cells over a range of 200
# linear interpolation errs by less than (200/4096)²/32 = 8e-5.
_TABLE_SLACK = 1e-4


def near(network: Network, prices: Prices, reach: float) -> tuple[Pairs, Array]:
    """Pairs that cost at most 1 + reach times the user's best, and their costs (K,).

    No such pair is missed.

    Parameters
    ----------
    prices : Prices
        λ and ν.
    reach : float
        Share of the user's best cost that a pair may cost more.

    Returns
    -------
    pairs : Pairs
        K pairs, each user's best among them.
    cost : array (K,)
        V + J at the prices.
    """
    pairs = candidates(network, prices, reach)
    cost = np.empty(len(pairs.users))

    def fill(block: slice) -> None:
        users, servers = pairs.users[block], pairs.servers[block]
        cost[block] = PairCosts.of(network, users, servers).at(prices)[0]

    spread(fill, blocks(len(cost), _BLOCK))
    least = pairs.least(cost)
    keep = cost <= (least + reach * np.abs(least))[pairs.users]
    return Pairs(pairs.users[keep], pairs.servers[keep]), cost[keep]


def candidates(network: Network, prices: Prices, reach: float, most: int | None = None) -> Pairs:
    """Pairs whose lower bound is at most 1 + reach times the user's best cost.

    Where a user has more than `most` of them, those of the greatest lower bounds are left out.

    Parameters
    ----------
    prices : Prices
        λ and ν.
    reach : float
        Share of the user's best cost that a pair may cost more.
    most : int, optional
        Most pairs of a user, but for ties; no limit by default.

    Returns
    -------
    Pairs
        All that `near` would keep where `most` is not given, and some others.
    """
    if network.users * network.servers <= _FEW:
        return Pairs.every(network)
    screen = _Screen(network, prices, reach, most)
    first = _FIRST if isinstance(network.gain, DistanceGain) else network.servers
    size = max(1, _BLOCK // min(first, network.servers))

    def look(block: slice) -> Pairs:
        parts = list(screen.pairs(np.arange(network.users)[block], first))
        users, servers = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.lexsort((servers, users))
        return Pairs(users[order], servers[order])

    found = spread(look, blocks(network.users, size))
    return Pairs(
        np.concatenate([part.users for part in found]),
        np.concatenate([part.servers for part in found]),
    )


@dataclass(frozen=True, eq=False)
class _Screen:
    network: Network
    prices: Prices
    reach: float
    most: int | None

    def pairs(self, users: IntArray, count: int) -> Iterator[tuple[IntArray, IntArray]]:
        """Pairs of some users; who needs more than `count` servers comes with those who do."""
        network = self.network
        while len(users):
            servers = self._nearest(users, count)
            gain = network.gain[users[:, None], servers]
            layers = self._layers_at_nodes(users)
            quick = self._upload_floor(users, gain, self.prices.bandwidth[servers])
            quick = quick + self._layers_floor(layers, servers)
            likely = np.take_along_axis(servers, np.argmin(quick, axis=1)[:, None], axis=1)[:, 0]
            best = PairCosts.of(network, users, likely).at(self.prices)[0]
            limit = best + self.reach * np.abs(best)
            if self.most is not None and self.most < servers.shape[1]:
                limit = np.minimum(limit, np.partition(quick, self.most - 1)[:, self.most - 1])
            # A user's quick best is kept: its exact cost is not below its quick one.
            keep = quick <= limit[:, None]
            if servers.shape[1] < network.servers:
                # Whoever is not asked for is heard at most as well as the worst of these.
                bandwidth_price, node = self._cells
                rest = self._upload_floor(users, gain.min(axis=1)[:, None], bandwidth_price)
                more = np.min(rest + layers[:, node], axis=1) <= limit
                keep[more] = False
            else:
                more = np.zeros(len(users), dtype=bool)
            row, column = np.nonzero(keep)
            yield users[row], servers[row, column]
            users, count = users[more], _FACTOR * count

    def _nearest(self, users: IntArray, count: int) -> IntArray:
        gain, servers = self.network.gain, self.network.servers
        if isinstance(gain, DistanceGain) and count < servers:
            return gain.nearest(users, count)
        return np.broadcast_to(np.arange(servers), (len(users), servers))

    @cached_property
    def _kinds(self) -> IntArray:
        """Kind (M,) of each server's chip; where there are too many, of chips like it."""
        network = self.network
        chips = (network.server_kappa, network.server_throughput, network.server_frequency_max)
        kinds = np.unique(np.stack(chips), axis=1, return_inverse=True)[1]
        most = int(kinds.max()) + 1
        return kinds if most <= _KINDS else kinds * _KINDS // most

    @cached_property
    def _nodes(self) -> Array:
        """Prices ν (kinds, _NODES) that have as many servers of a kind between them."""
        level = np.linspace(0, 1, _NODES)
        own = (self.prices.frequency[self._kinds == kind] for kind in range(self._kinds.max() + 1))
        return np.stack([np.quantile(price, level) for price in own])

    @cached_property
    def _place(self) -> tuple[IntArray, Array]:
        """The node (M,) below each server's ν, counted over all kinds, and its share of the way."""
        nodes, price = self._nodes[self._kinds], self.prices.frequency
        cell = np.clip(np.sum(nodes <= price[:, None], axis=1) - 1, 0, _NODES - 2)
        left, right = (nodes[np.arange(len(price)), cell + i] for i in (0, 1))
        share = (price - left) / np.where(right > left, right - left, 1.0)
        return _NODES * self._kinds + cell, share

    @cached_property
    def _cells(self) -> tuple[Array, IntArray]:
        """Least λ of the servers above each node that has some, and those nodes."""
        node, place = np.unique(self._place[0], return_inverse=True)
        least = np.full(len(node), np.inf)
        np.minimum.at(least, place, self.prices.bandwidth)
        return least, node

    def _upload_floor(self, users: IntArray, gain: Array, price: Array) -> Array:
        """Lower bound on V at gains (n, k) and prices λ that broadcast with them."""
        uplink = Uplink.of(self.network, users[:, None], np.zeros((1, 1), dtype=np.int64))
        return _least_upload(uplink, np.log(np.maximum(price, LEAST_PRICE)), np.log(gain))

    def _layers_floor(self, layers: Array, servers: IntArray) -> Array:
        """Lower bound (n, k) on J, which is concave in ν and so above the chords between nodes."""
        node, share = (x[servers] for x in self._place)
        left, right = (np.take_along_axis(layers, node + i, axis=1) for i in (0, 1))
        return left + share * (right - left)

    def _layers_at_nodes(self, users: IntArray) -> Array:
        """Lower bound (n, kinds · _NODES) on J: it rises with w, κ and ν and falls with the cap.

        It buys 1.7 times at 5,000 users.
        """
        network, kinds, nodes = self.network, self._kinds, self._nodes
        most, kappa = np.full((2, len(nodes)), -np.inf), np.full(len(nodes), np.inf)
        np.maximum.at(most[0], kinds, network.server_throughput)
        np.maximum.at(most[1], kinds, network.server_frequency_max)
        np.minimum.at(kappa, kinds, network.server_kappa)
        row, kind = np.repeat(users, len(nodes)), np.tile(np.arange(len(nodes)), len(users))
        work = Work.of(network, row, np.zeros(len(row), dtype=np.int64))
        work = replace(
            work,
            flops=network.flops_per_layer[row] / most[0][kind],
            cap=most[1][kind],
            kappa=kappa[kind],
        )
        return layers_costs(work, nodes[kind].T)[0].T.reshape(len(users), -1)


def _least_upload(uplink: Uplink, log_price: Array, log_gain: Array) -> Array:
    """Quick lower bound on min over (p, b) of cost + λ b, for screening many pairs.

    Drops the bounds on p where p is free between them, which leaves a function of one number,
    tabulated here; `_TABLE_SLACK` covers the interpolation. Arrays broadcast against the gain's.
    """
    if uplink.free:
        return np.zeros(np.broadcast_shapes(log_price.shape, log_gain.shape))
    log_bit = np.log(uplink.payload) + np.log(np.log(2))
    if uplink.delay > 0 and uplink.energy > 0:
        target = np.log(uplink.delay) - 2 * np.log(uplink.energy) - log_bit
        scale = log_bit + np.log(uplink.energy * uplink.noise)
        forward = free_price
    else:
        power = uplink.power_min if uplink.delay == 0 else uplink.power_max
        log_cost = np.log(uplink.delay + uplink.energy * power)
        target = 2 * np.log(power) - log_bit - log_cost
        scale = log_bit + log_cost + np.log(uplink.noise) - np.log(power)
        forward = stopped_price
    argument = log_price + 2 * log_gain + (target - 2 * np.log(uplink.noise))
    low, high = float(argument.min()), float(argument.max())
    grid = np.linspace(low, max(high, low + 1.0), 4097)
    u = root(grid, forward)
    curve = curvature(u)
    if forward is free_price:
        value = np.log(np.exp(u) + np.exp(log_free_ratio(u, curve)) / u)
    else:
        value = u + np.log(-np.expm1(-u)) + np.log(1 / u + curve)
    place = (argument - low) * (4096 / (grid[-1] - low))
    cell = np.minimum(place.astype(np.int32), 4095)
    rise = np.diff(value)
    table = value[cell] + (place - cell) * rise[cell]
    return np.exp(scale - log_gain + table - _TABLE_SLACK)
