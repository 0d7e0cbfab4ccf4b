"""P4, equation (13), as a CVXPY problem: compiled once per association, solved by Clarabel."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from mecllm.errors import SolverError
from mecllm.paper.surrogate_k import Multipliers
from mecllm.system.arrays import Array
from mecllm.system.equations import computation_delay, transmission_rate
from mecllm.system.model import (
    Decision,
    edge_layer_cost,
    local_layer_cost,
    server_load,
    stability_terms,
)
from mecllm.system.network import Network

# CVXPY's compilation of a parametrised problem grows with the square of the users (7 s and 2 GB at
# 500), so that above this many the problem is canonicalised anew for each set of auxiliaries.
_COMPILED_USERS = 200
# Below this signal-to-noise ratio the exponential cone would have to resolve ln(1+x) as a small
# difference and Clarabel ends with inaccurate points; above it the squarings below lose digits.
_LOW_SNR = 0.1
# e^y - 1 is built from its second-order start at y/2^K; the relative error (y/2^K)²/6 is 3e-8 at
# y = 0.1, as small as the solver's own tolerance.
_SQUARINGS = 8


def _link_constraints(snr: Array, rate: Any, power: Any, bandwidth: Any) -> list[Any]:
    """Cones that hold rate <= ln(1 + xπ/β)β/ln(1 + x), the rate as a multiple of its reference.

    With π and β as multiples of the reference and x its signal-to-noise ratio. Strong links use
    the exponential cone of the perspective, its third entry divided by 1 + x so that all entries
    are near 1. Weak links use π >= β(e^y - 1)/x with y = rate·ln(1+x)/β and reach the exponential
    by repeated squaring, e^{2y} - 1 = 2(e^y - 1) + (e^y - 1)², each step a second-order cone.
    """
    import cvxpy as cp

    log = np.log1p(snr)
    constraints: list[Any] = []
    strong, weak = np.flatnonzero(snr >= _LOW_SNR), np.flatnonzero(snr < _LOW_SNR)
    if strong.size:
        x, b, ln = snr[strong], bandwidth[strong], log[strong]
        argument = cp.multiply(1 / (1 + x), b) + cp.multiply(x / (1 + x), power[strong])
        constraints.append(cp.ExpCone(cp.multiply(ln, rate[strong] - b), b, argument))
    if weak.size:
        x, b, ln, step = snr[weak], bandwidth[weak], log[weak], 2.0**-_SQUARINGS

        def square_over(numerator: Any, denominator: Any) -> Any:
            """Upper bound of numerator²/denominator, elementwise."""
            bound = cp.Variable(weak.size)
            pair = cp.vstack([2 * numerator, bound - denominator])
            constraints.append(cp.SOC(bound + denominator, pair, axis=0))
            return bound

        # grown = β(e^{y·step} - 1)/(x·step)
        second = square_over(rate[weak], b)
        grown = cp.multiply(ln / x, rate[weak]) + cp.multiply(ln**2 * step / (2 * x), second)
        for _ in range(_SQUARINGS):
            held = cp.Variable(weak.size)
            constraints.append(held == grown)
            grown = held + cp.multiply(x * step / 2, square_over(held, b))
            step *= 2
        constraints.append(power[weak] >= grown)
    return constraints


class SurrogateProblem:
    """P4 for one network and association, with the auxiliaries as parameters (DPP).

    Parameters
    ----------
    unit : Decision
        Feasible point whose association is kept. Every variable is a multiple of it, so that all
        numbers are of order one: in SI units the cone solver would face 1e-17 to 1e10 and return
        inaccurate points.
    """

    def __init__(self, network: Network, unit: Decision) -> None:
        import cvxpy as cp  # imported late: it takes most of a second

        n, m, size = network, unit.association, network.users
        self.network, self.association, self._unit = network, m, unit
        w = n.weights
        self._layers = cp.Variable(size)
        self._power, self._bandwidth = cp.Variable(size), cp.Variable(size)
        self._user, self._server = cp.Variable(size), cp.Variable(size)

        snr = n.link_gain(m) * unit.power / (n.noise_density * unit.bandwidth)
        self._rate0 = transmission_rate(unit.bandwidth, unit.power, n.link_gain(m), n.noise_density)
        rate = cp.Variable(size)
        link = _link_constraints(snr, rate, self._power, self._bandwidth)
        self._local0 = local_layer_cost(n, unit.user_frequency)
        self._edge0 = edge_layer_cost(n, m, unit.server_frequency)

        def layer_cost(clock: Any, unit_delay: Array, unit_cost: Array) -> Any:
            """A/A0 or B/B0: the delay falls as 1/f and the energy grows as f²."""
            slow = w.delay * unit_delay / unit_cost
            return cp.multiply(slow, cp.inv_pos(clock)) + cp.multiply(1 - slow, cp.square(clock))

        flops = n.flops_per_layer
        local = layer_cost(
            self._user,
            computation_delay(flops, unit.user_frequency, n.user_throughput),
            self._local0,
        )
        edge = layer_cost(
            self._server,
            computation_delay(flops, unit.server_frequency, n.server_throughput[m]),
            self._edge0,
        )
        scale, end = stability_terms(n)
        self._weights = {
            name: cp.Parameter(size, nonneg=True)
            for name in ("alpha", "local", "power", "rate", "remaining", "edge")
        }
        p = self._weights
        objective = (
            cp.multiply(p["alpha"], cp.square(self._layers))
            + cp.multiply(p["local"], cp.square(local))
            + cp.multiply(p["power"], cp.square(self._power))
            + cp.multiply(p["rate"], cp.power(rate, -2))
            + cp.multiply(p["remaining"], cp.square(n.layers - self._layers))
            + cp.multiply(p["edge"], cp.square(edge))
            + cp.multiply(w.stability * scale, cp.inv_pos(end - self._layers / n.layers))
        )
        if n.formulation.transmission_delay:
            objective = objective + cp.multiply(w.delay * n.payload / self._rate0, cp.inv_pos(rate))
        # Only servers with users: an idle one has no variables to constrain.
        self._used = np.unique(m)
        member = m[None, :] == self._used[:, None]
        bandwidth_sum = (member * (unit.bandwidth / n.bandwidth_max[m])) @ self._bandwidth
        clock = unit.server_frequency / n.server_frequency_max[m]
        server_sum = (member * clock) @ self._server
        equal = n.formulation.capacity == "equal"
        self._constraints = [
            self._layers >= 1,
            self._layers <= n.layers - 1,
            self._power >= n.power_min / unit.power,
            self._power <= n.power_max / unit.power,
            self._user <= n.user_frequency_max / unit.user_frequency,
            bandwidth_sum == 1 if equal else bandwidth_sum <= 1,
            server_sum == 1 if equal else server_sum <= 1,
            *link,
        ]
        self._problem = cp.Problem(cp.Minimize(cp.sum(objective)), self._constraints)

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
            When Clarabel returns no point. One that it calls inaccurate is returned; whether it
            descends is for the caller to recompute.
        """
        n, energy = self.network, self.network.weights.energy
        self._weights["alpha"].value = local
        self._weights["local"].value = self._local0**2 / (4 * local)
        self._weights["power"].value = energy * (self._unit.power * n.payload) ** 2 * upload
        self._weights["rate"].value = energy / (4 * self._rate0**2 * upload)
        self._weights["remaining"].value = edge
        self._weights["edge"].value = self._edge0**2 / (4 * edge)
        import cvxpy as cp

        try:
            with warnings.catch_warnings():
                # "Solution may be inaccurate": the caller checks the descent of H instead.
                warnings.simplefilter("ignore", UserWarning)
                self._problem.solve(
                    solver=cp.CLARABEL, ignore_dpp=self.network.users > _COMPILED_USERS
                )
        except cp.SolverError as error:
            raise SolverError(f"Clarabel failed on P4: {error}") from error
        if self._problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            raise SolverError(f"Clarabel ended P4 with status {self._problem.status}")
        return self._decision(), self._multipliers()

    @property
    def value(self) -> float:
        """Objective that the solver reports for the last P4; equals K at its solution."""
        return float(self._problem.value)

    def _decision(self) -> Decision:
        """Return the solution in SI units, the solver's last digits moved into the constraints."""
        n, m, unit = self.network, self.association, self._unit

        def within(amount: Array, most: Array) -> Array:
            total = server_load(n, m, amount)[m] / most[m]
            equal = n.formulation.capacity == "equal"
            return amount / (total if equal else np.maximum(total, 1))

        return Decision(
            association=m,
            local_layers=np.clip(self._layers.value, 1, n.layers - 1),
            power=np.clip(self._power.value * unit.power, n.power_min, n.power_max),
            bandwidth=within(self._bandwidth.value * unit.bandwidth, n.bandwidth_max),
            user_frequency=np.minimum(self._user.value * unit.user_frequency, n.user_frequency_max),
            server_frequency=within(
                self._server.value * unit.server_frequency, n.server_frequency_max
            ),
        )

    def _multipliers(self) -> Multipliers:
        n = self.network
        dual = [np.asarray(c.dual_value, dtype=np.float64) for c in self._constraints[:7]]

        def per_server(values: Array) -> Array:
            full = np.zeros(n.servers)
            full[self._used] = values
            return full

        return Multipliers(
            layers_low=dual[0],
            layers_high=dual[1],
            power_low=dual[2] / self._unit.power,
            power_high=dual[3] / self._unit.power,
            user_frequency=dual[4] / self._unit.user_frequency,
            bandwidth=per_server(dual[5]) / n.bandwidth_max,
            server_frequency=per_server(dual[6]) / n.server_frequency_max,
        )
