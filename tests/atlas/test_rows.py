"""One row of a sweep: the methods of the figures, and a point that fails."""

import numpy as np
import pytest

from mecllm.atlas import RUNS, Outcome, measure
from mecllm.atlas.flips import threshold
from mecllm.atlas.rows import _regime_ratio
from mecllm.methods import solve
from mecllm.system.association import greedy
from mecllm.system.scenario import Scenario


def test_a_number_that_is_none_is_an_error(monkeypatch):
    monkeypatch.setitem(RUNS, "proposed", lambda network, seed: None)
    monkeypatch.setattr("mecllm.atlas.rows._outcome", lambda *_: Outcome(energy=float("nan")))
    outcome = measure(Scenario.load("literal"), {}, 0, "proposed")
    assert outcome == Outcome(error="not a number: energy")


@pytest.mark.parametrize("track", ["literal", "repaired"])
def test_rows_are_the_methods_of_the_figures(track):
    scenario = Scenario.load(track).replace(users=20)
    network = scenario.draw(5)
    for method in RUNS:
        name = method.removesuffix("_chi")
        start = solve(network).decision.association if method == "edge_only" else None
        own = solve(network, name, 5, start, chi_step=name != method)
        assert measure(scenario, {}, 5, method).objective == own.objective


def test_the_closed_form_threshold_is_where_the_regime_ratio_is_one():
    scenario = Scenario.load("literal").replace(user_cores=5, server_cores=3840)
    scenario = scenario.replace(server_flops_per_cycle=1.5, user_flops_per_cycle=64)
    ratio = float(threshold(scenario, np.array(64.0)))
    at = scenario.replace(user_kappa_W_per_Hz3=1e-27, server_kappa_W_per_Hz3=ratio * 1e-27).draw(0)
    assert _regime_ratio(at, greedy(at)) == pytest.approx(1.0, rel=1e-12)
