"""P2 in the words of another solver: SCIP, to global optimality, against the certified method.

The model is written from equations (1)-(11) alone; nothing of how `mecllm` splits P2 into closed
forms, prices and moves enters it. χ and α are integer, p, b and both clocks continuous; b and the
clocks are shares of their maxima, p is in units of its minimum.
"""

from dataclasses import replace

import numpy as np
import pytest
from pyscipopt import Model, log, quicksum

from mecllm.allocation import allocate
from mecllm.certified.pricing import priced
from mecllm.system.constraints import feasibility
from mecllm.system.model import Decision, evaluate, stability_terms
from mecllm.system.scenario import Scenario
from tests.examples import LITERAL, REPAIRED, small

# SCIP stops when its own bounds are this close, relatively.
GAP = 1e-4
# SCIP may miss each constraint by this, in units in which the terms of a user are about 1.
FEASIBLE = 1e-7
# A case takes seconds; one that takes this long [s] has gone wrong and says so.
PATIENCE = 120.0
# How far the value of its point, computed by `evaluate`, can be off for that reason.
ROUNDING = 1e-6


def least_share(cost, limit):
    """A share so small that it alone costs more than `limit`; cost falls in the share."""
    share = 1.0
    while cost(share) <= limit:
        share /= 2
    return share


class Minlp:
    """P2 for SCIP, without the points that cost more than `limit`, which lie near zero shares."""

    def __init__(self, network, limit):
        self.network, self.limit = network, limit
        self.model = Model()
        self.model.hideOutput()
        users, servers = range(network.users), range(network.servers)
        self.chosen = [[self.model.addVar(vtype="B") for _ in servers] for _ in users]
        self.users = [self.add_user(n) for n in users]
        for m in servers:
            for key in ("bandwidth", "server_frequency"):
                total = quicksum(self.chosen[n][m] * self.users[n][key] for n in users)
                equal = network.formulation.capacity == "equal"
                self.model.addCons(total == 1 if equal else total <= 1)  # (9e), (9g)
        objective = self.variable(0, limit)
        self.model.addCons(objective >= quicksum(user["cost"] for user in self.users))
        self.model.setObjective(objective, "minimize")

    def variable(self, low, high):
        return self.model.addVar(lb=low, ub=high)

    def add_user(self, n):
        """Variables and cost of one user; a cost at a server binds where χ = 1, by a big M."""
        network, model, limit, chosen = self.network, self.model, self.limit, self.chosen[n]
        weights = network.weights
        time = weights.delay if network.formulation.transmission_delay else 0.0
        low, high = network.power_min[n], network.power_max[n]
        flops, layers = network.flops_per_layer[n], network.layers

        def layer(clock, throughput, kappa):  # (1), (2): a/f + c f² in shares f
            delay, energy = flops / (clock * throughput), kappa * clock**2 * flops / throughput
            return weights.delay * delay, weights.energy * energy

        def rates(power, share):  # uploads per second at each server, Section 3.1
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
        narrow = least_share(
            lambda b: max(time / max(rates(high, b)), weights.energy * low / max(rates(low, b))),
            limit,
        )
        slow = least_share(lambda f: min(there[0]) / f, limit)
        bandwidth, power = self.variable(narrow, 1), self.variable(1, high / low)
        clock = self.variable(least_share(lambda f: here[0] / f, limit), 1)
        server_clock = self.variable(slow, 1)
        local_layers = model.addVar(vtype="I", lb=1, ub=layers - 1)
        local, edge, upload, stability, cost = (self.variable(0, limit) for _ in range(5))
        rate, ratio = self.variable(0, top), self.variable(0, high / low / narrow)

        model.addCons(quicksum(chosen) == 1)  # (9c)
        model.addCons(local >= here[0] / clock + here[1] * clock**2)
        price = time + weights.energy * low * power
        model.addCons(upload * rate >= price / slowest)  # (3)
        model.addCons(ratio * bandwidth == power)
        for m, choice in enumerate(chosen):
            spectral = log(1 + snr[m] * low * ratio) / (unit[m] * slowest)
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

    def solve(self):
        """Return SCIP's lower bound and its decision, in SI units."""
        self.model.setParam("limits/gap", GAP)
        self.model.setParam("limits/time", PATIENCE)
        self.model.setParam("numerics/feastol", FEASIBLE)
        self.model.optimize()
        assert self.model.getStatus() in ("optimal", "gaplimit")
        value = self.model.getVal
        association = np.array([int(np.argmax([value(c) for c in row])) for row in self.chosen])
        share = {
            key: np.array([value(user[key]) for user in self.users])
            for key in self.users[0]
            if key != "cost"
        }
        network = self.network
        power = np.clip(share["power"] * network.power_min, network.power_min, network.power_max)
        decision = Decision(
            association=association,
            local_layers=np.round(share["local_layers"]),
            power=power,
            bandwidth=share["bandwidth"] * network.bandwidth_max[association],
            user_frequency=share["user_frequency"] * network.user_frequency_max,
            server_frequency=share["server_frequency"] * network.server_frequency_max[association],
        )
        return self.model.getDualbound(), decision


def check(network):
    result = priced(network)
    found = result.allocation.objective
    bound, decision = Minlp(network, 1.01 * found).solve()
    optimum = evaluate(network, decision).objective
    assert all(v.amount < 10 * FEASIBLE for v in feasibility(network, decision))
    # Not above what SCIP found, not below what SCIP proved possible: the optimum, to SCIP's gap.
    assert found <= optimum * (1 + ROUNDING)
    assert found >= bound * (1 - ROUNDING)
    assert bound >= optimum * (1 - 2 * GAP)
    assert result.lower_bound <= optimum * (1 + ROUNDING)
    return decision


@pytest.mark.parametrize(("formulation", "seed"), [(LITERAL, 1), (REPAIRED, 1), (REPAIRED, 2)])
def test_scip_finds_no_better_decision(formulation, seed):
    network, _ = small(seed, 3, 2, formulation)
    check(network)


def test_scip_agrees_where_alpha_is_between_its_bounds():
    network, _ = small(1, 3, 2, REPAIRED)
    decision = check(replace(network, user_throughput=20 * network.user_throughput))
    assert np.all((decision.local_layers > 1) & (decision.local_layers < network.layers - 1))


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_scip_agrees_on_the_named_scenarios(name):
    # At the declared least power the signal-to-noise ratio is 1e-4 on the literal track, and SCIP's
    # branching needs minutes for what it proves in a second here.
    check(Scenario.load(name).replace(users=2, servers=2, power_min_W=0.5).draw(0))


def test_scip_proves_that_nothing_is_cheaper():
    network, _ = small(1, 2, 2, REPAIRED)
    model = Minlp(network, 0.999 * priced(network).allocation.objective).model
    model.optimize()
    assert model.getStatus() == "infeasible"


def test_scip_would_see_a_worse_decision():
    network, _ = small(1, 2, 2, REPAIRED)
    best = priced(network).allocation
    worse = allocate(network, 1 - best.decision.association).objective
    bound, decision = Minlp(network, 1.01 * worse).solve()
    assert evaluate(network, decision).objective < 0.99 * worse
    assert bound > best.objective * (1 - 2 * GAP)
