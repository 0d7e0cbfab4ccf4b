"""Worth of the users by head counts: prices of its own for each number of users on a server.

The dual of P2 lets a server be used by 4.6 users. With a worth π_n of serving user n a server is
left alone with the choice of its set, which is bounded for every number k of users apart:

    Σ_n π_n + Σ_m min_k [ (sum of the k least V_nm + J_nm - π_n at prices of m and k)
                          - what the capacity of m is worth at these ]

is at most the optimum of P2 for all π and prices, and concave in both together. It is maximised
with soft minima; a round takes the costs of pairs for parabolas around its first prices. The sum of
the k least of some amounts is the greatest of k μ less what they are below μ, and with μ <= 0 that
is at most the sum of fewer, with μ >= 0 of more: three numbers k a server stand for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.certified.pairs import PairCosts, Prices, price_units
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network

# What is added to the users of a server for the numbers that have prices of their own.
_COUNTS = np.array([-1, 0, 1])
# Rounds: temperatures of the soft minima, in units of a user's mean cost, and by which share of
# itself a price may change; steps at each temperature.
_ROUNDS = (((0.01, 0.003), 0.5), ((1e-3,), 0.3), ((3e-4,), 0.2), ((1e-4,), 0.1))
_STEPS = 60
# The bandwidth falls with its price to the power of 1/2 to 2/3, a clock of 0 to 1/2.
_ELASTICITY = np.array([0.58, 0.4])[:, None]


@dataclass(frozen=True, eq=False)
class CountPrices:
    """Prices of each server for one user less than its load, as many, and one more.

    Parameters
    ----------
    load : int array (M,)
        Numbers of users.
    price : array (2, M, 3)
        λ and ν [1/Hz].
    """

    load: IntArray
    price: Array

    @classmethod
    def around(cls, network: Network, prices: Prices, load: IntArray) -> CountPrices:
        """Guess the prices from those of the dual.

        Parameters
        ----------
        prices : Prices
            Of the dual.
        load : int array (M,)
            Numbers of users of a good decision.

        Returns
        -------
        CountPrices
        """
        price = prices.both[:, :, None]
        # A server's prices rise about as the square of the number of its users.
        growth = np.maximum((load[:, None] + _COUNTS + 0.5) / (load[:, None] + 0.5), 0.3) ** 2
        least = np.array([0.05 * price[0].mean(), -np.inf])
        if network.formulation.capacity == "at_most":
            least[1] = 0.0
        moved = price + (growth - 1) * price_units(network, price)
        return cls(load, np.maximum(moved, least[:, None, None]))

    @property
    def points(self) -> list[Prices]:
        """The prices, number by number."""
        return [Prices(*self.price[:, :, i]) for i in range(len(_COUNTS))]


def raised(
    network: Network, costs: PairCosts, worth: Array, counts: CountPrices
) -> tuple[Array, CountPrices, Array]:
    """Raise the bound.

    Parameters
    ----------
    costs : PairCosts
        Pairs that may be used.
    worth : array (N,)
        π to start from.
    counts : CountPrices
        Prices to start from.

    Returns
    -------
    worth : array (N,)
        π.
    counts : CountPrices
        Prices.
    share : array (K,)
        How much of its user each pair has in the soft minima.
    """
    for temperatures, box in _ROUNDS:
        worth, counts, share = _round(network, costs, worth, counts, temperatures, box)
    return worth, counts, share


def _round(
    network: Network,
    costs: PairCosts,
    worth: Array,
    counts: CountPrices,
    temperatures: tuple[float, ...],
    box: float,
) -> tuple[Array, CountPrices, Array]:
    """Return a better π, better prices, and the share (K,) of its user that each pair has.

    A row is a pair with a number of users, a slot a server with one.
    """
    from scipy.optimize import minimize  # imported late: it takes most of a second

    users, shape = network.users, (network.servers, len(_COUNTS))
    slots, scale = shape[0] * shape[1], float(np.abs(worth).mean())
    number = (counts.load[:, None] + _COUNTS).ravel()
    user = np.repeat(costs.users, shape[1])
    slot = (costs.servers[:, None] * shape[1] + np.arange(shape[1])).ravel()
    at = [costs.at(point) for point in counts.points]
    cost, *amounts = (np.stack(column, axis=1).ravel() / scale for column in zip(*at, strict=True))
    # Changes of prices are measured in these units.
    unit = price_units(network, counts.price)
    capacity = np.stack([network.bandwidth_max, network.server_frequency_max])[:, :, None] / scale
    paid = np.sum(counts.price * capacity, axis=0).ravel()
    payment = (unit * capacity).reshape(2, -1)
    demand = np.stack(amounts) * unit.reshape(2, -1)[:, slot]

    def evaluated(x: Array, temperature: float) -> tuple[float, Array, Array]:
        value, level = x[:users], x[users : users + slots]
        change = x[users + slots :].reshape(2, -1)
        bent, slope = change * (1 - _ELASTICITY / 2 * change), 1 - _ELASTICITY * change
        lift = level[slot] + value[user] - cost - np.sum(demand * bent[:, slot], axis=0)
        lift /= temperature
        low = np.exp(-np.abs(lift))
        chosen = np.where(lift > 0, 1.0, low) / (1 + low)
        soft = temperature * np.bincount(slot, np.maximum(lift, 0) + np.log1p(low), slots)
        inner = (number * level - soft - paid - np.sum(payment * change, axis=0)).reshape(shape)
        least = inner.min(axis=1, keepdims=True)
        share = np.exp((least - inner) / temperature)
        total = share.sum(axis=1, keepdims=True)
        share = (share / total).ravel()
        taken = share[slot] * chosen
        used = np.stack([np.bincount(slot, chosen * amount, slots) for amount in demand])
        slopes = (
            1 - np.bincount(user, taken, users),
            share * (number - np.bincount(slot, chosen, slots)),
            (share * (used * slope - payment)).ravel(),
        )
        bound = value.sum() + float(np.sum(least - temperature * np.log(total)))
        return -bound, -np.concatenate(slopes), taken

    low = np.full(users + 3 * slots, -np.inf)
    high = -low
    low[users + 2 : users + slots : shape[1]] = high[users : users + slots : shape[1]] = 0.0
    low[users + slots :], high[users + slots :] = -box, box
    if network.formulation.capacity == "at_most":
        # A clock costs nothing at least.
        low[users + 2 * slots :] = np.maximum(-box, -counts.price[1] / unit[1]).ravel()
    x = np.concatenate([worth / scale, np.zeros(3 * slots)])
    for temperature in temperatures:
        x = minimize(
            lambda x, temperature: evaluated(x, temperature)[:2],
            x,
            args=(temperature,),
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([low, high], axis=1),
            options={"maxiter": _STEPS},
        ).x
    share = evaluated(x, temperatures[-1])[2].reshape(-1, shape[1]).sum(axis=1)
    price = counts.price + unit * x[users + slots :].reshape(unit.shape)
    return x[:users] * scale, CountPrices(counts.load, price), share
