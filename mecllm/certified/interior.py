"""Prices of a network by a primal-dual interior-point method.

With t_n for the least cost of user n the dual of P2 is concave:

    max Σ_n t_n - Σ_m (λ_m b_m^max + ν_m f_m^max),    t_n <= V_nm(λ_m) + J_nm(ν_m).

The multiplier s_nm of an inequality is how much of user n server m has, Σ_m s_nm = 1. Newton's
method solves the conditions of optimality with s times the slack kept at a positive number, which
falls to zero by Mehrotra's rule. Users are eliminated, so that a step solves 2 M equations. Some
ten steps do, whatever the network; a descent along gradients takes a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from mecllm.certified.pairs import PairCosts, Prices
from mecllm.system.arrays import Array, IntArray
from mecllm.system.network import Network

# Steps that are made at most; thirteen are usual.
_MAX_STEPS = 30
# The end: what the slack, and what misses the conditions, are still worth a user, in units of its
# cost. More precise prices would not raise the dual visibly.
_SLACK, _MISFIT = 1e-6, 3e-4
# How far the first t_n are below the least costs, in units of a user's mean cost.
_FIRST_SLACK = 0.1
# A step ends this share of the way to where something would not be positive.
_TO_LIMIT = 0.99
# Farther away costs are no longer what their slopes say: a price, or a third of its unit if that is
# more, comes nearer to zero by at most 0.8 of itself, and goes away from it by four times itself.
_TO_ZERO, _FROM_ZERO, _LEAST_SIZE = 0.8, 4.0, 0.3
# Unit of a price, where it is less: this share of a user's cost for all of a server, N/M users.
_LEAST_WORTH = 0.1
# Curvature that is added, in units of what a capacity is worth: prices of a server that nobody
# wants are told by nothing else.
_DAMPING = 1e-3


def interior_prices(
    network: Network, costs: PairCosts, start: Prices, least: Array
) -> tuple[Prices, IntArray | None]:
    """Prices that maximise the dual.

    Parameters
    ----------
    costs : PairCosts
        Of all N·M pairs.
    start : Prices
        Where to start.
    least : array (2 M,)
        Least λ and ν [1/Hz], or -inf.

    Returns
    -------
    prices : Prices
        The best that were met.
    favourite : int array (N,) or None
        The server that has most of each user. None where the conditions of optimality do not hold:
        where equalities leave about one user a server, whose clock is then all of the server's
        whatever its price, the steps may not get there.
    """
    problem = _Problem.of(network, costs, start, least)
    point, at = problem.start(start)
    best = at
    for _ in range(_MAX_STEPS):
        residual = problem.residual(point, at)
        if problem.settled(point, residual):
            return best.prices, np.argmax(point.share, axis=1)
        point = problem.improved(point, at, residual)
        at = problem.costs_at(point.price)
        best = max(best, at, key=lambda costs: costs.dual)
    return best.prices, None


@dataclass(frozen=True, eq=False)
class _Point:
    """Where the method is; or a step, by which it moves.

    Parameters
    ----------
    price : array (2 M,)
        λ and ν in their units.
    worth : array (N,)
        t, in units of a user's mean cost, as everything below.
    slack, share : array (N, M)
        What t lacks to the costs, and s.
    room, rent : array (2 M,)
        What a price is above its least, and the multiplier of that; 1 and 0 where there is none.
    """

    price: Array
    worth: Array
    slack: Array
    share: Array
    room: Array
    rent: Array

    def moved(self, step: Self, primal: float, dual: float) -> Self:
        """Go a part of a step in the prices, and another in the multipliers."""
        part = {"share": dual, "rent": dual}
        moved = {
            f.name: getattr(self, f.name) + part.get(f.name, primal) * getattr(step, f.name)
            for f in fields(self)
        }
        return replace(self, **moved)

    @property
    def complement(self) -> float:
        """Sum of the products that are zero at the optimum."""
        return float(np.sum(self.share * self.slack) + np.sum(self.rent * self.room))

    def reach(self, step: Self) -> tuple[float, float]:
        """Parts of a step, at most all of it, at which the first number comes to zero."""
        return (
            min(_reach(self.slack, step.slack), _reach(self.room, step.room)),
            min(_reach(self.share, step.share), _reach(self.rent, step.rent)),
        )


def _reach(amount: Array, change: Array) -> float:
    falls = change < 0
    return float(np.min(-amount[falls] / change[falls], initial=1.0))


@dataclass(frozen=True, eq=False)
class _Costs:
    """Costs (N, M) at some prices, their slopes and what they bend, each (2, N, M), and D."""

    prices: Prices
    cost: Array
    use: Array
    bend: Array
    dual: float


@dataclass(frozen=True, eq=False)
class _Residual:
    """By how much slacks (N, M), shares (N,) and prices (2 M,) miss the conditions."""

    slack: Array
    share: Array
    price: Array


@dataclass(frozen=True, eq=False)
class _Problem:
    """The dual in units.

    Parameters
    ----------
    costs : PairCosts
        Of all pairs.
    unit, capacity, least : array (2 M,)
        Units of the prices [1/Hz]; capacities and least prices in units.
    bounded : bool array (2 M,)
        Which prices have a least one; 0 stands for it where they have none.
    scale : float
        A user's mean cost.
    """

    costs: PairCosts
    unit: Array
    capacity: Array
    least: Array
    bounded: Array
    scale: float

    @classmethod
    def of(cls, network: Network, costs: PairCosts, start: Prices, least: Array) -> _Problem:
        capacity = np.concatenate([network.bandwidth_max, network.server_frequency_max])
        # Where no user costs anything, any unit does.
        total = float(np.abs(costs.least(costs.at(start)[0])).sum()) or float(network.users)
        floor = _LEAST_WORTH * total / network.servers / capacity
        unit = np.maximum(np.abs(start.both.ravel()), floor)
        scale, bounded = total / network.users, np.isfinite(least)
        low = np.where(bounded, least, 0.0) / unit
        return cls(costs, unit, capacity * unit / scale, low, bounded, scale)

    def start(self, prices: Prices) -> tuple[_Point, _Costs]:
        """First point, inside of all limits, where shares times slacks are alike for each user."""
        price = prices.both.ravel() / self.unit
        price = np.where(self.bounded, np.maximum(price, self.least + _FIRST_SLACK), price)
        at = self.costs_at(price)
        worth = at.cost.min(axis=1) - _FIRST_SLACK
        slack = at.cost - worth[:, None]
        share = 1 / slack / np.sum(1 / slack, axis=1, keepdims=True)
        room = np.where(self.bounded, price - self.least, 1.0)
        rent = np.where(self.bounded, np.mean(share * slack) / room, 0.0)
        return _Point(price, worth, slack, share, room, rent), at

    def costs_at(self, price: Array) -> _Costs:
        servers = len(price) // 2
        prices = Prices(*np.split(price * self.unit, 2))
        cost, use, bend = self.costs.curved(prices)
        unit = self.unit.reshape(2, 1, servers)
        cost = cost.reshape(-1, servers) / self.scale
        use = use.reshape(2, -1, servers) * unit / self.scale
        bend = bend.reshape(2, -1, servers) * unit**2 / self.scale
        dual = float(cost.min(axis=1).sum() - price @ self.capacity)
        return _Costs(prices, cost, use, bend, dual)

    def residual(self, point: _Point, at: _Costs) -> _Residual:
        asked = np.sum(point.share * at.use, axis=1).ravel()
        return _Residual(
            at.cost - point.worth[:, None] - point.slack,
            point.share.sum(axis=1) - 1,
            self.capacity - asked - point.rent,
        )

    def settled(self, point: _Point, residual: _Residual) -> bool:
        """Whether what the conditions are missed by is worth little beside the users' costs."""
        worth = np.maximum(np.abs(point.price), 1.0)
        missed = np.sum(np.abs(residual.price) * worth) + np.sum(
            point.share * np.abs(residual.slack)
        )
        users = len(point.worth)
        return point.complement < _SLACK * users and bool(missed < _MISFIT * users)

    def improved(self, point: _Point, at: _Costs, residual: _Residual) -> _Point:
        """Make a step: where one to the optimum would lead tells how near to it one can aim."""
        system = _System.of(self, point, at, residual)
        straight = system.step(np.zeros(()), np.zeros(()))
        before = point.complement
        share = (point.moved(straight, *point.reach(straight)).complement / before) ** 3
        target = share * before / (point.slack.size + self.bounded.sum())
        step = system.step(
            target - straight.share * straight.slack, target - straight.rent * straight.room
        )
        primal, dual = (min(1.0, _TO_LIMIT * part) for part in point.reach(step))
        size = np.maximum(np.abs(point.price), _LEAST_SIZE)
        most = np.where(step.price * point.price < 0, _TO_ZERO, _FROM_ZERO) * size
        primal = float(np.min(most / np.maximum(np.abs(step.price), most), initial=primal))
        return point.moved(step, primal, dual)


@dataclass(frozen=True, eq=False)
class _System:
    """The linear equations of a step, users eliminated.

    Parameters
    ----------
    point, at, residual
        Where the step starts.
    bounded : bool array (2 M,)
        Which prices have a least one.
    weight : array (N, M)
        Share over slack.
    pull : array (N, 2 M)
        Weighted slopes.
    inverse : array (2 M, 2 M)
        Of the matrix of the prices.
    """

    point: _Point
    at: _Costs
    residual: _Residual
    bounded: Array
    weight: Array
    pull: Array
    inverse: Array

    @classmethod
    def of(cls, problem: _Problem, point: _Point, at: _Costs, residual: _Residual) -> _System:
        weight = point.share / point.slack
        weighted = weight * at.use
        pull = np.concatenate(weighted, axis=1)
        matrix = -pull.T @ (pull / weight.sum(axis=1, keepdims=True))
        servers = np.arange(weight.shape[1])
        blocks = matrix.reshape(2, len(servers), 2, len(servers))
        blocks[:, servers, :, servers] += np.einsum("inm,jnm->mij", weighted, at.use)
        diagonal = np.sum(point.share * at.bend, axis=1).ravel() + point.rent / point.room
        matrix[np.diag_indices_from(matrix)] += diagonal + _DAMPING * problem.capacity
        inverse = np.linalg.inv(matrix)
        return cls(point, at, residual, problem.bounded, weight, pull, inverse)

    def step(self, share: Array, rent: Array) -> _Point:
        """Step to where shares times slacks and rents times rooms are these, to first order."""
        point, missing = self.point, self.residual
        # What the shares and rents would change by if the prices stayed.
        lift = share / point.slack - point.share - self.weight * missing.slack
        due = np.where(self.bounded, rent / point.room - point.rent, 0.0)
        rest = lift.sum(axis=1) + missing.share
        all_ = self.weight.sum(axis=1)
        asked = np.sum(lift * self.at.use, axis=1).ravel() + due - missing.price
        price = self.inverse @ (asked - self.pull.T @ (rest / all_))
        worth = (self.pull @ price - rest) / all_
        rise = np.sum(price.reshape(2, 1, -1) * self.at.use, axis=0) - worth[:, None]
        return _Point(
            price,
            worth,
            rise + missing.slack,
            lift - self.weight * rise,
            np.where(self.bounded, price, 0.0),
            due - np.where(self.bounded, point.rent / point.room * price, 0.0),
        )
