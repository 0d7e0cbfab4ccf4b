"""Exact power and bandwidth: Section 4.1 without the fractional transform.

A user that gets the bandwidth b pays min_p (T + E p) s / r(b, p) over p_min <= p <= p_max, where
E = ω_e and T is ω_t, or 0 where the upload's time is not charged. With x = g p/(σ² b) the
signal-to-noise ratio and u = ln(1 + x), the free minimiser obeys

    1 + (u - 1) e^u = T g / (E σ² b),      that is  u = 1 + W((T g/(E σ² b) - 1)/e),

W being Lambert's function; a bound on p stops it. The value is convex and decreasing in b, with the
slope -λ = -s ln 2 (T + E p) c(u)/b², c(u) = (u - 1 + e^-u)/u². Every equation below is solved in
the logarithm of u, where it is convex and increasing, so that Newton's method cannot fail, at
signal-to-noise ratios of 1e-12 as of 1e12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mecllm.allocation.groups import Groups
from mecllm.allocation.logarithm import (
    MAX_STEPS,
    curvature,
    free_price,
    free_ratio,
    log_free_ratio,
    root,
    stopped_price,
)
from mecllm.system.arrays import Array, IntArray
from mecllm.system.equations import transmission_rate
from mecllm.system.network import Network

# A price of zero asks for unlimited bandwidth. This one asks for an astronomic but finite one, at a
# value that differs from the limit by less than rounding.
LEAST_PRICE = 1e-200
# Elasticities change by at most 0.01 of a step in ln λ: one of this size leaves an error of 1e-11.
_LAST_PRICE_STEP = 2e-5


@dataclass(frozen=True, eq=False)
class Uplink:
    """Constants of the uploads of some user-server pairs; arrays that broadcast.

    Parameters
    ----------
    gain : array
        g, dimensionless.
    payload : array
        s [bit].
    power_min, power_max : array
        Bounds on p [W].
    noise : float
        σ² [W/Hz].
    delay, energy : float
        T [1/s] and E [1/J], the prices of time and energy.
    """

    gain: Array
    payload: Array
    power_min: Array
    power_max: Array
    noise: float
    delay: float
    energy: float

    @classmethod
    def of(cls, network: Network, users: IntArray, servers: IntArray) -> Uplink:
        """Take the pairs (users, servers), index arrays that broadcast, from a network.

        Parameters
        ----------
        users, servers : int array
            Indices that broadcast against each other: (K,) and (K,), or (N, 1) and (M,).

        Returns
        -------
        Uplink
            Of the pairs.
        """
        return cls(
            gain=network.gain[users, servers],
            payload=network.payload[users],
            power_min=network.power_min[users],
            power_max=network.power_max[users],
            noise=network.noise_density,
            delay=network.weights.delay if network.formulation.transmission_delay else 0.0,
            energy=network.weights.energy,
        )

    @property
    def free(self) -> bool:
        """Whether the upload costs nothing, both weights being zero."""
        return self.delay == 0 and self.energy == 0

    def cost(self, bandwidth: Array, power: Array) -> Array:
        """Weighted cost of the upload, (T + E p) s / r: equations (3) and (4).

        Parameters
        ----------
        bandwidth : array
            b [Hz].
        power : array
            p [W].

        Returns
        -------
        array
            In units of the objective.
        """
        rate = transmission_rate(bandwidth, power, self.gain, self.noise)
        return (self.delay + self.energy * power) * self.payload / rate

    def worth(self, bandwidth: Array, power: Array) -> Array:
        """-∂cost/∂b [1/Hz]: what one more hertz saves; (29) with its sign turned.

        Parameters
        ----------
        bandwidth : array
            b [Hz].
        power : array
            p [W].

        Returns
        -------
        array
            [1/Hz], positive.
        """
        u = np.log1p(self.gain * power / (self.noise * bandwidth))
        return self.cost(bandwidth, power) * curvature(u) * u / bandwidth

    def power_elasticity(self, bandwidth: Array, power: Array) -> Array:
        """∂ ln cost / ∂ ln p: the gradient (28), free of units.

        Parameters
        ----------
        bandwidth : array
            b [Hz].
        power : array
            p [W].

        Returns
        -------
        array
            Zero where the power is the free minimiser.
        """
        snr = self.gain * power / (self.noise * bandwidth)
        return self.energy * power / (self.delay + self.energy * power) - (
            snr / (1 + snr) / np.log1p(snr)
        )

    def best_power(self, bandwidth: Array) -> Array:
        """Power [W] of least cost at a bandwidth [Hz], between its bounds."""
        if self.delay == 0 or self.energy == 0:
            return self._power_at_a_bound()
        log_ratio = math.log(self.delay / self.energy) - self._log_unit - np.log(bandwidth)
        u = root(log_ratio, free_ratio)
        return self._within_bounds(self._free_power(u, curvature(u)))

    def demand(self, price: Array) -> tuple[Array, Array, Array]:
        """Bandwidth [Hz] and power [W] that minimise cost + price * bandwidth, and elasticity.

        Parameters
        ----------
        price : array
            λ [1/Hz], one a pair.

        Returns
        -------
        bandwidth, power, elasticity : array
            b(λ), p and d ln b / d ln λ, which lies in [-2/3, -1/2] at every signal-to-noise ratio.
        """
        level = np.log(np.maximum(price, LEAST_PRICE)) + self._log_scale
        if self.delay == 0 or self.energy == 0:
            power = self._power_at_a_bound()
            bandwidth, elasticity = self._demand_at(power, level, self._log_unit)
            return bandwidth, power, elasticity
        log_ratio = math.log(self.delay / self.energy)
        u = root(level + (log_ratio - math.log(self.energy)), free_price)
        curve = curvature(u)
        free = self._free_power(u, curve)
        power = self._within_bounds(free)
        bandwidth = np.exp(log_ratio - self._log_unit - log_free_ratio(u, curve))
        elasticity = -1 / (2 - curve)
        stopped = np.flatnonzero(power != free)
        if len(stopped):
            bandwidth[stopped], elasticity[stopped] = self._demand_at(
                power[stopped], level[stopped], self._log_unit[stopped]
            )
        return bandwidth, power, elasticity

    def _power_at_a_bound(self) -> Array:
        # Without a price of time the least power is best; without one of energy, the most.
        chosen = self.power_min if self.delay == 0 else self.power_max
        return np.broadcast_to(chosen, np.broadcast_shapes(chosen.shape, self.gain.shape))

    def _within_bounds(self, power: Array) -> Array:
        return np.minimum(np.maximum(power, self.power_min), self.power_max)

    def _free_power(self, u: Array, curve: Array) -> Array:
        return self.delay / self.energy * -np.expm1(-u) / (u**2 * curve)

    @cached_property
    def _log_unit(self) -> Array:
        """Ln of σ²/g."""
        return math.log(self.noise) - np.log(self.gain)

    @cached_property
    def _log_scale(self) -> Array:
        """Ln of g²/(σ⁴ s ln 2)."""
        return -2 * self._log_unit - np.log(self.payload * math.log(2))

    def _demand_at(self, power: Array, level: Array, log_unit: Array) -> tuple[Array, Array]:
        """Bandwidth and elasticity (K,) at a power, from ln of λ g²/(σ⁴ s ln 2) and of σ²/g."""
        log_power = np.log(power)
        target = level + 2 * log_power - np.log(self.delay + self.energy * power)
        u = root(target, stopped_price)
        fall, slope = np.expm1(-u), stopped_price(u)[1]
        return np.exp(log_power - log_unit - u) / -fall, u / fall / slope


def share_bandwidth(uplink: Uplink, groups: Groups, capacity: Array) -> tuple[Array, Array]:
    """Bandwidth of least total cost in each group, and its price.

    The cost falls in b, so that a server hands out all it has under (9e) as printed and under the
    inequality alike; where the upload costs nothing the shares are equal and the price is zero.

    Parameters
    ----------
    uplink : Uplink
        Pairs (K,), one a row.
    groups : Groups
        Which rows share a server.
    capacity : array (G,)
        b^max [Hz] of each group.

    Returns
    -------
    bandwidth : array (K,)
        b [Hz].
    price : array (G,)
        Multiplier λ [1/Hz] of (9e); zero for an empty group.
    """
    size = groups.size
    equal = (capacity / np.maximum(size, 1))[groups.index]
    if uplink.free or not len(equal):
        return equal, np.zeros(len(size))
    # Nobody asks an empty group; any capacity does, but 0, the share left of an idle server.
    capacity = np.where(size, capacity, 1.0)
    # The price at which the average row would ask for the average share.
    worth = uplink.worth(equal, uplink.best_power(equal))
    log_price = groups.total(np.log(worth)) / np.maximum(size, 1)
    for _ in range(MAX_STEPS):
        bandwidth, _, elasticity = uplink.demand(np.exp(log_price)[groups.index])
        total = np.where(size, groups.total(bandwidth), capacity)
        slope = np.where(size, groups.total(bandwidth * elasticity) / total, -1.0)
        # Slopes stay within [-2/3, -1/2], so the step cannot overshoot by more than a third.
        step = np.log(capacity / total) / slope
        log_price = log_price + step
        if np.abs(step).max() < _LAST_PRICE_STEP:
            break
    # The elasticities carry the bandwidths along with the last step.
    bandwidth = bandwidth * np.exp(elasticity * step[groups.index])
    total = np.where(size, groups.total(bandwidth), capacity)
    return bandwidth * (capacity / total)[groups.index], np.where(size, np.exp(log_price), 0.0)
