"""Equations (1)-(7), (9)-(11) against numbers worked out by hand, and the constraints (9a)-(9g)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.system.constraints import feasibility
from mecllm.system.equations import (
    computation_delay,
    computation_energy,
    flops_per_layer,
    transmission_rate,
)
from mecllm.system.model import (
    edge_layer_cost,
    evaluate,
    local_layer_cost,
    reference_decision,
    stability_bound,
    stability_terms,
)
from mecllm.system.normalization import normalize_weights
from mecllm.system.scenario import Scenario
from tests.examples import LITERAL, REPAIRED, pencil_decision, pencil_network

# The numbers of this file were worked out with a pencil from the printed formulas, user by user.
TIME_LOCAL = [1.0, 8.0]  # (1) ψ/(f C D): 1e12/(1e9·1e3), 2e12/(5e8·500)
ENERGY_LOCAL = [1.0, 4.0]  # (2) κ1 f² ψ/(C D): 1e-27·1e18·1e9, 4e-27·2.5e17·4e9
RATE = [2e6, 1e6]  # signal-to-noise ratios 3 and 1: log2 of 4 and of 2
ENERGY_SENT = [2.0, 1.5]  # (3) p s/r: 1·4e6/2e6, 0.5·3e6/1e6
TIME_EDGE = [0.05, 0.2]  # (5) 1e12/(2e9·1e4), 2e12/(1e9·1e4)
ENERGY_EDGE = [4.0, 2.0]  # (6) 1e-26·4e18·1e8, 1e-26·1e18·2e8


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_flops_of_a_layer() -> None:
    # 72·2·3·5² + 12·2·3²·5
    assert flops_per_layer(np.array([3]), 2, 5) == 10_800 + 1_080


def test_local_computation_1_and_2() -> None:
    n, d = pencil_network(), pencil_decision()
    close(computation_delay(n.flops_per_layer, d.user_frequency, n.user_throughput), TIME_LOCAL)
    energy = computation_energy(
        n.flops_per_layer, d.user_frequency, n.user_throughput, n.user_kappa
    )
    close(energy, ENERGY_LOCAL)


def test_rate_and_transmission_3() -> None:
    n, d = pencil_network(), pencil_decision()
    close(transmission_rate(d.bandwidth, d.power, n.gain[:, 0], n.noise_density), RATE)
    cost = evaluate(n, d)
    close(cost.transmission_energy, ENERGY_SENT)
    close(cost.transmission_delay, [2.0, 3.0])


def test_rate_is_the_logarithm_where_it_is_tiny() -> None:
    # x = 1e-14: log2(1 + x) by the formula as it stands loses every digit but two.
    rate = transmission_rate(np.array([1.0]), np.array([1e-14]), np.array([1.0]), 1.0)
    close(rate * np.log(2), 1e-14)


def test_user_cost_4() -> None:
    n, d = pencil_network(), pencil_decision()
    close(local_layer_cost(n, d.user_frequency), [0.6, 4.4])
    user = d.local_layers * local_layer_cost(n, d.user_frequency)
    close(user + 0.1 * evaluate(n, d).transmission_energy, [0.8, 13.35])


def test_edge_5_6_and_7() -> None:
    n, d = pencil_network(), pencil_decision()
    cost = evaluate(n, d)
    close(cost.edge_delay, [3 * 0.05, 1 * 0.2])
    close(cost.edge_energy, [3 * 4.0, 1 * 2.0])
    per_layer = edge_layer_cost(n, d.association, d.server_frequency)
    close(per_layer, 0.5 * np.array(TIME_EDGE) + 0.1 * np.array(ENERGY_EDGE))
    close(np.sum((4 - d.local_layers) * per_layer), 1.575)


def test_stability_10() -> None:
    # 2·2²/(100·(1 - 1/4)) and 2·2²/(50·(1 - 3/4))
    close(stability_bound(pencil_network(), np.array([1.0, 3.0])), [8 / 75, 0.64])
    assert stability_bound(pencil_network(), np.array([1.0, 4.0]))[1] == np.inf


def test_literal_objective_11() -> None:
    cost = evaluate(pencil_network(), pencil_decision())
    close(cost.energy, [1 + 2 + 12, 12 + 1.5 + 2])
    close(cost.delay, [1 + 0.15, 24 + 0.2])
    # 0.1·30.5 + 0.5·25.35 + 10·(8/75 + 0.64)
    close(cost.objective, 23.191666666666666)


def test_repaired_objective() -> None:
    cost = evaluate(pencil_network(REPAIRED), pencil_decision())
    close(cost.energy, [15, 15.5])
    close(cost.delay, [1 + 2 + 0.15, 24 + 3 + 0.2])
    # 2²/(100·(1 - 1/4 + 0.5/2)) and 2²/(50·(1 - 3/4 + 0.5/2))
    close(cost.stability, [0.04, 0.16])
    # 0.1·30.5 + 0.5·30.35 + 10·0.2
    close(cost.objective, 20.225)


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
def test_stability_terms_rebuild_the_bound(formulation) -> None:
    n, alpha = pencil_network(formulation), np.array([0.5, 3.7])
    scale, end = stability_terms(n)
    close(scale / (end - alpha / n.layers), stability_bound(n, alpha))


def test_a_user_that_keeps_every_layer_sends_nothing() -> None:
    n = pencil_network(REPAIRED)
    cost = evaluate(n, replace(pencil_decision(), local_layers=np.array([1.0, 4.0])))
    assert cost.transmission_delay[1] == cost.transmission_energy[1] == 0
    assert cost.edge_delay[1] == cost.edge_energy[1] == 0


def test_all_layers_are_infinite_under_the_printed_bound_only() -> None:
    all_local = replace(pencil_decision(), local_layers=np.array([4.0, 4.0]))
    assert evaluate(pencil_network(), all_local).objective == np.inf
    assert np.isfinite(evaluate(pencil_network(REPAIRED), all_local).objective)
    assert np.isfinite(evaluate(pencil_network().with_weights(0.1, 0.5, 0.0), all_local).objective)


@pytest.mark.parametrize("track", ["literal", "repaired"])
def test_normalised_weights_make_the_terms_equal_at_the_reference(track) -> None:
    scenario = Scenario.load(track).replace(weight_energy=1.0, weight_delay=2.0, weight_stability=3)
    bare, network = scenario.replace(normalization="none").draw(4), scenario.draw(4)
    assert bare.weights.energy == 1.0
    close(normalize_weights(bare).weights.delay, network.weights.delay)
    best = network.nearest()
    share = network.servers / network.users
    point = replace(
        reference_decision(network, best),
        bandwidth=network.bandwidth_max[best] * share,
        server_frequency=network.server_frequency_max[best] * share,
    )
    cost = evaluate(network, point)
    close(network.weights.energy * cost.energy.mean(), 1.0)
    close(network.weights.delay * cost.delay.mean(), 2.0)
    close(network.weights.stability * cost.stability.mean(), 3.0)


def test_reference_decision_is_feasible() -> None:
    n = Scenario.load("literal").draw(0)
    start = reference_decision(n, np.arange(n.users) % n.servers)
    assert feasibility(n, start) == ()
    assert np.all(start.local_layers == 16)


VIOLATIONS = {
    "9a": ("local_layers", [1.0, 2.25], 1, 0.25),
    "9d": ("power", [1.0, 0.75], 1, 0.5),
    "9e": ("bandwidth", [1e6, 1.5e6], 0, 0.25),
    "9f": ("user_frequency", [1.5e9, 5e8], 0, 0.5),
    "9g": ("server_frequency", [2e9, 2.5e9], 0, 0.5),
}


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
@pytest.mark.parametrize("equation", VIOLATIONS)
def test_each_violation_by_its_number_and_amount(equation, formulation) -> None:
    n = pencil_network(formulation)
    assert feasibility(n, pencil_decision()) == ()
    key, values, index, amount = VIOLATIONS[equation]
    (found,) = feasibility(n, replace(pencil_decision(), **{key: np.array(values)}))
    assert (found.equation, found.index) == (equation, index)
    assert found.amount == pytest.approx(amount, rel=1e-12)
    assert f"{amount:.3g}" in found.text


def test_relaxed_layers_need_not_be_whole_but_must_be_within_bounds() -> None:
    n = pencil_network()
    half = replace(pencil_decision(), local_layers=np.array([1.5, 2.5]))
    assert feasibility(n, half, integer=False) == ()
    assert [v.equation for v in feasibility(n, half)] == ["9a", "9a"]
    ends = replace(pencil_decision(), local_layers=np.array([0.0, 4.0]))
    assert [v.amount for v in feasibility(n, ends, integer=False)] == [1.0, 1.0]


def test_power_below_its_declared_minimum() -> None:
    weak = replace(pencil_decision(), power=np.array([5e-4, 0.5]))
    (found,) = feasibility(pencil_network(), weak)
    assert (found.equation, found.index) == ("9d", 0)
    assert found.amount == pytest.approx(0.5)


@pytest.mark.parametrize(("key", "equation"), [("bandwidth", "9e"), ("server_frequency", "9g")])
def test_kept_capacity_violates_the_equalities_only(key, equation) -> None:
    half = replace(pencil_decision(), **{key: getattr(pencil_decision(), key) / 2})
    assert feasibility(pencil_network(REPAIRED), half) == ()
    (found,) = feasibility(pencil_network(LITERAL), half)
    assert found.equation == equation
    assert found.amount == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("power", [0.0, 0.5]),
        ("power", [1.0, np.nan]),
        ("bandwidth", [1e6, -1.0]),
        ("server_frequency", [np.inf, 1e9]),
        ("local_layers", [5.0, 1.0]),
        ("local_layers", [np.nan, 1.0]),
        ("association", [0, 1]),
        ("association", [-1, 0]),
    ],
)
def test_a_decision_outside_the_domain_is_refused(key, values) -> None:
    with pytest.raises(ScenarioError, match=f"decision: {key}"):
        evaluate(pencil_network(), replace(pencil_decision(), **{key: np.array(values)}))


def test_a_decision_of_another_size_or_kind_is_refused() -> None:
    with pytest.raises(ScenarioError, match="users = 50"):
        evaluate(
            pencil_network(),
            reference_decision(Scenario.load("literal").draw(0), np.arange(50) % 10),
        )
    with pytest.raises(ScenarioError, match="power"):
        replace(pencil_decision(), power=np.ones(3))
    with pytest.raises(ScenarioError, match="association"):
        replace(pencil_decision(), association=np.array([0.5, 1.0]))
