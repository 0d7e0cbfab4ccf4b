"""User-server pairs and what they cost at a price of each server's bandwidth and clock.

V is the least cost of an upload that pays λ for its bandwidth, J the least cost of the layers, over
α in {1..Υ-1}, where the clock pays ν.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mecllm.allocation import Uplink, Work
from mecllm.allocation.enumeration import priced_layers
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network

# Part of the bend of a clock that is told where the clock is at its limit. With all of it steps
# are too short where one user has a server alone, with none they go to and fro over the limit.
_AT_CAP = 0.1


@dataclass(frozen=True, eq=False)
class Prices:
    """Multipliers λ of (9e) and ν of (9g), arrays (M,) [1/Hz]."""

    bandwidth: Array
    frequency: Array

    @property
    def both(self) -> Array:
        """Both rows of multipliers (2, M)."""
        return np.stack([self.bandwidth, self.frequency])


def price_units(network: Network, price: Array) -> Array:
    """Units in which prices are changed: themselves, or a share of the common level if below.

    An empty server's price is no unit to measure steps in.

    Parameters
    ----------
    price : array (2, M, ...)
        λ and ν [1/Hz], alone or several of each.

    Returns
    -------
    array
        Like `price`; positive.
    """
    size = np.abs(price)
    level = size.mean(axis=tuple(range(1, size.ndim)), keepdims=True)
    capacity = np.stack([network.bandwidth_max, network.server_frequency_max])
    capacity = capacity.reshape(*capacity.shape, *[1] * (size.ndim - 2))
    return np.maximum(size, np.where(level > 0, 0.1 * level, 1 / capacity))


@dataclass(frozen=True, eq=False)
class Pairs:
    """K pairs in the order of their users; each of the n users has one at least.

    Parameters
    ----------
    users, servers : int array (K,)
    """

    users: IntArray
    servers: IntArray

    @classmethod
    def every(cls, network: Network) -> Pairs:
        """All N·M pairs."""
        users = np.repeat(np.arange(network.users), network.servers)
        return cls(users, np.tile(np.arange(network.servers), network.users))

    @cached_property
    def start(self) -> IntArray:
        """First pair (n,) of each user."""
        return np.flatnonzero(np.diff(self.users, prepend=-1))

    @cached_property
    def row(self) -> IntArray:
        """Place (K,) of each pair's user among those here."""
        return np.repeat(np.arange(len(self.start)), np.diff(self.start, append=len(self.users)))

    def least(self, amount: Array) -> Array:
        """Minimum (n,) of an amount (K,) over each user's pairs."""
        return np.minimum.reduceat(amount, self.start)

    def parts(self, size: int) -> list[Pairs]:
        """Cut into parts of about so many pairs, no user's apart."""
        places = np.arange(0, len(self.users), size)
        user = np.searchsorted(self.start, places, side="right") - 1
        cuts = np.unique(self.start[user])[1:]
        parts = zip(np.split(self.users, cuts), np.split(self.servers, cuts), strict=True)
        return [Pairs(users, servers) for users, servers in parts]


@dataclass(frozen=True, eq=False)
class PairCosts(Pairs):
    """What each of K pairs costs at given prices.

    Parameters
    ----------
    uplink, work : Uplink, Work
        Constants of the pairs.
    """

    uplink: Uplink
    work: Work

    @classmethod
    def of(cls, network: Network, users: IntArray, servers: IntArray) -> PairCosts:
        """Take some pairs from a network.

        Parameters
        ----------
        users, servers : int array (K,)
            The pairs, in the order of their users.

        Returns
        -------
        PairCosts
            Over every α in {1..Υ-1}.
        """
        uplink, work = Uplink.of(network, users, servers), Work.of(network, users, servers)
        return cls(users, servers, uplink, work)

    @classmethod
    def every(cls, network: Network) -> PairCosts:
        """All N·M pairs and their constants."""
        pairs = Pairs.every(network)
        return cls.of(network, pairs.users, pairs.servers)

    def at(self, prices: Prices) -> tuple[Array, Array, Array]:
        """Return V + J, the bandwidth and the clock (K,) that attain it."""
        return self.at_each(prices.bandwidth[self.servers], prices.frequency[self.servers])

    def at_each(self, bandwidth_price: Array, frequency_price: Array) -> tuple[Array, Array, Array]:
        """Like `at`, with prices (K,) of each pair's own.

        Parameters
        ----------
        bandwidth_price, frequency_price : array (K,)
            λ and ν [1/Hz] of each pair.

        Returns
        -------
        cost, bandwidth, clock : array (K,)
            V + J, and the b [Hz] and f [Hz] that attain it.
        """
        upload, bandwidth = self.upload(bandwidth_price)
        _, clock, layers = priced_layers(self.work, frequency_price)
        return upload + layers, bandwidth, clock

    def curved(self, prices: Prices) -> tuple[Array, Array, Array]:
        """Return V + J, the amounts that attain it, and how they answer to the prices.

        Parameters
        ----------
        prices : Prices
            λ and ν.

        Returns
        -------
        cost : array (K,)
            V + J.
        amounts : array (2, K)
            b and f [Hz], the slopes of the cost.
        bends : array (2, K)
            -∂b/∂λ and -∂f/∂ν [Hz²], α kept. A clock that is all of the server's answers to no
            price until it does: its bend is a part of what it would be then.
        """
        price = prices.bandwidth[self.servers]
        if self.uplink.free:
            upload, bandwidth, bend = np.zeros((3, len(price)))
        else:
            bandwidth, power, elasticity = self.uplink.demand(price)
            upload = self.uplink.cost(bandwidth, power) + price * bandwidth
            bend = -bandwidth * elasticity / price
        layers, clock, least = priced_layers(self.work, prices.frequency[self.servers])
        part = np.where(clock < self.work.cap, 1.0, _AT_CAP)
        bends = np.stack([bend, part / self.work.firmness(layers, clock)])
        return upload + least, np.stack([bandwidth, clock]), bends

    def upload(self, price: Array) -> tuple[Array, Array]:
        """Return V and the bandwidth (K,) at a price λ (K,) of it."""
        if self.uplink.free:
            return np.zeros(len(price)), np.zeros(len(price))
        bandwidth, power, _ = self.uplink.demand(price)
        return self.uplink.cost(bandwidth, power) + price * bandwidth, bandwidth
