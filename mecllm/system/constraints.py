"""The constraints (9a)-(9g): what a decision violates, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.system.model import Decision, check_domain, server_load
from mecllm.system.network import Network

# Solvers return points that miss a constraint by their own tolerance (1e-8 in scaled units), and
# sums over thousands of users add rounding; a relative excess below this is not a violation.
_FEASIBILITY_TOLERANCE = 1e-7
# Without a price of time a slower clock is always better and no slowest one exists, so that the
# model has one, which the paper lacks: this share of a device's maximum and, for what a user gets
# of a server, its square. A layer then costs 1e-12 of what it costs at a device's maximum.
LEAST_CLOCK = 1e-6


@dataclass(frozen=True)
class Violation:
    """One violated constraint: the paper's equation, where, and by how much (relative)."""

    equation: str
    index: int
    amount: float
    text: str


def feasibility(
    network: Network, decision: Decision, integer: bool = True
) -> tuple[Violation, ...]:
    """List each violated constraint of (9a)-(9g) by its equation number, worst index and amount.

    The mended (9a) asks for 1 <= α <= Υ-1: at α = Υ the paper's bound is infinite. The lower bounds
    on power and clocks, which the paper lacks, are listed as (9d), (9f) and (9g). (9b) and (9c)
    hold by construction: a decision stores one server per user.

    Parameters
    ----------
    decision : Decision
        Of this network.
    integer : bool
        Whether α must be integer (9a) or only within its bounds (12a).

    Returns
    -------
    tuple of Violation
        Empty when the decision is feasible.

    Raises
    ------
    ScenarioError
        For a decision of another network or outside the model's domain.
    """
    check_domain(network, decision)
    m = decision.association
    alpha = decision.local_layers
    excess = {
        "9a": np.maximum(1 - alpha, alpha - (network.layers - 1)),
        "9d": np.maximum(
            decision.power / network.power_max - 1, 1 - decision.power / network.power_min
        ),
        "9e": server_load(network, m, decision.bandwidth) / network.bandwidth_max - 1,
        "9f": np.maximum(
            decision.user_frequency / network.user_frequency_max - 1,
            1 - decision.user_frequency / (LEAST_CLOCK * network.user_frequency_max),
        ),
        "9g": server_load(network, m, decision.server_frequency) / network.server_frequency_max - 1,
    }
    if integer:
        excess["9a"] = np.maximum(excess["9a"], np.abs(alpha - np.round(alpha)))
    if network.formulation.capacity == "equal":
        excess["9e"], excess["9g"] = np.abs(excess["9e"]), np.abs(excess["9g"])
    # A server is over its limit, or gives a user less than the least.
    least = LEAST_CLOCK**2 * network.server_frequency_max[m]
    np.maximum.at(excess["9g"], m, 1 - decision.server_frequency / least)
    what = {
        "9a": "local layers outside {{1..Υ-1}}, by {:.3g} layers",
        "9d": "power outside its bounds, by {:.3g} of the bound",
        "9e": "bandwidth of the server, off by {:.3g} of it",
        "9f": "user clock outside its bounds, by {:.3g} of the bound",
        "9g": "clock of the server, or a user's share of it, off by {:.3g} of the bound",
    }
    return tuple(
        Violation(equation, int(i), float(amount[i]), what[equation].format(amount[i]))
        for equation, amount in excess.items()
        for i in np.flatnonzero(amount > _FEASIBILITY_TOLERANCE)
    )
