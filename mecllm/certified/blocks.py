"""Networks too large for one piece: solved block by block, certified as a whole.

At common prices users are independent, and where gains follow from distances a server's price
depends on what is near. A block is some neighbouring servers with the users that hear one of them
best. It is solved by `priced` together with a border, the servers around it and their users, and
only its own prices and associations are kept. The prices of all blocks together give one bound,
D(λ, ν) over all N·M pairs, valid at any prices; the associations give one decision, whose servers
share themselves out as in one piece. What the borders cost is therefore in the gap. Beside the
network and its decision no more is held than the blocks under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from mecllm.allocation import Allocation, allocate
from mecllm.certified.dual import dual_value
from mecllm.certified.pairs import Prices
from mecllm.certified.pricing import Priced, priced
from mecllm.certified.screening import near
from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.geometry import DistanceGain
from mecllm.system.model import Decision
from mecllm.system.network import PER_USER, Network

# Users of a block: some gigabytes, and a border of a third of its area.
_USERS = 1_000_000
# A border holds the nearest so many servers of each server of the block: eight deep. A price that
# is wrong is wrong by a factor of e less every two servers further; at ten servers a square
# kilometre and 100,000 users in two blocks the gap is 1.5e-4 with 64, 4.5e-5 with 128 and 2.7e-5
# with 200, and 2.4e-5 in one piece.
_BORDER = 200
_PER_SERVER = (
    "server_throughput",
    "server_kappa",
    "server_frequency_max",
    "bandwidth_max",
    "server_slots",
    "server_position",
)

_Result = TypeVar("_Result")


class Run(Protocol):
    """What computes the blocks, anywhere and in any order, as `study.jobs.completed` does."""

    def __call__(
        self,
        work: Callable[..., _Result],
        jobs: Iterable[int],
        arguments: Callable[[int], tuple[Any, ...]],
    ) -> Iterator[tuple[int, _Result]]:
        """Yield each job with what the work makes of its arguments."""
        ...


def _in_turn(
    work: Callable[..., _Result],
    jobs: Iterable[int],
    arguments: Callable[[int], tuple[Any, ...]],
) -> Iterator[tuple[int, _Result]]:
    for job in jobs:
        yield job, work(*arguments(job))


def priced_in_blocks(network: Network, users: int = _USERS, run: Run = _in_turn) -> Priced:
    """Solve P2 by its prices, block by block, and certify the result.

    The result is the same whoever computes the blocks and in whichever order.

    Parameters
    ----------
    users : int
        About how many a block has at most, beside its border.
    run : callable
        Computes the blocks; in this process, one after the other, by default.

    Returns
    -------
    Priced
        As of `priced`; its history is the objective alone.

    Raises
    ------
    ScenarioError
        For a network whose gains do not follow from distances.
    """
    members = _Members.of(network.nearest(), network.servers)
    tiles = _tiles(_distances(network).servers, members.size, users)
    prices, association = _priced(network, members, tiles, run)
    association = fill_empty(network, association)
    bound = dual_value(network, prices, _least(network, members, tiles, prices, run))
    allocation = _allocated(network, association, tiles, run)
    return Priced(allocation, prices, bound, bound, (allocation.objective,))


def _distances(network: Network) -> DistanceGain:
    if not isinstance(network.gain, DistanceGain):
        allowed = "gains that follow from planar distances, as of large drawn networks"
        raise ScenarioError("network", "gain", "a matrix", allowed)
    return network.gain


@dataclass(frozen=True, eq=False)
class _Members:
    """Users by server: `order` (N,) has them one by one, `start` (M + 1,) where each begins."""

    order: IntArray
    start: IntArray

    @classmethod
    def of(cls, association: IntArray, servers: int) -> _Members:
        size = np.bincount(association, minlength=servers)
        return cls(np.argsort(association, kind="stable"), np.concatenate([[0], np.cumsum(size)]))

    @property
    def size(self) -> IntArray:
        return np.diff(self.start)

    def inhabited(self, tiles: list[IntArray]) -> list[int]:
        """Return which blocks have users."""
        return [place for place, servers in enumerate(tiles) if self.size[servers].any()]

    def of_servers(self, servers: IntArray) -> IntArray:
        """Users of some servers."""
        parts = [self.order[self.start[m] : self.start[m + 1]] for m in servers]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _tiles(position: Array, weight: IntArray, most: int) -> list[IntArray]:
    """Cut servers in halves along the longer side until none weighs more than a limit."""
    done, left = [], [np.arange(len(position))]
    while left:
        servers = left.pop()
        if weight[servers].sum() <= most or len(servers) == 1:
            done.append(servers)
            continue
        axis = np.argmax(np.ptp(position[servers], axis=0))
        order = servers[np.argsort(position[servers, axis], kind="stable")]
        half = np.searchsorted(np.cumsum(weight[order]), weight[order].sum() / 2) + 1
        half = min(half, len(order) - 1)
        left += [order[half:], order[:half]]
    return done


def _part(network: Network, users: IntArray, servers: IntArray) -> Network:
    """Return a network of some users and servers.

    Where users are fewer than servers some must be idle, here if not in the whole.
    """
    gain, formulation = _distances(network), network.formulation
    if len(users) < len(servers):
        formulation = replace(formulation, capacity="at_most")
    rows = {name: getattr(network, name)[users] for name in (*PER_USER, "user_position")}
    columns = {name: getattr(network, name)[servers] for name in _PER_SERVER}
    gain = replace(gain, users=gain.users[users], servers=gain.servers[servers])
    whole: dict[str, Any] = {"normalized_by": "", "formulation": formulation, "gain": gain}
    return replace(network, **whole, **rows, **columns)


def _priced(
    network: Network, members: _Members, tiles: list[IntArray], run: Run
) -> tuple[Prices, IntArray]:
    """Prices (M,) and associations (N,) of all blocks."""
    gain = _distances(network)
    around = replace(gain, users=gain.servers)
    count = min(_BORDER, network.servers)

    def block(tile: int) -> tuple[IntArray, IntArray]:
        """Servers, the block's own first, and users, likewise."""
        own = tiles[tile]
        border = np.setdiff1d(around.nearest(own, count), own)
        return np.concatenate([own, border]), np.concatenate(
            [members.of_servers(own), members.of_servers(border)]
        )

    def arguments(tile: int) -> tuple[Network]:
        servers, users = block(tile)
        return (_part(network, users, servers),)

    # A block without users asks for nothing, and no price is wrong for a bound.
    prices = Prices(np.zeros(network.servers), np.zeros(network.servers))
    association = np.empty(network.users, dtype=np.int64)
    for tile, (found, chosen) in run(_one, members.inhabited(tiles), arguments):
        servers, _ = block(tile)
        own = tiles[tile]
        users = members.of_servers(own)
        prices.bandwidth[own] = found.bandwidth[: len(own)]
        prices.frequency[own] = found.frequency[: len(own)]
        association[users] = servers[chosen[: len(users)]]
    return prices, association


def _one(network: Network) -> tuple[Prices, IntArray]:
    found = priced(network)
    return found.prices, found.allocation.decision.association


def _least(
    network: Network, members: _Members, tiles: list[IntArray], prices: Prices, run: Run
) -> Array:
    """Least cost (N,) of each user at the prices, over all servers."""
    every = np.arange(network.servers)

    def arguments(tile: int) -> tuple[Network, Prices]:
        return _part(network, members.of_servers(tiles[tile]), every), prices

    least = np.empty(network.users)
    for tile, found in run(_least_of, members.inhabited(tiles), arguments):
        least[members.of_servers(tiles[tile])] = found
    return least


def _least_of(network: Network, prices: Prices) -> Array:
    pairs, cost = near(network, prices, 0.0)
    return pairs.least(cost)


def _allocated(
    network: Network, association: IntArray, tiles: list[IntArray], run: Run
) -> Allocation:
    """Resources at an association, the servers of a block at a time."""
    members = _Members.of(association, network.servers)
    place = np.empty(network.servers, dtype=np.int64)
    for own in tiles:
        place[own] = np.arange(len(own))

    def arguments(tile: int) -> tuple[Network, IntArray]:
        users = members.of_servers(tiles[tile])
        return _part(network, users, tiles[tile]), place[association[users]]

    blocks = Decision(association, *np.ones((5, network.users)))
    price = Prices(np.zeros(network.servers), np.zeros(network.servers))
    values = np.zeros((2, len(tiles)))
    for tile, found in run(allocate, members.inhabited(tiles), arguments):
        own, users = tiles[tile], members.of_servers(tiles[tile])
        for key in _BLOCKS:
            getattr(blocks, key)[users] = getattr(found.decision, key)
        price.bandwidth[own], price.frequency[own] = found.bandwidth_price, found.frequency_price
        values[:, tile] = found.objective, found.lower_bound
    return Allocation(blocks, price.bandwidth, price.frequency, *map(float, values.sum(axis=1)))


_BLOCKS = ("local_layers", "power", "bandwidth", "user_frequency", "server_frequency")
