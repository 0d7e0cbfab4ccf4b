"""The Lagrangian dual of P2: at a price of each server's bandwidth and clock users fall apart.

    D(λ, ν) = Σ_n min_m [V_nm(λ_m) + J_nm(ν_m)] - Σ_m (λ_m b_m^max + ν_m f_m^max)

with V and J of `pairs`. D is concave and at most the optimum of P2, whatever the prices, as long as
they are not negative where the capacities are inequalities.
"""

from __future__ import annotations

import numpy as np

from mecllm.certified.pairs import Prices
from mecllm.certified.screening import near
from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array
from mecllm.system.network import Network

# Each term of D carries a relative rounding error of some 1e-14 (a few dozen operations, Newton's
# residual of 1e-12 enters squared, as the terms are minima); this covers it a hundred times.
ROUNDING_MARGIN = 1e-12


def lower_bound(network: Network, prices: Prices) -> float:
    """D(λ, ν) less its rounding margin: a certified lower bound on P2, all N·M pairs covered.

    Raises
    ------
    ScenarioError
        For prices of the wrong sign.
    """
    _check_sign(network, prices)
    pairs, cost = near(network, prices, 0.0)
    return dual_value(network, prices, pairs.least(cost))


def dual_value(network: Network, prices: Prices, least: Array) -> float:
    """D less its rounding margin, from the least cost (N,) of each user at the prices.

    Parameters
    ----------
    prices : Prices
        λ and ν, not negative where the capacities are inequalities.
    least : array (N,)
        min over m of V + J for each user, over all servers.

    Returns
    -------
    float
        A lower bound on P2.

    Raises
    ------
    ScenarioError
        For prices of the wrong sign.
    """
    _check_sign(network, prices)
    paid = prices.bandwidth * network.bandwidth_max
    paid = paid + prices.frequency * network.server_frequency_max
    magnitude = float(np.abs(least).sum() + np.abs(paid).sum())
    return float(least.sum()) - float(paid.sum()) - ROUNDING_MARGIN * magnitude


def _check_sign(network: Network, prices: Prices) -> None:
    if np.any(prices.bandwidth < 0) or not np.all(np.isfinite(prices.bandwidth)):
        raise ScenarioError("prices", "bandwidth", prices.bandwidth.min(), "finite numbers >= 0")
    signed = network.formulation.capacity == "equal"
    if not np.all(np.isfinite(prices.frequency)) or (not signed and np.any(prices.frequency < 0)):
        allowed = "finite numbers" + ("" if signed else " >= 0")
        raise ScenarioError("prices", "frequency", prices.frequency.min(), allowed)
