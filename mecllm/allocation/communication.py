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

from dataclasses import dataclass

import numpy as np

from mecllm.allocation.groups import Groups
from mecllm.allocation.logarithm import (
    LAST_STEP,
    MAX_STEPS,
    curvature,
    free_price,
    free_ratio,
    log_free_ratio,
    root,
    stopped_price,
)
from mecllm.model import transmission_rate
from mecllm.network import Array, IntArray, Network

# A price of zero asks for unlimited bandwidth. This one asks for an astronomic but finite one, at a
# value that differs from the limit by less than rounding.
LEAST_PRICE = 1e-200
# ln of the tabulated value has a second derivative below 1/4; on 4096 cells over a range of 200
# linear interpolation errs by less than (200/4096)²/32 = 8e-5.
TABLE_SLACK = 1e-4


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
        """Take the pairs (users, servers), index arrays that broadcast, from a network."""
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
        """Weighted cost of the upload, (T + E p) s / r: equations (3) and (4)."""
        rate = transmission_rate(bandwidth, power, self.gain, self.noise)
        return (self.delay + self.energy * power) * self.payload / rate

    def worth(self, bandwidth: Array, power: Array) -> Array:
        """-∂cost/∂b [1/Hz]: what one more hertz saves; (29) with its sign turned."""
        u = np.log1p(self.gain * power / (self.noise * bandwidth))
        return self.cost(bandwidth, power) * curvature(u) * u / bandwidth

    def power_elasticity(self, bandwidth: Array, power: Array) -> Array:
        """∂ ln cost / ∂ ln p: the gradient (28), free of units."""
        snr = self.gain * power / (self.noise * bandwidth)
        return self.energy * power / (self.delay + self.energy * power) - (
            snr / (1 + snr) / np.log1p(snr)
        )

    def best_power(self, bandwidth: Array) -> Array:
        """Power [W] of least cost at a bandwidth [Hz], between its bounds."""
        if self.delay == 0 or self.energy == 0:
            return self._power_at_a_bound()
        with np.errstate(over="ignore"):
            log_ratio = (
                np.log(self.delay / self.energy / self.noise)
                + np.log(self.gain)
                - np.log(bandwidth)
            )
        u = root(log_ratio, free_ratio)
        return np.clip(self._free_power(u), self.power_min, self.power_max)

    def demand(self, price: Array) -> tuple[Array, Array, Array]:
        """Bandwidth [Hz] and power [W] that minimise cost + price * bandwidth, and elasticity.

        Parameters
        ----------
        price : array
            λ [1/Hz], broadcasts with the pairs.

        Returns
        -------
        bandwidth, power, elasticity : array
            b(λ), p and d ln b / d ln λ, which lies in [-2/3, -1/2] at every signal-to-noise ratio.
        """
        log_price = np.log(np.maximum(price, LEAST_PRICE))
        log_unit = np.log(self.noise) - np.log(self.gain)
        log_bit = np.log(self.payload) + np.log(np.log(2))
        if self.delay == 0 or self.energy == 0:
            power = self._power_at_a_bound()
            bandwidth, elasticity = self._demand_at(power, log_price, log_unit, log_bit)
            return bandwidth, np.broadcast_to(power, bandwidth.shape), elasticity
        log_scale = log_price + np.log(self.delay) - 2 * np.log(self.energy)
        target = log_scale - log_bit - 2 * log_unit
        u = root(target, free_price)
        curve = curvature(u)
        power = self._free_power(u)
        log_bandwidth = np.log(self.delay / self.energy) - log_unit - log_free_ratio(u, curve)
        bandwidth, elasticity = np.exp(log_bandwidth), -1 / (2 - curve)
        bound = (power > self.power_max) | (power < self.power_min)
        if np.any(bound):
            power = np.clip(power, self.power_min, self.power_max)
            shape = bandwidth.shape
            parts = (np.broadcast_to(a, shape)[bound] for a in (log_price, log_unit, log_bit))
            bandwidth[bound], elasticity[bound] = self._demand_at(power[bound], *parts)
        return bandwidth, power, elasticity

    def least_lagrangian(self, log_price: Array, log_gain: Array) -> Array:
        """Quick lower bound on min over (p, b) of cost + λ b, for screening many pairs.

        Drops the bounds on p where p is free between them, which leaves a function of one number,
        tabulated here; `TABLE_SLACK` covers the interpolation. Arrays broadcast against the gain's.
        """
        if self.free:
            return np.zeros(np.broadcast_shapes(log_price.shape, log_gain.shape))
        log_bit = np.log(self.payload) + np.log(np.log(2))
        if self.delay > 0 and self.energy > 0:
            target = np.log(self.delay) - 2 * np.log(self.energy) - log_bit
            scale = log_bit + np.log(self.energy * self.noise)
            forward = free_price
        else:
            power = self.power_min if self.delay == 0 else self.power_max
            log_cost = np.log(self.delay + self.energy * power)
            target = 2 * np.log(power) - log_bit - log_cost
            scale = log_bit + log_cost + np.log(self.noise) - np.log(power)
            forward = stopped_price
        argument = log_price + 2 * log_gain + (target - 2 * np.log(self.noise))
        low, high = float(argument.min()), float(argument.max())
        grid = np.linspace(low, max(high, low + 1.0), 4097)
        u = root(grid, forward)
        curve = curvature(u)
        if forward is free_price:
            value = np.log(np.exp(u) + np.exp(log_free_ratio(u, curve)) / u)
        else:
            value = u + np.log(-np.expm1(-u)) + np.log(1 / u + curve)
        place = (argument - low) * (4096 / (grid[-1] - low))
        cell = np.minimum(place.astype(np.int32), 4095)
        rise = np.diff(value)
        table = value[cell] + (place - cell) * rise[cell]
        return np.exp(scale - log_gain + table - TABLE_SLACK)

    def _power_at_a_bound(self) -> Array:
        # Without a price of time the least power is best; without one of energy, the most.
        chosen = self.power_min if self.delay == 0 else self.power_max
        return np.broadcast_to(chosen, np.broadcast_shapes(chosen.shape, self.gain.shape))

    def _free_power(self, u: Array) -> Array:
        return self.delay / self.energy * -np.expm1(-u) / (u**2 * curvature(u))

    def _demand_at(
        self, power: Array, log_price: Array, log_unit: Array, log_bit: Array
    ) -> tuple[Array, Array]:
        log_reach = np.log(power) - log_unit
        target = log_price + 2 * log_reach - log_bit - np.log(self.delay + self.energy * power)
        u = root(target, stopped_price)
        slope = stopped_price(u)[1]
        bandwidth = np.exp(log_reach - u - np.log(-np.expm1(-u)))
        return bandwidth, u / np.expm1(-u) / slope


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
        if np.max(np.abs(step)) < LAST_STEP:
            break
    price = np.where(size, np.exp(log_price), 0.0)
    return bandwidth * (capacity / total)[groups.index], price
