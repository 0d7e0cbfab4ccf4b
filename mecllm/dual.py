"""The Lagrangian dual of P2: at a price of each server's bandwidth and clock users fall apart.

    D(λ, ν) = Σ_n min_m [V_nm(λ_m) + J_nm(ν_m)] - Σ_m (λ_m b_m^max + ν_m f_m^max)

V is the least cost of an upload that pays λ for its bandwidth, J the least cost of the layers, over
α in {1..Υ-1}, where the clock pays ν. D is concave and at most the optimum of P2, whatever the
prices, as long as they are not negative where the capacities are inequalities.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from mecllm.allocation import Uplink, Work
from mecllm.errors import ScenarioError
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
    """Multipliers λ of (9e) and ν of (9g), arrays (M,) [1/Hz]."""

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
        start = np.flatnonzero(np.diff(users, prepend=-1))
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
        return self.at_each(prices.bandwidth[self.servers], prices.frequency[self.servers])

    def at_each(self, bandwidth_price: Array, frequency_price: Array) -> tuple[Array, Array, Array]:
        """Like `at`, with prices (K,) of each pair's own."""
        upload, bandwidth = self.upload(bandwidth_price)
        _, clock, layers = self.work.best_layers(frequency_price, self.low, self.high)
        return upload + layers, bandwidth, clock

    def upload(self, price: Array) -> tuple[Array, Array]:
        """Return V and the bandwidth (K,) at a price λ (K,) of it."""
        if self.uplink.free:
            return np.zeros(len(price)), np.zeros(len(price))
        bandwidth, _ = self.uplink.demand(price)
        cost = self.uplink.cost(bandwidth, self.uplink.best_power(bandwidth))
        return cost + price * bandwidth, bandwidth

    def between(self, one: Array, two: Array) -> PairCosts:
        """Keep only those α that are best at a price of the clock between two (K,) of one sign."""
        ends = [self.work.best_layers(price, self.low, self.high)[0] for price in (one, two)]
        return replace(self, low=np.minimum(*ends), high=np.maximum(*ends))

    def least(self, amount: Array) -> Array:
        """Minimum (N,) of an amount (K,) over each user's pairs."""
        return np.minimum.reduceat(amount, self.start)


def lower_bound(network: Network, prices: Prices) -> float:
    """D(λ, ν) less its rounding margin: a certified lower bound on P2, all N·M pairs seen.

    Pairs whose quick bound exceeds what the user has at another server are left out: they cannot
    be its minimum.
    """
    _check_sign(network, prices)
    inner = magnitude = 0.0
    for users, _, cost in screened(network, prices, 0.0):
        first = np.flatnonzero(np.diff(users, prepend=-1))
        least = np.minimum.reduceat(cost, first)
        inner, magnitude = inner + float(least.sum()), magnitude + float(np.abs(least).sum())
    paid = prices.bandwidth * network.bandwidth_max
    paid = paid + prices.frequency * network.server_frequency_max
    magnitude += float(np.abs(paid).sum())
    return inner - float(paid.sum()) - ROUNDING_MARGIN * magnitude


def screened(
    network: Network, prices: Prices, margin: float, most: int | None = None
) -> Iterator[tuple[IntArray, IntArray, Array]]:
    """Yield blocks of (users, servers, cost) of the pairs within a margin of the user's best.

    The margin is in units of the mean over the block of that best cost. No such pair is missed:
    left out are only pairs whose lower bound is above that; and, where a user has more than `most`
    of them, those of the greatest lower bounds.
    """
    kinds = _classes(network, prices)
    size = max(1, BLOCK // network.servers)
    blocks = [
        np.arange(first, min(first + size, network.users))
        for first in range(0, network.users, size)
    ]
    # NumPy works outside the interpreter's lock, and the order of the results is kept.
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(
            lambda users: _screen(network, prices, margin, most, users, kinds), blocks
        )


def _screen(
    network: Network,
    prices: Prices,
    margin: float,
    most: int | None,
    users: IntArray,
    kinds: IntArray,
) -> tuple[IntArray, IntArray, Array]:
    servers = np.arange(network.servers)
    rows = users[:, None]
    quick = Uplink.of(network, rows, servers).least_lagrangian(
        np.log(np.maximum(prices.bandwidth, 1e-200)), np.log(network.gain[users])
    )
    quick = quick + _layers_floor(network, prices, users, kinds)[:, kinds]
    best = PairCosts.of(network, users, np.argmin(quick, axis=1)).at(prices)[0]
    margin = margin * float(np.mean(np.abs(best)))
    limit = best + margin
    if most is not None and most < network.servers:
        limit = np.minimum(limit, np.partition(quick, most - 1, axis=1)[:, most - 1])
    row, server = np.nonzero(quick <= limit[:, None])
    # A user's quick best is always kept: its exact cost is not below its quick one.
    cost = PairCosts.of(network, users[row], server).at(prices)[0]
    first = np.flatnonzero(np.diff(row, prepend=-1))
    keep = cost <= np.minimum.reduceat(cost, first)[row] + margin
    return users[row[keep]], server[keep], cost[keep]


def _classes(network: Network, prices: Prices) -> IntArray:
    """Sort the servers by chip and price of the clock into CLASSES of like ones."""
    order = np.lexsort((prices.frequency, network.server_throughput, network.server_kappa))
    kinds = np.empty(network.servers, dtype=np.int64)
    kinds[order] = np.arange(network.servers) * min(CLASSES, network.servers) // network.servers
    return kinds


def _layers_floor(network: Network, prices: Prices, users: IntArray, kinds: IntArray) -> Array:
    """Lower bound (n, classes) on J: the cost rises with w, κ and ν and falls with the cap."""
    count = int(kinds.max()) + 1
    most = np.full((2, count), -np.inf)
    least = np.full((2, count), np.inf)
    np.maximum.at(most[0], kinds, network.server_throughput)
    np.maximum.at(most[1], kinds, network.server_frequency_max)
    np.minimum.at(least[0], kinds, network.server_kappa)
    np.minimum.at(least[1], kinds, prices.frequency)
    row, kind = np.repeat(users, count), np.tile(np.arange(count), len(users))
    work = Work.of(network, row, np.zeros(len(row), dtype=np.int64))
    work = replace(
        work,
        flops=network.flops_per_layer[row] / most[0][kind],
        cap=most[1][kind],
        kappa=least[0][kind],
    )
    return work.best_layers(least[1][kind])[2].reshape(len(users), count)


def _check_sign(network: Network, prices: Prices) -> None:
    if np.any(prices.bandwidth < 0) or not np.all(np.isfinite(prices.bandwidth)):
        raise ScenarioError("prices", "bandwidth", prices.bandwidth.min(), "finite numbers >= 0")
    signed = network.formulation.capacity == "equal"
    if not np.all(np.isfinite(prices.frequency)) or (not signed and np.any(prices.frequency < 0)):
        allowed = "finite numbers" + ("" if signed else " >= 0")
        raise ScenarioError("prices", "frequency", prices.frequency.min(), allowed)
