"""The Lagrangian dual of P2: at a price of each server's bandwidth and clock users fall apart.

    D(λ, ν) = Σ_n min_m [V_nm(λ_m) + J_nm(ν_m)] - Σ_m (λ_m b_m^max + ν_m f_m^max)

V is the least cost of an upload that pays λ for its bandwidth, J the least cost of the layers, over
α in {1..Υ-1}, where the clock pays ν. D is concave and at most the optimum of P2, whatever the
prices, as long as they are not negative where the capacities are inequalities.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Uplink, Work
from mecllm.network import Array, IntArray, Network

# Pairs in one block of the screening: 2e6 doubles are 16 MB an array.
BLOCK = 2_000_000
# Servers are put into this many classes, of which the cheapest traits bound the cost of the layers.
CLASSES = 8
# Each term of D carries a relative rounding error of some 1e-14 (a few dozen operations, Newton's
# residual of 1e-12 enters squared, as the terms are minima); this covers it a hundred times.
ROUNDING_MARGIN = 1e-12


@dataclass(frozen=True, eq=False)
class Prices:
    """λ (M,) and ν (M,) [1/Hz], multipliers of (9e) and (9g)."""

    bandwidth: Array
    frequency: Array


@dataclass(frozen=True, eq=False)
class PairCosts:
    """What each of K user-server pairs costs at given prices; sorted by user.

    Parameters
    ----------
    users, servers : int array (K,)
    start : int array (N,)
        First pair of each user; every user has one.
    uplink, work : Uplink, Work
        Constants of the pairs.
    low, high : int array (K,)
        Bounds on the best α of the pair.
    """

    users: IntArray
    servers: IntArray
    start: IntArray
    uplink: Uplink
    work: Work
    low: IntArray
    high: IntArray

    @classmethod
    def of(cls, network: Network, users: IntArray, servers: IntArray) -> PairCosts:
        """Pairs in the order of their users, with every α open."""
        start = np.searchsorted(users, np.arange(network.users))
        one = np.ones(len(users), dtype=np.int64)
        uplink, work = Uplink.of(network, users, servers), Work.of(network, users, servers)
        return cls(users, servers, start, uplink, work, one, one * (network.layers - 1))

    @classmethod
    def every(cls, network: Network) -> PairCosts:
        """All N·M pairs."""
        users = np.repeat(np.arange(network.users), network.servers)
        return cls.of(network, users, np.tile(np.arange(network.servers), network.users))

    def at(self, prices: Prices) -> tuple[Array, Array, Array]:
        """Return V + J, the bandwidth and the clock (K,) that attain it."""
        price = prices.bandwidth[self.servers]
        bandwidth, _ = self.uplink.demand(price)
        if self.uplink.free:
            upload = np.zeros(len(self.users))
            bandwidth = upload
        else:
            power = self.uplink.best_power(bandwidth)
            upload = self.uplink.cost(bandwidth, power) + price * bandwidth
        _, clock, layers = self.work.best_layers(
            prices.frequency[self.servers], self.low, self.high
        )
        return upload + layers, bandwidth, clock

    def least(self, amount: Array) -> Array:
        """Minimum (N,) of an amount (K,) over each user's pairs."""
        return np.minimum.reduceat(amount, self.start)
