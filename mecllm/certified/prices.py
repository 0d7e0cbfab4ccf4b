"""Prices that maximise the dual of P2.

On a network that is not large by an interior point over all pairs. Where that does not settle, each
user's minimum over its servers is smoothed by a soft minimum, whose temperature falls, and L-BFGS-B
does the rest. On a large network this is done in rounds: on a sample of the users, then on all,
over the pairs that matter each time, V and J tabulated over a range of prices (piecewise cubic;
their slopes are the bandwidth and the clock). No table enters a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mecllm.allocation import allocate
from mecllm.allocation.blocks import spread
from mecllm.certified.dual import lower_bound
from mecllm.certified.interior import interior_prices
from mecllm.certified.pairs import PairCosts, Pairs, Prices, price_units
from mecllm.certified.screening import candidates
from mecllm.certified.tables import CostTables
from mecllm.system.arrays import Array, IntArray
from mecllm.system.geometry import DistanceGain
from mecllm.system.network import PER_USER, Network

# A network with at most so many pairs is solved with all of them, untabulated: with more the rounds
# are faster.
_SMALL = 50_000
# A step of the interior point solves two equations a server: with more of them the smoothed descent
# is faster.
_SERVERS = 200
# Temperatures of that, in units of a user's mean cost, and steps at each.
_TEMPERATURES = (0.03, 0.003, 3e-4)
_STEPS = 30
# Users per server in the sample of the first round; with fewer its prices say little.
_SAMPLE_LOAD = 12


@dataclass(frozen=True)
class _Round:
    """One round on a large network.

    Parameters
    ----------
    box : float
        Factor by which prices may leave their start.
    reach : float
        Pairs kept: dearer than the user's best by at most this share of it.
    most : int
        Pairs kept of a user. With few the first round would never see the servers whose prices
        have to fall, and at a high temperature users would lean on fewer servers than they have.
    temperatures : tuple of float
    nodes : int
        Prices of a table. Cubic pieces over a factor of 2 err by 1e-3 of a cost, of 1.2 by 1e-6.
    """

    box: float
    reach: float
    most: int
    temperatures: tuple[float, ...]
    nodes: int


# On the repaired track the sample tells nine prices of ten to 15 %; where it tells them worse, the
# next round is repeated. A cost grows at most as fast as the prices: a pair beyond box² - 1 of the
# best cannot become the best within the box. The last round reaches that far.
_COARSE = (_Round(16.0, 1.0, 40, (0.1,), 7), _Round(3.0, 0.4, 40, (0.03, 0.01), 6))
_FINE = _Round(1.35, 0.15, 10, (0.003, 0.001), 5)
# With more users the last round would take a third of the time; the bound is 4e-6 lower without it.
_FINEST, _FINEST_USERS = _Round(1.04, 0.08, 20, (3e-4,), 4), 20_000
# A round after which more than this share of the prices is at a limit of its box is done again
# from there, at most so many times. Prices may wander where pairs are left out: D has to rise.
_STUCK, _REPEATS = 0.01, 20
# A price nearer than this to a limit, in widths of the box, is at it.
_AT_LIMIT = 1e-6
# Pairs of one table: few enough for the cache, enough for what is done once a server not to count.
_PART = 200_000


def dual_prices(network: Network) -> Prices:
    """Prices that nearly maximise D(λ, ν)."""
    return dual_solution(network)[0]


def dual_solution(network: Network) -> tuple[Prices, IntArray | None]:
    """Prices that nearly maximise D(λ, ν), and where they lead the users.

    Returns
    -------
    prices : Prices
        λ and ν.
    favourite : int array (N,) or None
        The server that has most of each user, where the multipliers tell.
    """
    if network.users * network.servers <= _SMALL:
        every, start = PairCosts.every(network), _uniform(network)
        limits = _signs(network, start)
        if network.servers <= _SERVERS:
            prices, favourite = interior_prices(network, every, start, limits[0])
            if favourite is not None:
                return prices, favourite
        return _maximize(network, [every], start, limits, _TEMPERATURES), None
    sample = _sample(network)
    prices = _uniform(sample)
    for step in _COARSE:
        prices, _ = _round(sample, prices, step)
    for step in (_FINE, _FINEST) if network.users <= _FINEST_USERS else (_FINE,):
        prices = _settled(network, prices, step)
    return prices, None


def _settled(network: Network, prices: Prices, step: _Round) -> Prices:
    """Repeat a round from where it ended at limits of its box, as long as D rises."""
    bound = -np.inf
    for _ in range(_REPEATS):
        found, stuck = _round(network, prices, step)
        if stuck <= _STUCK:
            return found
        last, bound = bound, lower_bound(network, found)
        if bound <= last:
            return prices
        prices = found
    return prices


def _maximize(
    network: Network,
    parts: Sequence[PairCosts | CostTables],
    start: Prices,
    limits: tuple[Array, Array],
    temperatures: tuple[float, ...],
) -> Prices:
    """Prices that nearly maximise the dual over the given pairs.

    Parameters
    ----------
    parts : sequence of PairCosts or CostTables
        Pairs that users may choose from, each user's in one part, and what they cost.
    limits : tuple of array (2 M,)
        Least and greatest λ, ν.
    temperatures : tuple of float
        Of the soft minimum, in units of a user's mean cost.
    """
    from scipy.optimize import minimize  # imported late: it takes most of a second

    servers = network.servers
    capacity = np.concatenate([network.bandwidth_max, network.server_frequency_max])
    price = np.concatenate([start.bandwidth, start.frequency])
    # D curves by about half a capacity over its price: in these units alike in all directions.
    unit = np.sqrt(price_units(network, start.both).ravel() / capacity)
    best, best_value = price / unit, -np.inf
    scale = sum(float(np.abs(p.least(p.at(start)[0])).sum()) for p in parts) / network.users

    def smoothed(x: Array, temperature: float) -> tuple[float, Array]:
        nonlocal best, best_value
        price = x * unit
        at = Prices(price[:servers], price[servers:])
        found = spread(partial(_softened, at, temperature), parts)
        least, loss, used = (sum(amounts) for amounts in zip(*found, strict=True))
        value = least - float(np.sum(price * capacity))
        if value > best_value:
            best, best_value = x.copy(), value
        return -(value - loss) / scale, (capacity - used) * unit / scale

    bounds = list(zip(limits[0] / unit, limits[1] / unit, strict=True))
    for temperature in temperatures:
        minimize(
            smoothed,
            best,
            args=(temperature * scale,),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _STEPS, "maxcor": 20, "ftol": 1e-12},
        )
    price = best * unit
    return Prices(price[:servers], price[servers:])


def _softened(
    prices: Prices, temperature: float, part: PairCosts | CostTables
) -> tuple[float, float, Array]:
    """Least costs of all users of a part, what softening takes off them, and the use (2 M,)."""
    cost, *amounts = part.at(prices)
    least = part.least(cost)
    share = np.exp((least[part.row] - cost) / temperature)
    total = np.add.reduceat(share, part.start)
    share = share / total[part.row]
    used = [np.bincount(part.servers, share * x, len(prices.bandwidth)) for x in amounts]
    return float(least.sum()), temperature * float(np.log(total).sum()), np.concatenate(used)


def _uniform(network: Network) -> Prices:
    """One price for all servers: what the users pay on average at their best gains."""
    best = network.nearest()
    # Some server may be nobody's best, which the equalities would not allow.
    relaxed = replace(network, formulation=replace(network.formulation, capacity="at_most"))
    allocation = allocate(relaxed, best)
    ones = np.ones(network.servers)
    clock = float(allocation.frequency_price[best].mean())
    return Prices(ones * float(allocation.bandwidth_price[best].mean()), ones * clock)


def _signs(network: Network, uniform: Prices) -> tuple[Array, Array]:
    servers = network.servers
    low, high = np.zeros(2 * servers), np.full(2 * servers, np.inf)
    # Bandwidth for nothing would be asked for without limit.
    low[:servers] = 1e-3 * price_units(network, uniform.both)[0]
    if network.formulation.capacity == "equal":
        low[servers:] = -np.inf
    return low, high


def _round(network: Network, start: Prices, step: _Round) -> tuple[Prices, float]:
    """Improve prices within a box, on tables over it; tell what share ends at its limits."""
    pairs = candidates(network, start, step.reach, step.most)
    unit = price_units(network, start.both)
    low, high = start.both / step.box, unit * step.box
    if network.formulation.capacity == "equal":
        # ν may have either sign.
        low[1], high[1] = start.frequency + (step.box - 1) * np.array([[-1], [1]]) * unit[1]
    else:
        low[1, start.frequency < unit[1]] = 0.0

    def tabulated(part: Pairs) -> CostTables:
        return CostTables.of(network, part, Prices(*low), Prices(*high), step.nodes)

    tables = spread(tabulated, pairs.parts(_PART))
    limits = low.ravel(), high.ravel()
    found = _maximize(network, tables, start, limits, step.temperatures)
    price = found.both
    edge = _AT_LIMIT * (high - low)
    # A price of zero is no limit of the box.
    inside = ((price > low + edge) | (low == 0)) & (price < high - edge)
    return found, 1 - float(np.mean(inside))


def _sample(network: Network) -> Network:
    """Take some of the users, evenly, and that share of each server."""
    stride = max(1, network.users // (_SAMPLE_LOAD * network.servers))
    keep = np.arange(0, network.users, stride)
    share = len(keep) / network.users
    gain = network.gain
    gain = replace(gain, users=gain.users[keep]) if isinstance(gain, DistanceGain) else gain[keep]
    rows = {name: getattr(network, name)[keep] for name in (*PER_USER, "user_position")}
    return replace(
        network,
        normalized_by="",
        gain=gain,
        bandwidth_max=network.bandwidth_max * share,
        server_frequency_max=network.server_frequency_max * share,
        **rows,
    )
