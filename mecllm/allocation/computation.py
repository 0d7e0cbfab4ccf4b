"""Exact clocks and layers: f^U, f^E and α of Section 4.1 without the fractional transform.

R = Υ - α layers at a server cost R B(f) with B(f) = w (T/f + E κ f²), w = ψ/(C D), T = ω_t and
E = ω_e. At a price ν of the server's clock, the minimiser of R B(f) + ν f is the positive root of

    2 R w E κ f³ + ν f² - R w T = 0;

in units of f̂ = (T/(2 E κ))^(1/3), the clock a server would choose without a limit, it reads
t³ + η t² = 1 with η = ν f̂²/(R w T). The minimum over f is concave in ν with slope f.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mecllm.allocation.groups import Groups, Mask
from mecllm.system.arrays import Array, IntArray
from mecllm.system.constraints import LEAST_CLOCK
from mecllm.system.equations import computation_delay, computation_energy, layer_cost_slopes
from mecllm.system.model import local_layer_cost, stability_terms
from mecllm.system.network import Network

_MAX_STEPS = 60
# Newton's steps are quadratic: after one of 1e-7 the error is 1e-14.
_LAST_MISS = 1e-7


@dataclass(frozen=True, eq=False)
class Work:
    """Constants of the layers of some user-server pairs; arrays that broadcast.

    Parameters
    ----------
    local_cost : array
        A(f_n*) of (14) at the user's best clock.
    stability_scale, stability_edge : array, float
        ω_s c_n and e of the bound c/(e - α/Υ).
    flops : array
        w = ψ/(C D) [cycle] of a layer at the server.
    kappa : array
        κ2 [W/Hz³] of the server.
    cap : array
        f^max [Hz] of the server.
    layers : int
        Υ.
    delay, energy : float
        T [1/s] and E [1/J].
    """

    local_cost: Array
    stability_scale: Array
    stability_edge: float
    flops: Array
    kappa: Array
    cap: Array
    layers: int
    delay: float
    energy: float

    @classmethod
    def of(cls, network: Network, users: IntArray, servers: IntArray) -> Work:
        """Take the pairs (users, servers), index arrays that broadcast, from a network.

        Parameters
        ----------
        users, servers : int array
            Indices that broadcast against each other: (K,) and (K,), or (N, 1) and (M,).

        Returns
        -------
        Work
            Of the pairs.
        """
        local_cost, scale, edge = _of_users(network)
        return cls(
            local_cost=local_cost[users],
            stability_scale=scale[users],
            stability_edge=edge,
            flops=network.flops_per_layer[users] / network.server_throughput[servers],
            kappa=network.server_kappa[servers],
            cap=network.server_frequency_max[servers],
            layers=network.layers,
            delay=network.weights.delay,
            energy=network.weights.energy,
        )

    def take(self, rows: IntArray | Mask | slice) -> Work:
        """Return the pairs of some rows, when the arrays have one axis."""
        names = ("local_cost", "stability_scale", "flops", "kappa", "cap")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def layer_cost(self, clock: Array) -> Array:
        """B(f) of one layer at the server: equation (15)."""
        # `flops` are divided by the throughput already.
        one = np.ones(())
        delay = self.delay * computation_delay(self.flops, clock, one)
        return delay + self.energy * computation_energy(self.flops, clock, one, self.kappa)

    def home_cost(self, layers: Array) -> Array:
        """α A + ω_s times the stability bound: what does not depend on the server."""
        bound = self.stability_scale / (self.stability_edge - layers / self.layers)
        return layers * self.local_cost + np.where(self.stability_scale > 0, bound, 0.0)

    def cost(self, layers: Array, clock: Array) -> Array:
        """α A + (Υ-α) B(f) + ω_s times the stability bound: what (12) charges beside the upload.

        Parameters
        ----------
        layers : array
            α.
        clock : array
            f [Hz] at the server.

        Returns
        -------
        array
            In units of the objective.
        """
        return self.home_cost(layers) + (self.layers - layers) * self.layer_cost(clock)

    def clock(self, price: Array, remaining: Array) -> Array:
        """Clock [Hz] that minimises R B(f) + ν f, at most the server's whole clock.

        Parameters
        ----------
        price : array
            ν [1/Hz], of any sign.
        remaining : array
            R = Υ - α > 0.

        Returns
        -------
        array
            f [Hz], at least the square of `LEAST_CLOCK` times the server's.
        """
        cycles = remaining * self.flops
        with np.errstate(divide="ignore", over="ignore"):
            if self.delay > 0 and self.energy > 0:
                free = self.free_clock()
                clock = free * _cubic(price * free**2 / (cycles * self.delay))
            elif self.delay > 0:
                clock = np.sqrt(cycles * self.delay / np.maximum(price, 0.0))
            elif self.energy > 0:
                clock = -np.minimum(price, 0.0) / (2 * cycles * self.energy * self.kappa)
            else:
                clock = np.where(price < 0, self.cap, 0.0) + 0.0 * cycles
        return np.minimum(np.maximum(clock, LEAST_CLOCK**2 * self.cap), self.cap)

    def worth(self, layers: Array, clock: Array) -> tuple[Array, Array]:
        """-∂cost/∂f, what one more hertz saves ((31) with its sign turned), and its scale.

        Parameters
        ----------
        layers : array
            α.
        clock : array
            f [Hz] at the server.

        Returns
        -------
        worth, scale : array
            [1/Hz]: what the delay saves less what the energy adds, and the sum of the two.
        """
        one = np.ones(())
        saved, added = layer_cost_slopes(
            self.flops, clock, one, self.kappa, self.delay, self.energy
        )
        remaining = self.layers - layers
        return remaining * (saved - added), remaining * (saved + added)

    def firmness(self, layers: Array, clock: Array) -> Array:
        """∂²cost/∂f² [1/Hz²], by which a price moves its clock the less.

        Parameters
        ----------
        layers : array
            α.
        clock : array
            f [Hz] at the server.

        Returns
        -------
        array
            Not negative; infinite where neither time nor energy counts, since no price moves f.
        """
        bend = 2 * (self.delay / clock**3 + self.energy * self.kappa)
        return (self.layers - layers) * self.flops * bend if np.any(bend) else np.inf + 0 * clock

    def free_clock(self) -> Array:
        """Return f̂ [Hz], the clock of least cost were it free of charge and limit."""
        return np.cbrt(self.delay / (2 * self.energy * self.kappa))


@lru_cache(maxsize=4)
def _of_users(network: Network) -> tuple[Array, Array, float]:
    """A(f_n*), ω_s c_n (N,) and e; kept, as pairs are taken from a network block by block."""
    scale, edge = stability_terms(network)
    local_cost = local_layer_cost(network, user_frequency(network))
    return local_cost, network.weights.stability * scale, edge


def user_frequency(network: Network) -> Array:
    """Best clock (N,) [Hz] of each device, min(f^max, (ω_t/(2 ω_e κ1))^(1/3)): root of (25)."""
    weights, cap = network.weights, network.user_frequency_max
    if weights.energy == 0:
        return cap.copy()
    free = np.cbrt(weights.delay / (2 * weights.energy * network.user_kappa))
    return np.clip(free, LEAST_CLOCK * cap, cap)


def share_clock(
    work: Work, groups: Groups, layers: Array, capacity: Array, equal: bool
) -> tuple[Array, Array]:
    """Clocks of least total cost in each group at given α < Υ, and their price.

    Parameters
    ----------
    work : Work
        Pairs (K,), one a row.
    groups : Groups
        Which rows share a server.
    layers : array (K,)
        α.
    capacity : array (G,)
        f^max [Hz] of each group.
    equal : bool
        Whether all of it must be handed out, as (9g) prints.

    Returns
    -------
    clock : array (K,)
        f [Hz].
    price : array (G,)
        Multiplier ν [1/Hz] of (9g): not negative unless `equal`; zero for an empty group.
    """
    size = groups.size
    cycles = (work.layers - layers) * work.flops
    spread = groups.index
    zero = np.zeros(len(size))
    if work.delay == 0 and (work.energy == 0 or not equal):
        share = np.ones(len(spread)) if equal or work.energy == 0 else LEAST_CLOCK
        return share * (capacity / np.maximum(size, 1))[spread], zero
    if work.delay == 0 or work.energy == 0:
        # f is proportional to 1/(R w) where only energy counts, to (R w)^(1/2) where only delay.
        part = np.sqrt(cycles) if work.energy == 0 else 1 / (cycles * work.kappa)
        clock = part * (capacity / np.where(size, groups.total(part), 1.0))[spread]
        layer = work.layer_cost(clock) * (work.layers - layers)
        slope = -layer / clock if work.energy == 0 else 2 * layer / clock
        return clock, -groups.total(slope) / np.maximum(size, 1)
    free = np.zeros(len(size))
    free[spread] = work.free_clock()
    used = (size > 0) & (equal | (free * size > capacity))
    target = np.where(used, capacity / np.where(used, free * size, 1.0), 1.0)
    level = 1 / target**2 - target
    # At the price of the level, a group of like rows would just fill the server.
    extent = np.stack([-groups.largest(-cycles), groups.largest(cycles)])
    ends = np.sort(level * np.where(used, extent, 0.0), axis=0)
    count = np.maximum(size, 1)
    inverse = groups.total(1 / cycles) / count
    root = groups.total(np.sqrt(cycles)) / count
    scaled = np.where(level > 0, (root / target) ** 2, -target / np.where(used, inverse, 1.0))
    scaled = np.clip(scaled, *ends)
    for _ in range(_MAX_STEPS):
        unit = _cubic(scaled[spread] / cycles)
        give = -(unit**3) / (unit**3 + 2) / cycles
        mean = np.where(used, groups.total(unit) / count, 1.0)
        slope = np.where(used, groups.total(give) / count, 1.0)
        # mean^-2 is almost linear in a positive price, the mean itself in a negative one.
        miss = np.where(level > 0, (mean**3 / target**2 - mean) / 2, mean - target)
        step = np.minimum(np.maximum(scaled - miss / slope, ends[0]), ends[1]) - scaled
        scaled = scaled + step
        if np.abs(mean / target - 1).max(initial=0.0) < _LAST_MISS:
            break
    # The slopes carry the clocks along with the last step.
    unit, mean = unit + (give * step[spread]), mean + slope * step
    clock = unit * (free * np.where(used, target / mean, 1.0))[spread]
    return clock, scaled * work.delay / np.where(size, free, 1.0) ** 2


def _cubic(eta: Array) -> Array:
    """Positive root of t³ + η t² = 1, as 1/s with s³ - η s = 1.

    The start is within 1.5 %, and Halley's steps are cubic: two end at the rounding.
    """
    # Beyond, the clock is at one of its bounds whatever the root, whose powers would overflow.
    eta = np.clip(eta, -1e90, 1e90)
    up = np.maximum(eta, 0.0)
    s = np.sqrt(up + 1 / np.sqrt(up + 1))
    if np.any(eta < 0):
        down = np.maximum(-eta, 0.0)
        s = s / (down + 1 / (1 + down * (2 / 3 + down / 2)))
    for _ in range(2):
        square = s * s
        value, slope = s * (square - eta) - 1, 3 * square - eta
        s = s - value * slope / (slope**2 - 3 * s * value)
    return 1 / s
