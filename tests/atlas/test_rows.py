"""One row of a sweep: what stands in for the methods, and a point that fails."""

import numpy as np
import pytest

from mecllm.allocation import allocate
from mecllm.atlas import STAND_INS, Outcome, measure
from mecllm.atlas.flips import threshold
from mecllm.atlas.rows import _assignment, _regime_ratio
from mecllm.system.association import greedy
from mecllm.system.scenario import Scenario


def test_a_number_that_is_none_is_an_error(monkeypatch):
    monkeypatch.setitem(STAND_INS, "joint", lambda network, seed: None)
    monkeypatch.setattr("mecllm.atlas.rows._outcome", lambda *_: Outcome(energy=float("nan")))
    outcome = measure(Scenario.load("paper"), {}, 0, "joint")
    assert outcome == Outcome(error="not a number: energy")


def test_the_stand_ins_solve_what_they_stand_for():
    for name in ("paper", "repaired"):
        scenario = Scenario.load(name).replace(users=20)
        network = scenario.draw(5)
        found = {method: measure(scenario, {}, 5, method) for method in STAND_INS}
        cost = {method: outcome.objective or np.nan for method, outcome in found.items()}
        assert cost["joint"] == allocate(network, greedy(network)).objective
        for other in ("alternating", "alpha_only", "resource_only"):
            assert cost["joint"] <= cost[other] * (1 + 1e-9)
        assert cost["assigned"] <= cost["joint"]
        assert found["local_only"].layers == network.layers


@pytest.mark.parametrize("users", [10, 11, 19, 47])
def test_the_assignment_fills_every_server_evenly(users):
    network = Scenario.load("paper").replace(users=users).draw(1)
    load = np.bincount(_assignment(network), minlength=network.servers)
    assert set(load) <= {users // 10, -(-users // 10)}
    assert load.sum() == users


def test_the_closed_form_threshold_is_where_the_regime_ratio_is_one():
    scenario = Scenario.load("paper").replace(user_cores=5, server_cores=3840)
    scenario = scenario.replace(server_flops_per_cycle=1.5, user_flops_per_cycle=64)
    ratio = float(threshold(scenario, np.array(64.0)))
    at = scenario.replace(user_kappa_W_per_Hz3=1e-27, server_kappa_W_per_Hz3=ratio * 1e-27).draw(0)
    assert _regime_ratio(at, greedy(at)) == pytest.approx(1.0, rel=1e-12)
