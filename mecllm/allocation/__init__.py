"""Exact resources for a fixed association, all users and servers at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation.communication import Uplink, share_bandwidth
from mecllm.allocation.computation import Work, share_clock, user_frequency
from mecllm.allocation.groups import Groups
from mecllm.allocation.layers import split_layers
from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.model import Decision, evaluate
from mecllm.system.network import Network

__all__ = ["Allocation", "Groups", "Uplink", "Work", "allocate", "user_frequency"]

# A user that keeps all Υ layers needs no bandwidth and no clock, but a decision holds positive
# ones; together the idle users of a server get this share of it, far below any tolerance.
_IDLE_SHARE = 1e-9


@dataclass(frozen=True, eq=False)
class Allocation:
    """Resources for an association, with their prices and how far from optimal they can be.

    Parameters
    ----------
    decision : Decision
        α, p, b, f^U and f^E.
    bandwidth_price, frequency_price : array (M,)
        Multipliers λ and ν [1/Hz] of (9e) and (9g), at which the bound is taken.
    objective : float
        H of (12) at the decision.
    lower_bound : float
        Lagrangian bound on H over all resources at this association; α in {1..Υ-1} or as given.
    """

    decision: Decision
    bandwidth_price: Array
    frequency_price: Array
    objective: float
    lower_bound: float

    @property
    def gap(self) -> float:
        """Relative distance of the objective from its lower bound."""
        return (self.objective - self.lower_bound) / max(abs(self.objective), 1e-300)


def allocate(
    network: Network, association: IntArray, local_layers: Array | None = None
) -> Allocation:
    """Solve P3 for a fixed association, with integer α, exactly or to the stated gap.

    f^U is a closed form, (p, b) and f^E at given α are convex with one multiplier a server; α and
    f^E together are not convex, and the gap says how far from optimal they can be.

    Parameters
    ----------
    association : int array (N,)
        χ.
    local_layers : array (N,), optional
        Keep these α (0..Υ) and choose resources only.

    Returns
    -------
    Allocation
        The decision, the prices and a lower bound on H at this χ.

    Raises
    ------
    ScenarioError
        When a server has no user where (9e) and (9g) are equalities, or an argument has a wrong
        shape or value.

    Examples
    --------
    >>> from mecllm import Scenario, allocate, greedy
    >>> network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    >>> best = allocate(network, greedy(network))
    >>> best.decision.local_layers.shape, best.bandwidth_price.shape
    ((4,), (2,))
    >>> best.lower_bound <= best.objective
    True
    """
    association = _checked(network, association)
    groups = Groups.of(association, network.servers)
    equal = network.formulation.capacity == "equal"
    if equal and not groups.size.all():
        server = int(np.flatnonzero(groups.size == 0)[0])
        raise ScenarioError(
            "association", f"users of server {server}", 0, "at least 1: (9e), (9g) are equalities"
        )
    uplink = Uplink.of(network, groups.users, association)
    work = Work.of(network, groups.users, association)
    clock_limit = network.server_frequency_max
    if local_layers is None:
        bandwidth, price = share_bandwidth(uplink, groups, network.bandwidth_max)
        split = split_layers(work, groups, clock_limit, equal)
        layers, clock, clock_price = split.layers.astype(float), split.clock, split.price
        slack = float(np.sum(split.value - split.bound))
    else:
        layers = _checked_layers(network, local_layers)
        bandwidth, price, clock, clock_price = _fixed(network, uplink, work, groups, layers, equal)
        slack = 0.0
    decision = Decision(
        association=association,
        local_layers=layers,
        power=uplink.best_power(bandwidth),
        bandwidth=bandwidth,
        user_frequency=user_frequency(network),
        server_frequency=clock,
    )
    objective = evaluate(network, decision).objective
    return Allocation(decision, price, clock_price, objective, objective - max(slack, 0.0))


def _fixed(
    network: Network, uplink: Uplink, work: Work, groups: Groups, layers: Array, equal: bool
) -> tuple[Array, Array, Array, Array]:
    """Shares at given α; users with α = Υ are idle and get next to nothing."""
    busy = layers < network.layers
    active, rows = groups.rows(busy), np.flatnonzero(busy)
    idle = groups.total((~busy).astype(float))
    left = np.where(active.size == 0, 1.0, np.where(idle > 0, _IDLE_SHARE, 0.0))
    rest = left / np.maximum(idle, 1)
    bandwidth = (network.bandwidth_max * rest)[groups.index]
    clock = (network.server_frequency_max * rest)[groups.index]
    bandwidth[rows], price = share_bandwidth(
        Uplink.of(network, active.users, active.server), active, network.bandwidth_max * (1 - left)
    )
    clock[rows], clock_price = share_clock(
        work.take(rows), active, layers[rows], network.server_frequency_max * (1 - left), equal
    )
    return bandwidth, price, clock, clock_price


def _checked(network: Network, association: IntArray) -> IntArray:
    association = np.asarray(association)
    if association.shape != (network.users,) or not np.issubdtype(association.dtype, np.integer):
        shape = f"{association.dtype} of shape {association.shape}"
        raise ScenarioError("association", "type", shape, f"integers of shape ({network.users},)")
    if not np.all((association >= 0) & (association < network.servers)):
        raise ScenarioError("association", "server", association, f"0..{network.servers - 1}")
    return association.astype(np.int64)


def _checked_layers(network: Network, local_layers: Array) -> Array:
    layers = np.asarray(local_layers, dtype=np.float64)
    good = (layers >= 0) & (layers <= network.layers) if layers.shape == (network.users,) else False
    if not np.all(good):
        allowed = f"numbers in 0..{network.layers} of shape ({network.users},)"
        raise ScenarioError("allocate", "local_layers", layers, allowed)
    return layers
