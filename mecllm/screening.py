"""Which pairs can matter at given prices: the others are bounded away without being looked at.

A pair costs at least what a table says of its upload and what the best traits of its server's class
say of its layers. Where gains follow from distances only the nearest servers are asked for; any
other is at most as well heard as the farthest of them, and more are asked for until that excludes
the rest. Work and memory grow with the users, not with the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mecllm.allocation import Uplink, Work
from mecllm.allocation.communication import LEAST_PRICE
from mecllm.gain import DistanceGain
from mecllm.network import Array, IntArray, Network
from mecllm.pairs import PairCosts, Pairs, Prices, blocks

# Pairs in one block: 250,000 doubles are 2 MB an array.
BLOCK = 250_000
# Servers asked for first, where only the nearest are, and how many times as many the next time.
FIRST, FACTOR = 32, 2
# Servers are put into this many classes, of which the best traits bound the cost of the layers.
CLASSES = 8


def near(network: Network, prices: Prices, reach: float) -> tuple[Pairs, Array]:
    """Pairs that cost at most 1 + reach times the user's best, and their costs (K,).

    No such pair is missed.
    """
    pairs = candidates(network, prices, reach)
    cost = np.empty(len(pairs.users))

    def fill(block: slice) -> None:
        users, servers = pairs.users[block], pairs.servers[block]
        cost[block] = PairCosts.of(network, users, servers).at(prices)[0]

    _spread(fill, len(cost), BLOCK)
    least = pairs.least(cost)
    keep = cost <= (least + reach * np.abs(least))[pairs.users]
    return Pairs(pairs.users[keep], pairs.servers[keep]), cost[keep]


def candidates(network: Network, prices: Prices, reach: float, most: int | None = None) -> Pairs:
    """Pairs whose lower bound is at most 1 + reach times the user's best cost.

    Where a user has more than `most` of them, those of the greatest lower bounds are left out.
    """
    screen = _Screen(network, prices, reach, most)
    first = FIRST if isinstance(network.gain, DistanceGain) else network.servers
    size = max(1, BLOCK // min(first, network.servers))

    def look(block: slice) -> Pairs:
        parts = list(screen.pairs(np.arange(network.users)[block], first))
        users, servers = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.lexsort((servers, users))
        return Pairs(users[order], servers[order])

    found = _spread(look, network.users, size)
    return Pairs(
        np.concatenate([part.users for part in found]),
        np.concatenate([part.servers for part in found]),
    )


def _spread(work: Callable[[slice], Any], count: int, size: int) -> list[Any]:
    """Results of some work on slices of a range, in their order.

    NumPy works outside the interpreter's lock.
    """
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, blocks(count, size)))


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
            floor = self._layers_floor(users)
            gain = network.gain[users[:, None], servers]
            quick = self._upload_floor(users, gain, self.prices.bandwidth[servers])
            quick = quick + np.take_along_axis(floor, self.kinds[servers], axis=1)
            likely = np.take_along_axis(servers, np.argmin(quick, axis=1)[:, None], axis=1)[:, 0]
            best = PairCosts.of(network, users, likely).at(self.prices)[0]
            limit = best + self.reach * np.abs(best)
            if self.most is not None and self.most < servers.shape[1]:
                limit = np.minimum(limit, np.partition(quick, self.most - 1)[:, self.most - 1])
            # A user's quick best is kept: its exact cost is not below its quick one.
            keep = quick <= limit[:, None]
            if servers.shape[1] < network.servers:
                # Whoever is not asked for is heard at most as well as the worst of these.
                rest = self._upload_floor(users, gain.min(axis=1)[:, None], self._class_prices[0])
                more = np.min(rest + floor, axis=1) <= limit
                keep[more] = False
            else:
                more = np.zeros(len(users), dtype=bool)
            row, column = np.nonzero(keep)
            yield users[row], servers[row, column]
            users, count = users[more], FACTOR * count

    def _nearest(self, users: IntArray, count: int) -> IntArray:
        gain, servers = self.network.gain, self.network.servers
        if isinstance(gain, DistanceGain) and count < servers:
            return gain.nearest(users, count)
        return np.broadcast_to(np.arange(servers), (len(users), servers))

    @cached_property
    def kinds(self) -> IntArray:
        """Class (M,) of each server: like chips, like prices of the clock."""
        network = self.network
        count = min(CLASSES, network.servers)
        order = np.lexsort((self.prices.frequency, network.server_throughput, network.server_kappa))
        kinds = np.empty(network.servers, dtype=np.int64)
        kinds[order] = np.arange(network.servers) * count // network.servers
        return kinds

    @cached_property
    def _class_prices(self) -> tuple[Array, Array]:
        """Least λ and ν of each class."""
        least = np.full((2, int(self.kinds.max()) + 1), np.inf)
        np.minimum.at(least[0], self.kinds, self.prices.bandwidth)
        np.minimum.at(least[1], self.kinds, self.prices.frequency)
        return least[0], least[1]

    def _upload_floor(self, users: IntArray, gain: Array, price: Array) -> Array:
        """Lower bound on V at gains (n, k) and prices λ that broadcast with them."""
        uplink = Uplink.of(self.network, users[:, None], np.zeros((1, 1), dtype=np.int64))
        return uplink.least_lagrangian(np.log(np.maximum(price, LEAST_PRICE)), np.log(gain))

    def _layers_floor(self, users: IntArray) -> Array:
        """Lower bound (n, classes) on J: it rises with w, κ and ν and falls with the cap."""
        network, kinds = self.network, self.kinds
        least = self._class_prices[1]
        count = len(least)
        most, kappa = np.full((2, count), -np.inf), np.full(count, np.inf)
        np.maximum.at(most[0], kinds, network.server_throughput)
        np.maximum.at(most[1], kinds, network.server_frequency_max)
        np.minimum.at(kappa, kinds, network.server_kappa)
        row, kind = np.repeat(users, count), np.tile(np.arange(count), len(users))
        work = Work.of(network, row, np.zeros(len(row), dtype=np.int64))
        work = replace(
            work,
            flops=network.flops_per_layer[row] / most[0][kind],
            cap=most[1][kind],
            kappa=kappa[kind],
        )
        return work.best_layers(least[kind])[2].reshape(len(users), count)
