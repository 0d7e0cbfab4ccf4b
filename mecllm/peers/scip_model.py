"""P2 in the words of SCIP, which branches in space and so has a bound of its own.

The model is written from equations (1)-(11) alone; nothing of how `mecllm` splits P2 into closed
forms, prices and moves enters it. χ and α are integer, p, b and both clocks continuous; b and the
clocks are shares of their maxima, p is in units of its minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mecllm.errors import SolverError
from mecllm.peers.model import decided, shares
from mecllm.system.arrays import Array
from mecllm.system.model import Decision, evaluate, stability_terms
from mecllm.system.network import Network

# SCIP may miss each constraint by this, in units in which the terms of a user are about 1.
_FEASIBLE = 1e-7
# SCIP stops when its own bounds are this close, relatively.
_GAP = 1e-4


class _Minlp:
    """P2 for SCIP, without the points that cost more than a limit, which lie near zero shares.

    Parameters
    ----------
    limit : float
        On the objective.
    """

    def __init__(self, network: Network, limit: float) -> None:
        import pyscipopt

        self._scip, self.network, self._limit = pyscipopt, network, limit
        self.model = pyscipopt.Model()
        self.model.hideOutput()
        self.model.setParam("limits/gap", _GAP)
        self.model.setParam("numerics/feastol", _FEASIBLE)
        users, servers = range(network.users), range(network.servers)
        self._chosen = [[self.model.addVar(vtype="B") for _ in servers] for _ in users]
        self._users = [self._add_user(n) for n in users]
        for m in servers:
            for key in ("bandwidth", "server_frequency"):
                total = pyscipopt.quicksum(self._chosen[n][m] * self._users[n][key] for n in users)
                equal = network.formulation.capacity == "equal"
                self.model.addCons(total == 1 if equal else total <= 1)  # (9e), (9g)
        self._objective = self._variable(0, limit)
        self.model.addCons(
            self._objective >= pyscipopt.quicksum(user["cost"] for user in self._users)
        )
        self.model.setObjective(self._objective, "minimize")

    def _variable(self, low: float, high: float) -> Any:
        return self.model.addVar(lb=low, ub=high)

    def _add_user(self, n: int) -> dict[str, Any]:
        """Variables and cost of one user; a cost at a server binds where χ = 1, by a big M."""
        network, model, limit, chosen = self.network, self.model, self._limit, self._chosen[n]
        weights = network.weights
        time = weights.delay if network.formulation.transmission_delay else 0.0
        low, high = network.power_min[n], network.power_max[n]
        flops, layers = network.flops_per_layer[n], network.layers

        def layer(clock: Any, throughput: Any, kappa: Any) -> tuple[Any, Any]:
            """(1), (2): a/f + c f² in shares f."""
            delay, energy = flops / (clock * throughput), kappa * clock**2 * flops / throughput
            return weights.delay * delay, weights.energy * energy

        def rates(power: float, share: float) -> Array:
            """Count uploads per second at each server, Section 3.1."""
            return share * np.log1p(snr * power / share) / unit

        snr = network.gain[n] / (network.noise_density * network.bandwidth_max)
        unit = network.payload[n] * np.log(2) / network.bandwidth_max
        # SCIP's tolerance is absolute: count rates in the one of the least power, not in bit/s.
        slowest = float(max(rates(low, 1.0)))
        top = float(max(rates(high, 1.0))) / slowest
        here = layer(
            network.user_frequency_max[n], network.user_throughput[n], network.user_kappa[n]
        )
        there = layer(network.server_frequency_max, network.server_throughput, network.server_kappa)
        # p/r rises with p, so an upload costs at least this; a layer at least its delay.
        narrow = _least_share(
            lambda b: max(time / max(rates(high, b)), weights.energy * low / max(rates(low, b))),
            limit,
        )
        slow = _least_share(lambda f: min(there[0]) / f, limit)
        bandwidth, power = self._variable(narrow, 1), self._variable(1, high / low)
        clock = self._variable(_least_share(lambda f: here[0] / f, limit), 1)
        server_clock = self._variable(slow, 1)
        local_layers = model.addVar(vtype="I", lb=1, ub=layers - 1)
        local, edge, upload, stability, cost = (self._variable(0, limit) for _ in range(5))
        rate, ratio = self._variable(0, top), self._variable(0, high / low / narrow)

        model.addCons(self._scip.quicksum(chosen) == 1)  # (9c)
        model.addCons(local >= here[0] / clock + here[1] * clock**2)
        price = time + weights.energy * low * power
        model.addCons(upload * rate >= price / slowest)  # (3)
        model.addCons(ratio * bandwidth == power)
        for m, choice in enumerate(chosen):
            spectral = self._scip.log(1 + snr[m] * low * ratio) / (unit[m] * slowest)
            model.addCons(rate <= bandwidth * spectral + top * (1 - choice))
            most = there[0][m] / slow + there[1][m]
            at_server = there[0][m] / server_clock + there[1][m] * server_clock**2  # (5), (6)
            model.addCons(edge >= at_server - most * (1 - choice))
        scale, end = stability_terms(network)
        model.addCons(stability * (end - local_layers / layers) >= weights.stability * scale[n])
        total = local_layers * local + (layers - local_layers) * edge + upload + stability
        model.addCons(cost >= total)  # (11)
        return {
            "local_layers": local_layers,
            "power": power,
            "bandwidth": bandwidth,
            "user_frequency": clock,
            "server_frequency": server_clock,
            "cost": cost,
        }

    def begin(self, start: Decision) -> None:
        """Tell SCIP of a decision; it completes the variables that a decision does not have."""
        network, model, m = self.network, self.model, start.association
        point = model.createPartialSol()
        for n, (chosen, user) in enumerate(zip(self._chosen, self._users, strict=True)):
            for server, choice in enumerate(chosen):
                model.setSolVal(point, choice, float(server == m[n]))
            shares = {
                "local_layers": start.local_layers[n],
                "power": start.power[n] / network.power_min[n],
                "bandwidth": start.bandwidth[n] / network.bandwidth_max[m[n]],
                "user_frequency": start.user_frequency[n] / network.user_frequency_max[n],
                "server_frequency": start.server_frequency[n] / network.server_frequency_max[m[n]],
            }
            for key, value in shares.items():
                model.setSolVal(point, user[key], float(value))
        model.addSol(point)

    def decision(self) -> Decision:
        """SCIP's best point in SI units; it may miss constraints by SCIP's own tolerance.

        Raises
        ------
        SolverError
            When SCIP has none.
        """
        if not self.model.getNSols():
            raise SolverError(f"no solution: {self.model.getStatus()}")
        value, network = self.model.getVal, self.network
        association = np.array([int(np.argmax([value(c) for c in row])) for row in self._chosen])
        share = {
            key: np.array([value(user[key]) for user in self._users])
            for key in self._users[0]
            if key != "cost"
        }
        power = np.clip(share["power"] * network.power_min, network.power_min, network.power_max)
        return Decision(
            association=association,
            local_layers=np.round(share["local_layers"]),
            power=power,
            bandwidth=share["bandwidth"] * network.bandwidth_max[association],
            user_frequency=share["user_frequency"] * network.user_frequency_max,
            server_frequency=share["server_frequency"] * network.server_frequency_max[association],
        )


def _least_share(cost: Callable[[float], float], limit: float) -> float:
    """Find a share so small that it alone costs more than a limit; cost falls in the share."""
    share = 1.0
    while cost(share) <= limit:
        share /= 2
    return share


def scip(network: Network, start: Decision, limit: float, seed: int) -> tuple[Decision, str]:
    """Spatial branch and bound by SCIP, from the start and below it.

    Parameters
    ----------
    start : Decision
        Its objective is the limit on what is sought.
    limit : float
        Most processor time [s].
    seed : int
        Of no use here.

    Returns
    -------
    decision : Decision
        The best that was found.
    status : str
        What SCIP says of it.

    Raises
    ------
    SolverError
        When SCIP has no point.
    """
    minlp = _Minlp(network, 1.01 * evaluate(network, start).objective)
    minlp.begin(start)
    minlp.model.setParam("timing/clocktype", 1)  # of the processor
    minlp.model.setParam("limits/time", limit)
    minlp.model.optimize()
    return _tidy(network, minlp.decision()), str(minlp.model.getStatus())


def _tidy(network: Network, found: Decision) -> Decision:
    power, band, clock = shares(network, found)
    return decided(network, found.association, found.local_layers, power, band, clock)
