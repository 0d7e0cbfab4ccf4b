"""The costs of many pairs as cubic tables over prices: what a search for prices evaluates.

V and J of a pair are concave in the price, with the bandwidth and the clock as slopes, so that a
table of both interpolates well. V is tabulated for every pair over prices around its server's. J
does not know which of several like chips it is for: it is tabulated for each user and kind of chip,
over the prices of all servers of the kind. No table enters a bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Work
from mecllm.allocation.blocks import blocks
from mecllm.allocation.enumeration import layers_costs
from mecllm.allocation.logarithm import hermite
from mecllm.certified.pairs import PairCosts, Pairs, Prices
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network

# Pairs tabulated at a time: their arrays fit the processor's cache.
_BLOCK = 20_000
# A kind's prices may lie this many times as far apart as a server's own box before the cells of its
# table get wider.
_WIDEST = 10.0


@dataclass(frozen=True, eq=False)
class CubicTable:
    """T functions of a price between the nodes of their kind, as cubics in the share of a cell.

    Parameters
    ----------
    kind : int array (M,)
        Column of `nodes` for each server.
    column : int array (K,)
        Function of each pair.
    nodes : array (Q, C)
        Prices, increasing.
    cubics : array (4, (Q-1) T)
        Coefficients of the powers 0..3, cell by cell.
    """

    kind: IntArray
    column: IntArray
    nodes: Array
    cubics: Array

    @classmethod
    def of(
        cls, kind: IntArray, column: IntArray, nodes: Array, own: IntArray, ends: Array
    ) -> CubicTable:
        """Join values and slopes at nodes by cubics.

        Parameters
        ----------
        kind : int array (M,)
            Column of `nodes` for each server.
        column : int array (K,)
            Function of each pair.
        nodes : array (Q, C)
            Prices, increasing.
        own : int array (T,)
            Column of `nodes` for each function.
        ends : array (2, Q, T)
            Values and slopes at the nodes.

        Returns
        -------
        CubicTable
            Continuous with its slope.
        """
        cubics = np.empty((4, len(nodes) - 1, len(own)))
        for cell, step in enumerate(np.diff(nodes, axis=0)):
            value, slope = ends[:, cell : cell + 2]
            cubics[:, cell] = hermite(value, slope * step[own])[:, 0]
        return cls(kind, column, nodes, cubics.reshape(4, -1))

    def at(self, servers: IntArray, price: Array) -> tuple[Array, Array]:
        """Value and slope (K,) of each pair at its server's price (M,).

        Parameters
        ----------
        servers : int array (K,)
            Server of each pair.
        price : array (M,)
            Of each server, within its nodes.

        Returns
        -------
        value, slope : array (K,)
            Interpolated.
        """
        nodes = self.nodes[:, self.kind]
        cell = np.clip(np.sum(nodes <= price, axis=0) - 1, 0, len(nodes) - 2)
        pick = np.arange(len(price))
        left, width = nodes[cell, pick], nodes[cell + 1, pick] - nodes[cell, pick]
        share, inverse = (price - left) / width, 1 / width
        offset = cell * (self.cubics.shape[1] // (len(nodes) - 1))
        value, slope = np.empty((2, len(servers)))
        for block in blocks(len(servers), _BLOCK):
            server = servers[block]
            place = offset[server] + self.column[block]
            c0, c1, c2, c3 = (np.take(power, place) for power in self.cubics)
            t = share[server]
            value[block] = c0 + t * (c1 + t * (c2 + t * c3))
            slope[block] = (c1 + t * (2 * c2 + 3 * t * c3)) * inverse[server]
        return value, slope


@dataclass(frozen=True, eq=False)
class CostTables(Pairs):
    """V and J of each pair over boxes of prices."""

    upload: CubicTable
    layers: CubicTable

    @classmethod
    def of(
        cls, network: Network, pairs: Pairs, low: Prices, high: Prices, nodes: int
    ) -> CostTables:
        """Tabulate V at so many prices of each server, and J as finely in its box.

        Parameters
        ----------
        pairs : Pairs
            K pairs.
        low, high : Prices
            The box.
        nodes : int
            Prices of a table of V.

        Returns
        -------
        CostTables
            Of the pairs.
        """
        upload = _upload_table(network, pairs, _nodes(low.bandwidth, high.bandwidth, nodes))
        layers = _layers_table(network, pairs, low.frequency, high.frequency, nodes)
        return cls(pairs.users, pairs.servers, upload, layers)

    def at(self, prices: Prices) -> tuple[Array, Array, Array]:
        """V + J, bandwidth and clock (K,), interpolated."""
        upload, bandwidth = self.upload.at(self.servers, prices.bandwidth)
        layers, clock = self.layers.at(self.servers, prices.frequency)
        return upload + layers, bandwidth, clock


def _upload_table(network: Network, pairs: Pairs, prices: Array) -> CubicTable:
    ends = np.empty((2, len(prices), len(pairs.users)))
    for block in blocks(len(pairs.users), _BLOCK):
        costs = PairCosts.of(network, pairs.users[block], pairs.servers[block])
        for i, price in enumerate(prices):
            ends[:, i, block] = costs.upload(price[pairs.servers[block]])
    column = np.arange(len(pairs.users))
    return CubicTable.of(np.arange(network.servers), column, prices, pairs.servers, ends)


def _layers_table(
    network: Network, pairs: Pairs, low: Array, high: Array, nodes: int
) -> CubicTable:
    chips = [network.server_kappa, network.server_throughput, network.server_frequency_max]
    _, first, kind = np.unique(np.stack(chips), axis=1, return_index=True, return_inverse=True)
    prices = _shared_nodes(kind, low, high, nodes)
    rows, column = np.unique(pairs.users * len(first) + kind[pairs.servers], return_inverse=True)
    users, chip = np.divmod(rows, len(first))
    ends = np.empty((2, len(prices), len(rows)))
    for block in blocks(len(rows), _BLOCK):
        work = Work.of(network, users[block], first[chip[block]])
        ends[:, :, block] = layers_costs(work, prices[:, chip[block]])
    return CubicTable.of(kind, column, prices, chip, ends)


def _nodes(low: Array, high: Array, count: int) -> Array:
    """Prices (count, C) between two, evenly spaced in the logarithm if they are positive."""
    share = np.linspace(0, 1, count)[:, None]
    if np.any(low < 0):
        return low + share * (high - low)
    # From a price of zero the first cell reaches to a share of the last that others start at.
    widest = np.max(high[low > 0] / low[low > 0], initial=100.0)
    start = np.where(low > 0, low, high / widest)
    nodes = start * (high / start) ** share
    nodes[0] = low
    return nodes


def _shared_nodes(kind: IntArray, low: Array, high: Array, count: int) -> Array:
    """Prices for each kind of chip, as densely as `count` of them between those of one server."""
    kinds = int(kind.max()) + 1
    least, most = np.full(kinds, np.inf), np.full(kinds, -np.inf)
    np.minimum.at(least, kind, low)
    np.maximum.at(most, kind, high)
    if np.any(low < 0):
        wider = (most - least)[kind] / (high - low)
    else:
        positive = low > 0
        floor = np.full(kinds, np.inf)
        np.minimum.at(floor, kind[positive], low[positive])
        own = kind[positive]
        wider = np.log(most[own] / floor[own]) / np.log(high[positive] / low[positive])
    factor = float(np.max(wider, initial=1.0))
    return _nodes(least, most, int(np.ceil((count - 1) * min(factor, _WIDEST))) + 1)
