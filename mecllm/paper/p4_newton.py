"""P4, equation (13), block by block: K is separable, so no modelling language is needed.

At fixed auxiliaries K falls into a function of each α_n, one of each f_n, and one of each pair
(p_n, b_n) and clock f_{n,m}, which only the sums (9e) and (9g) couple. The first two have closed
forms or a monotone scalar equation; the others are convex and solved by Newton's method with one
multiplier a server. This is the same problem as `mecllm.paper.p4_cvxpy` hands to Clarabel, some
twenty times faster; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mecllm.allocation import Groups, user_frequency
from mecllm.allocation.logarithm import rate_slope
from mecllm.errors import SolverError
from mecllm.paper.surrogate_k import Multipliers
from mecllm.system.arrays import Array
from mecllm.system.constraints import LEAST_CLOCK
from mecllm.system.equations import layer_cost_slopes, transmission_rate
from mecllm.system.model import Decision, edge_layer_cost, local_layer_cost, stability_terms
from mecllm.system.network import Network

# Newton's method is quadratic near the solution; from the previous iterate 15 is the most seen.
_MAX_STEPS = 100
# Largest share of itself that an amount may lose in one step.
_LARGEST_FALL = 0.8
# Newton's decrement at which a group is done, relative to its value: its square root is the
# relative error of the amounts.
_DECREMENT = 1e-22

_Derivatives = Callable[[Array], tuple[Array, Array, Array]]


class SeparableProblem:
    """P4 for one network and association, the auxiliaries as arguments of `solve`.

    Parameters
    ----------
    start : Decision
        Feasible point whose association is kept; each solution is the start of the next solve.
    """

    def __init__(self, network: Network, start: Decision) -> None:
        self.network, self._last = network, start
        self._groups = Groups.of(start.association, network.servers)
        self._gain = network.link_gain(start.association) / network.noise_density

    def solve(self, local: Array, upload: Array, edge: Array) -> tuple[Decision, Multipliers]:
        """Minimise K at fixed auxiliaries.

        Parameters
        ----------
        local, upload, edge : array (N,)
            z, v and q.

        Returns
        -------
        decision : Decision
            The minimiser, α relaxed.
        multipliers : Multipliers
            Of its constraints.

        Raises
        ------
        SolverError
            When Newton's method does not settle.
        """
        n, m = self.network, self._last.association
        layers, layers_slope = self._layers(local, edge)
        clock = user_frequency(n)
        power, bandwidth, power_slope, bandwidth_price = self._uplink(upload)
        server, server_price = self._server(edge)
        cost = local_layer_cost(n, clock)
        saved, added = layer_cost_slopes(
            n.flops_per_layer,
            clock,
            n.user_throughput,
            n.user_kappa,
            n.weights.delay,
            n.weights.energy,
        )
        clock_slope = cost / (2 * local) * (added - saved)
        low, high = layers <= 1, layers >= n.layers - 1
        self._last = Decision(m, layers, power, bandwidth, clock, server)
        return self._last, Multipliers(
            layers_low=np.where(low, np.maximum(layers_slope, 0), 0.0),
            layers_high=np.where(high, np.maximum(-layers_slope, 0), 0.0),
            power_low=np.where(power <= n.power_min, np.maximum(power_slope, 0), 0.0),
            power_high=np.where(power >= n.power_max, np.maximum(-power_slope, 0), 0.0),
            user_frequency=np.where(
                clock >= n.user_frequency_max, np.maximum(-clock_slope, 0), 0.0
            ),
            bandwidth=bandwidth_price,
            server_frequency=server_price,
        )

    def _layers(self, local: Array, edge: Array) -> tuple[Array, Array]:
        """α: the slope of K is increasing and convex, so Newton from the right end descends."""
        n = self.network
        scale, end = stability_terms(n)
        price = n.weights.stability * scale / n.layers

        def slope(layers: Array) -> Array:
            pull = price / (end - layers / n.layers) ** 2
            return 2 * local * layers - 2 * edge * (n.layers - layers) + pull

        layers = np.full(n.users, n.layers - 1.0)
        for _ in range(_MAX_STEPS):
            curvature = 2 * (local + edge + price / (n.layers * (end - layers / n.layers) ** 3))
            step = np.minimum(layers - slope(layers) / curvature, n.layers - 1.0)
            step = np.maximum(step, 1.0)
            settled = np.max(np.abs(step - layers)) < 1e-13 * n.layers
            layers = step
            if settled:
                return layers, slope(layers)
        raise SolverError("Newton's method for the layers of P4 did not settle")

    def _server(self, edge: Array) -> tuple[Array, Array]:
        """f^E: minimise Σ B(f)²/(4q) under (9g)."""
        n, m = self.network, self._last.association
        throughput, kappa = n.server_throughput[m], n.server_kappa[m]
        delay, energy = n.weights.delay, n.weights.energy

        def derivatives(clock: Array) -> tuple[Array, Array, Array]:
            cost = edge_layer_cost(n, m, clock)
            saved, added = layer_cost_slopes(
                n.flops_per_layer, clock, throughput, kappa, delay, energy
            )
            first, second = added - saved, (added + 2 * saved) / clock
            return (
                cost**2 / (4 * edge),
                cost * first / (2 * edge),
                ((first**2 + cost * second) / (2 * edge)),
            )

        clock, price = _share(
            self._groups, n.server_frequency_max, self._last.server_frequency, derivatives
        )
        if n.formulation.capacity == "at_most":
            # What each user would take from an unlimited server; where it fits, it is free. Time
            # without a price would stop the clock; the floor is the one of `allocate`.
            with np.errstate(divide="ignore", invalid="ignore"):
                free = np.cbrt(delay / (2 * energy * kappa))
            free = np.maximum(
                np.nan_to_num(free, posinf=np.inf), LEAST_CLOCK * n.server_frequency_max[m]
            )
            fits = self._groups.total(free) <= n.server_frequency_max
            clock = np.where(fits[m], free, clock)
            price = np.where(fits, 0.0, np.maximum(price, 0.0))
        return clock, price

    def _uplink(self, upload: Array) -> tuple[Array, Array, Array, Array]:
        """(p, b): for each b the best p, then the bandwidths under (9e)."""
        n, last = self.network, self._last
        if n.weights.energy == 0 and not n.formulation.transmission_delay:
            # Nothing prices the upload, so that every point of the block is a minimiser.
            return last.power, last.bandwidth, np.zeros(n.users), np.zeros(n.servers)
        square = n.weights.energy * n.payload**2 * upload
        inverse = n.weights.energy / (4 * upload)
        delay = n.weights.delay * n.payload if n.formulation.transmission_delay else 0 * n.payload

        def parts(power: Array, bandwidth: Array) -> tuple[Array, ...]:
            snr = self._gain * power / bandwidth
            rate = transmission_rate(bandwidth, power, self._gain, 1.0)
            by_power = self._gain / (np.log(2) * (1 + snr))
            first = -(2 * inverse / rate**3 + delay / rate**2)
            return snr, rate, by_power, first

        def best_power(bandwidth: Array, power: Array) -> Array:
            if n.weights.energy == 0:
                return n.power_max
            for _ in range(_MAX_STEPS):
                snr, rate, by_power, first = parts(power, bandwidth)
                share = power * by_power / rate
                slope = (
                    1
                    + snr / (1 + snr)
                    + share * ((6 * inverse + 2 * delay * rate) / (2 * inverse + delay * rate))
                )
                step = np.log(2 * square * power / (-first * by_power)) / slope
                new = np.clip(power * np.exp(-step), n.power_min, n.power_max)
                settled = np.max(np.abs(new / power - 1)) < 1e-13
                power = new
                if settled:
                    return power
            raise SolverError("Newton's method for the powers of P4 did not settle")

        state = {"power": self._last.power}

        def derivatives(bandwidth: Array) -> tuple[Array, Array, Array]:
            power = state["power"] = best_power(bandwidth, state["power"])
            snr, rate, by_power, first = parts(power, bandwidth)
            by_bandwidth = rate_slope(snr) / np.log(2)
            second = 6 * inverse / rate**4 + 2 * delay / rate**3
            mixed_rate = by_power * snr / (bandwidth * (1 + snr))
            curvature_b = -(snr**2) / ((1 + snr) ** 2 * bandwidth * np.log(2))
            curvature_p = -self._gain * by_power / (bandwidth * (1 + snr))
            bb = second * by_bandwidth**2 + first * curvature_b
            bp = second * by_bandwidth * by_power + first * mixed_rate
            pp = 2 * square + second * by_power**2 + first * curvature_p
            free = (power > n.power_min) & (power < n.power_max)
            value = square * power**2 + inverse / rate**2 + delay / rate
            return value, first * by_bandwidth, bb - np.where(free, bp**2 / pp, 0.0)

        bandwidth, price = _share(self._groups, n.bandwidth_max, self._last.bandwidth, derivatives)
        power = best_power(bandwidth, state["power"])
        _, _, by_power, first = parts(power, bandwidth)
        return power, bandwidth, 2 * square * power + first * by_power, price


def _share(
    groups: Groups, capacity: Array, start: Array, derivatives: _Derivatives
) -> tuple[Array, Array]:
    """Split each group's capacity at least total cost; returns the amounts (K,), the prices (G,).

    Newton's method on the equality-constrained problem, all groups at once, damped so that no
    amount loses more than `_LARGEST_FALL` and every group's cost falls.
    """
    member = groups.index
    filled = groups.total(start)
    amount = start * (capacity / np.where(filled > 0, filled, 1.0))[member]
    value, slope, curvature = derivatives(amount)
    for _ in range(_MAX_STEPS):
        stiffness = groups.total(1 / curvature)
        price = -groups.total(slope / curvature) / np.where(stiffness > 0, stiffness, 1.0)
        step = -(slope + price[member]) / curvature
        total = groups.total(value)
        decrement = groups.total(step**2 * curvature)
        if np.all(decrement <= _DECREMENT * total):
            return amount, price
        fall = groups.largest(-step / amount)
        size = np.minimum(1.0, _LARGEST_FALL / np.maximum(fall, _LARGEST_FALL))
        while True:
            trial = amount + size[member] * step
            value, slope, curvature = derivatives(trial)
            # Rounding of the sum hides a descent below 1e-14 of it.
            worse = groups.total(value) > total - size * decrement / 4 + 1e-14 * total
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
            if size[worse].min() < 1e-10:
                raise SolverError("Newton's method for the shares of P4 did not descend")
        amount = trial
    raise SolverError("Newton's method for the shares of P4 did not settle")
