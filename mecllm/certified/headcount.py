"""A sharper certificate for small networks: prices for every number of users on a server.

The dual of P2 lets a server be used by 4.6 users. Relaxing "one server a user" with prices π_n
instead leaves each server alone with the choice of its set of users, and that choice is bounded for
every number k of them apart, with prices of its own:

    Σ_n π_n + Σ_m min_k max_j [ (sum of the k least V_nm(λ_mj) + J_nm(ν_mj) - π_n)
                                - λ_mj b_m^max - ν_mj f_m^max ]

is at most the optimum of P2 for all π and all prices (λ_mj, ν_mj), j = 1..K. With K = 1 and the
best π it is D(λ, ν), so that the best such bound is never worse than the dual.
"""

from __future__ import annotations

import numpy as np

from mecllm.certified.dual import ROUNDING_MARGIN
from mecllm.certified.pairs import PairCosts, Prices
from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network

# Numbers of users with prices of their own: the current one and so many on each side.
_SPREAD = 1
# Temperatures of the soft minima in units of a user's mean cost, and steps of L-BFGS-B at each.
_TEMPERATURES = (0.01, 0.001, 1e-4)
_STEPS = 100
# Factor by which a price of the clock may leave its start; it keeps the range of useful α small.
_BOX = 8.0
# Users that cost a server this much more than elsewhere, in units of a user's mean cost, are left
# out while prices are sought (never where the bound is taken).
_REACH = 0.5


def refined_bound(network: Network, start: Prices, association: IntArray) -> float:
    """Seek the best bound of this kind and return it, less its rounding margin.

    Where the capacities are inequalities; its time grows with N M.

    Parameters
    ----------
    start : Prices
        Of the dual D.
    association : int array (N,)
        A good χ; its numbers of users get prices of their own.

    Returns
    -------
    float
        A lower bound on P2.

    Raises
    ------
    ScenarioError
        Where the capacities are equalities.
    """
    if network.formulation.capacity == "equal":
        raise ScenarioError("refined_bound", "capacity", "equal", "at_most")
    pairs = PairCosts.every(network)
    # π starts at what each user pays at the prices of the dual.
    worth = pairs.least(pairs.at(start)[0])
    sizes = _sizes(network, association)
    server = np.repeat(np.arange(network.servers), sizes.shape[1])
    loads = np.bincount(association, minlength=network.servers)
    # A server's prices rise about as the square of the number of its users.
    growth = ((sizes + 0.5) / (loads + 0.5)[:, None]).ravel() ** 2
    first = Prices(
        np.maximum(start.bandwidth, 0.05 * start.bandwidth.mean())[server] * growth,
        np.maximum(start.frequency, 0.05 * np.abs(start.frequency).mean())[server] * growth,
    )
    found, best = [(worth, first)], -np.inf
    found += _search(network, worth, first, sizes)
    users = np.tile(np.arange(network.users), len(server))
    every = PairCosts.of(network, users, np.repeat(server, network.users))
    for value, prices in found:
        best = max(best, _bound(network, every, value, prices))
    return best


def _bound(network: Network, every: PairCosts, worth: Array, prices: Prices) -> float:
    rows = np.repeat(np.arange(len(prices.bandwidth)), network.users)
    cost, _, _ = every.at_each(prices.bandwidth[rows], prices.frequency[rows])
    reduced = (cost - worth[every.users]).reshape(network.servers, -1, network.users)
    sums = np.cumsum(np.sort(reduced, axis=2), axis=2)
    paid = _paid(network, prices).reshape(network.servers, -1)
    # A server may also stay empty, which costs nothing.
    least = np.minimum(np.min(np.max(sums - paid[:, :, None], axis=1), axis=1), 0.0)
    terms = np.abs(worth).sum() + np.abs(paid).max(axis=1).sum()
    terms = terms + np.abs(sums).max(axis=(1, 2)).sum()
    return float(worth.sum() + least.sum()) - ROUNDING_MARGIN * float(terms)


def _paid(network: Network, prices: Prices) -> Array:
    count = len(prices.bandwidth) // network.servers
    return prices.bandwidth * np.repeat(network.bandwidth_max, count) + (
        prices.frequency * np.repeat(network.server_frequency_max, count)
    )


def _sizes(network: Network, association: IntArray) -> IntArray:
    """Numbers (M, K) of users around those of an association, at least 1."""
    loads = np.bincount(association, minlength=network.servers)
    around = np.arange(-_SPREAD, _SPREAD + 1)
    low = np.clip(loads - _SPREAD, 1, max(1, network.users - 2 * _SPREAD))
    return np.minimum(low[:, None] + _SPREAD + around, network.users)


def _search(
    network: Network, worth: Array, first: Prices, sizes: IntArray
) -> list[tuple[Array, Prices]]:
    """Maximise the bound with soft minima; the k least are taken at a level μ of their own."""
    from scipy.optimize import minimize  # imported late: it takes most of a second

    users, slots = network.users, sizes.size
    scale = float(np.mean(np.abs(worth)))
    server = np.repeat(np.arange(network.servers), sizes.shape[1])
    pairs, slot = _reachable(network, worth, first, server, _REACH * scale)
    units = np.concatenate(
        [np.full(users, scale), first.bandwidth, first.frequency, np.full(slots, scale)]
    )
    limits = np.concatenate(
        [
            np.repeat(network.bandwidth_max, sizes.shape[1]),
            np.repeat(network.server_frequency_max, sizes.shape[1]),
        ]
    )
    size = sizes.ravel()

    def per_slot(amount: Array) -> Array:
        return np.bincount(slot, weights=amount, minlength=slots)

    def smoothed(x: Array, temperature: float) -> tuple[float, Array]:
        value, bandwidth_price, frequency_price, level = np.split(
            x * units, [users, users + slots, users + 2 * slots]
        )
        cost, bandwidth, clock = pairs.at_each(bandwidth_price[slot], frequency_price[slot])
        lift = (level[slot] + value[pairs.users] - cost) / temperature
        chosen = 1 / (1 + np.exp(-np.clip(lift, -500, 500)))
        soft = per_slot(temperature * np.logaddexp(0, lift))
        prices = np.concatenate([bandwidth_price, frequency_price])
        paid = (prices * limits).reshape(2, -1).sum(axis=0)
        inner = (size * level - soft - paid).reshape(network.servers, -1)
        least = inner.min(axis=1, keepdims=True)
        share = np.exp((least - inner) / temperature)
        total = share.sum(axis=1, keepdims=True)
        share = (share / total).ravel()
        objective = value.sum() + float(np.sum(least - temperature * np.log(total)))
        taken = share[slot] * chosen
        slope = np.concatenate(
            [
                1 - np.bincount(pairs.users, weights=taken, minlength=users),
                share * (per_slot(chosen * bandwidth) - limits[:slots]),
                share * (per_slot(chosen * clock) - limits[slots:]),
                share * (size - per_slot(chosen)),
            ]
        )
        return -objective / scale, -slope * units / scale

    x = np.concatenate([worth / scale, np.ones(2 * slots), np.zeros(slots)])
    free = (-np.inf, np.inf)
    # Bandwidth for nothing would be asked for without limit.
    bounds = [free] * users + [(1e-3, np.inf)] * slots + [(0.0, _BOX)] * slots + [free] * slots
    found = []
    for temperature in _TEMPERATURES:
        x = minimize(
            smoothed,
            x,
            args=(temperature * scale,),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _STEPS, "maxcor": 20},
        ).x
        parts = np.split(x * units, [users, users + slots, users + 2 * slots])
        found.append((parts[0], Prices(parts[1], parts[2])))
    return found


def _reachable(
    network: Network, worth: Array, first: Prices, server: IntArray, reach: float
) -> tuple[PairCosts, IntArray]:
    """Pairs (slot, user) that may matter, with the α that may be best, and their slots."""
    user, slot = (
        np.repeat(np.arange(network.users), len(server)),
        np.tile(np.arange(len(server)), network.users),
    )
    pairs = PairCosts.of(network, user, server[slot])
    cheapest, _, _ = pairs.at_each(first.bandwidth[slot], first.frequency[slot])
    keep = cheapest - worth[user] < reach
    slot = slot[keep]
    kept = PairCosts.of(network, user[keep], server[slot])
    price = first.frequency[slot]
    return kept.between(0 * price, price * _BOX), slot
