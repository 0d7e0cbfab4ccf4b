"""Check a decision without trusting who made it: feasibility, stationarity, distance to optimum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Groups, Uplink, Work, user_frequency
from mecllm.certified.dual import lower_bound
from mecllm.certified.pairs import Prices
from mecllm.certified.partition import refined_bound
from mecllm.certified.prices import dual_prices
from mecllm.errors import SolverError
from mecllm.system.arrays import Array
from mecllm.system.constraints import Violation, feasibility
from mecllm.system.model import Decision, evaluate
from mecllm.system.network import Network

# A claimed objective may differ from the recomputed one by rounding of sums in another order.
_OBJECTIVE_TOLERANCE = 1e-9
# A variable this close to its bound, relative to it, sits there.
_AT_BOUND = 1e-9


@dataclass(frozen=True, eq=False)
class Certificate:
    """What holds of a decision, recomputed.

    Parameters
    ----------
    objective : float
        H of (12).
    claimed : float or None
        The objective that came with the decision.
    violations : tuple of Violation
        Of (9a)-(9g); empty when feasible.
    residuals : mapping
        Largest relative violation of the Karush-Kuhn-Tucker conditions (42)-(45) by block, with
        multipliers recomputed at the decision; for the integer α, the largest share of a user's
        cost that another α would save at the same resources.
    prices : Prices
        At which the dual bound is taken.
    bandwidth_price, frequency_price : array (M,)
        Recomputed multipliers [1/Hz] of (9e) and (9g).
    dual_bound, lower_bound : float
        D(λ, ν), and the best certified lower bound on P2 with integer α and χ.
    """

    objective: float
    claimed: float | None
    violations: tuple[Violation, ...]
    residuals: Mapping[str, float]
    prices: Prices
    bandwidth_price: Array
    frequency_price: Array
    dual_bound: float
    lower_bound: float

    @property
    def feasible(self) -> bool:
        """Whether no constraint is violated."""
        return not self.violations

    @property
    def honest(self) -> bool:
        """Whether the claimed objective, if any, is the recomputed one."""
        # The first also compares infinities, whose difference is no number.
        if self.claimed is None or self.claimed == self.objective:
            return True
        return abs(self.claimed - self.objective) <= _OBJECTIVE_TOLERANCE * abs(self.objective)

    @property
    def accepted(self) -> bool:
        """Whether the decision is feasible and its claim true."""
        return self.feasible and self.honest

    @property
    def gap(self) -> float:
        """Certified relative distance of a feasible decision from the optimum of P2.

        Infinite where the objective is, as at α = Υ under the paper's bound.
        """
        if np.isinf(self.objective):
            return float("inf")
        return (self.objective - self.lower_bound) / max(abs(self.objective), 1e-300)


def verify(
    network: Network,
    decision: Decision,
    objective: float | None = None,
    prices: Prices | None = None,
    sharp: bool = False,
) -> Certificate:
    """Recompute everything about a decision.

    Parameters
    ----------
    decision : Decision
        Of this network; α may be relaxed, which is then listed as a violation.
    objective : float, optional
        The objective claimed for it.
    prices : Prices, optional
        Prices to take the dual bound at; any are valid. By default the dual is maximised.
    sharp : bool
        Seek the sharper bound too, by sets of users.

    Returns
    -------
    Certificate
        Also where the decision is not feasible.

    Raises
    ------
    ScenarioError
        For a decision of another network or with a number outside the model's domain, NaN included.
    SolverError
        When the bound exceeds the objective of a feasible decision, which would be a fault of ours.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mecllm import Scenario, solve, verify
    >>> network = Scenario.load("literal").replace(users=4, servers=2).draw(0)
    >>> found = solve(network)
    >>> honest = verify(network, found.decision, found.objective)
    >>> honest.accepted, honest.lower_bound <= honest.objective
    (True, True)
    >>> loud = replace(found.decision, power=2 * network.power_max)
    >>> refused = verify(network, loud, prices=honest.prices)
    >>> refused.accepted, refused.violations[0].equation
    (False, '9d')
    """
    value = evaluate(network, decision).objective
    violations = feasibility(network, decision)
    residuals, bandwidth_price, frequency_price = _stationarity(network, decision)
    prices = dual_prices(network) if prices is None else prices
    dual = bound = lower_bound(network, prices)
    if sharp:
        bound = max(dual, refined_bound(network, prices, decision.association))
    if not violations and bound > value + _OBJECTIVE_TOLERANCE * abs(value):
        raise SolverError(
            f"the lower bound {bound:.9g} exceeds the objective {value:.9g} of a feasible decision,"
            " which is a fault of the bound"
        )
    return Certificate(
        objective=value,
        claimed=objective,
        violations=violations,
        residuals=residuals,
        prices=prices,
        bandwidth_price=bandwidth_price,
        frequency_price=frequency_price,
        dual_bound=dual,
        lower_bound=bound,
    )


def _stationarity(network: Network, decision: Decision) -> tuple[dict[str, float], Array, Array]:
    """Relative KKT residuals by block, and the recomputed multipliers λ and ν (M,) [1/Hz].

    Users that keep all Υ layers send nothing and have no condition on p, b and f^E.
    """
    busy = np.flatnonzero(decision.local_layers < network.layers)
    groups = Groups(busy, decision.association[busy], np.arange(network.servers))
    uplink = Uplink.of(network, busy, groups.server)
    work = Work.of(network, busy, groups.server)
    layers, clock = decision.local_layers[busy], decision.server_frequency[busy]
    bandwidth, power = decision.bandwidth[busy], decision.power[busy]
    free = np.zeros(len(busy))
    worth = free if uplink.free else uplink.worth(bandwidth, power)
    elasticity = free if uplink.free else uplink.power_elasticity(bandwidth, power)
    saving, scale = work.worth(layers, clock)
    spare = 1 - groups.total(clock) / network.server_frequency_max
    price = _mean(groups, saving, clock)
    if network.formulation.capacity == "at_most":
        price = np.where(spare > _AT_BOUND, 0.0, np.maximum(price, 0.0))
    bandwidth_price = _mean(groups, worth, bandwidth)
    with np.errstate(divide="ignore", invalid="ignore"):
        misfit = np.where(scale > 0, np.abs(saving - price[groups.index]) / scale, 0.0)
        uneven = np.abs(worth / bandwidth_price[groups.index] - 1)
    residuals = {
        "user_frequency": _largest(
            np.abs(decision.user_frequency / user_frequency(network) - 1)
            * (decision.local_layers > 0)
        ),
        "power": _largest(_projected(elasticity, power, uplink.power_min, uplink.power_max)),
        "bandwidth": _largest(np.where(worth > 0, uneven, 0.0)),
        "server_frequency": _largest(misfit),
        "local_layers": _largest(_layers_to_gain(network, work, layers, clock)),
    }
    return residuals, bandwidth_price, price


def _mean(groups: Groups, amount: Array, weight: Array) -> Array:
    total = groups.total(weight)
    return groups.total(amount * weight) / np.where(total > 0, total, 1.0)


def _projected(slope: Array, value: Array, low: Array, high: Array) -> Array:
    """Size of a gradient that a bound does not hold back."""
    held = (slope > 0) & (value <= low * (1 + _AT_BOUND))
    held |= (slope < 0) & (value >= high * (1 - _AT_BOUND))
    return np.where(held, 0.0, np.abs(slope))


def _layers_to_gain(network: Network, work: Work, layers: Array, clock: Array) -> Array:
    """Share of its cost that each user would save by its best α at the same resources."""
    current = best = work.cost(layers, clock)
    for option in range(1, network.layers):
        best = np.minimum(best, work.cost(np.full_like(layers, option), clock))
    return (current - best) / np.where(current > 0, current, 1.0)


def _largest(amount: Array) -> float:
    return float(np.max(amount, initial=0.0))
