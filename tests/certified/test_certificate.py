"""Certificates: bounds below the optimum, corrupted decisions refused, errors seen."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mecllm.allocation import allocate
from mecllm.certified.certificate import verify
from mecllm.certified.dual import lower_bound
from mecllm.certified.pairs import PairCosts, Prices
from mecllm.certified.partition import refined_bound
from mecllm.certified.prices import dual_prices
from mecllm.certified.pricing import priced
from mecllm.certified.screening import near
from mecllm.errors import ScenarioError, SolverError
from mecllm.methods import solve
from mecllm.system.constraints import LEAST_CLOCK
from mecllm.system.formulation import Weights
from mecllm.system.model import evaluate, reference_decision
from mecllm.system.scenario import Scenario
from tests.examples import LITERAL, MIXED, REPAIRED, networks, small


def enumerated(network, value="objective"):
    """Least objective over every χ: the optimum of P2, to the gap that its resources leave.

    Or the least of the bounds on each χ, with "lower_bound".
    """
    best = np.inf
    for choice in product(range(network.servers), repeat=network.users):
        association = np.array(choice)
        full = len(set(choice)) == network.servers
        if network.formulation.capacity == "at_most" or full:
            best = min(best, getattr(allocate(network, association), value))
    return best


@pytest.mark.parametrize("formulation", MIXED)
@pytest.mark.parametrize("seed", range(4))
def test_bounds_are_below_the_optimum_and_near(formulation, seed):
    network, _ = small(seed, 4, 2, formulation)
    best = enumerated(network)
    prices = dual_prices(network)
    dual = lower_bound(network, prices)
    assert 0 < dual <= best
    # From any association the sets prove the optimum, but for what is not known of α there.
    proved = enumerated(network, "lower_bound")
    assert proved * (1 - 1e-9) <= refined_bound(network, prices, np.arange(4) % 2) <= best


@given(st.data())
def test_any_prices_give_a_bound(data):
    network = data.draw(networks())
    price = st.one_of(st.just(0.0), st.floats(1e-12, 1e-3))
    draw = [np.array([data.draw(price) for _ in range(network.servers)]) for _ in range(2)]
    assert lower_bound(network, Prices(*draw)) <= enumerated(network) * (1 + 1e-12)


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_screening_misses_no_pair(name):
    network = Scenario.load(name).replace(users=30, servers=9).draw(1)
    prices = dual_prices(network)
    pairs = PairCosts.every(network)
    cost = pairs.at(prices)[0].reshape(30, 9)
    plain = cost.min(axis=1).sum() - prices.bandwidth @ network.bandwidth_max
    plain -= prices.frequency @ network.server_frequency_max
    assert lower_bound(network, prices) == pytest.approx(plain, rel=1e-10)
    found, kept = near(network, prices, 0.2)
    expected = np.nonzero(cost <= 1.2 * cost.min(axis=1, keepdims=True))
    np.testing.assert_array_equal([found.users, found.servers], expected)
    assert kept == pytest.approx(cost[expected])


def corrupted(decision):
    """One wrong thing at a time."""
    yield "share", {"bandwidth": decision.bandwidth * 1.01}
    yield "clock", {"server_frequency": decision.server_frequency * 1.01}
    yield "layers", {"local_layers": np.full_like(decision.local_layers, 32)}
    yield "fraction", {"local_layers": decision.local_layers + 0.5}
    yield "power", {"power": decision.power + 10}
    yield "user clock", {"user_frequency": decision.user_frequency * 2}


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_corrupted_decisions_are_refused(name):
    network = Scenario.load(name).draw(0)
    solution = allocate(network, np.arange(50) % 10)
    prices = Prices(solution.bandwidth_price, solution.frequency_price)
    good = verify(network, solution.decision, solution.objective, prices)
    assert good.accepted
    assert max(good.residuals.values()) < 1e-9
    assert 0 <= good.gap < 1
    for what, change in corrupted(solution.decision):
        bad = replace(solution.decision, **change)
        if what == "layers" and name == "literal":
            assert not np.isfinite(verify(network, bad, None, prices).objective)
        assert not verify(network, bad, None, prices).accepted, what
    assert not verify(network, solution.decision, solution.objective * 0.999, prices).accepted
    assert not verify(network, solution.decision, np.nan, prices).accepted


@pytest.mark.parametrize(
    "block", ["power", "bandwidth", "local_layers", "user_frequency", "server_frequency"]
)
def test_nan_is_an_error(block):
    network = Scenario.load("repaired").draw(0)
    decision = allocate(network, np.arange(50) % 10).decision
    value = getattr(decision, block).copy()
    value[3] = np.nan
    with pytest.raises(ScenarioError, match=block):
        verify(network, replace(decision, **{block: value}))


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
def test_residuals_see_what_is_not_stationary(formulation):
    network, association = small(3, 6, 2, formulation)
    decision = allocate(network, association).decision
    prices = dual_prices(network)
    reference = verify(network, reference_decision(network, association), prices=prices)
    for block in ("bandwidth", "server_frequency"):
        assert reference.residuals[block] > 1e-2
    slow = replace(decision, user_frequency=decision.user_frequency * 0.5)
    assert verify(network, slow, prices=prices).residuals["user_frequency"] == pytest.approx(0.5)
    loud = replace(decision, power=network.power_max)
    if not formulation.transmission_delay:
        assert verify(network, loud, prices=prices).residuals["power"] > 0.01


def test_prices_of_the_wrong_sign_or_nan_are_refused():
    network, _ = small(3, 4, 2, REPAIRED)
    one = np.ones(2) * 1e-9
    for prices in (Prices(-one, one), Prices(one, -one), Prices(one, one * np.nan)):
        with pytest.raises(ScenarioError, match="prices"):
            lower_bound(network, prices)


def test_an_infinite_objective_is_no_nan():
    network = Scenario.load("literal").replace(users=4, servers=2).draw(0)
    solution = solve(network, "local_only")
    certificate = verify(network, solution.decision, solution.objective)
    assert certificate.honest
    assert not certificate.accepted
    assert certificate.gap == np.inf


def test_without_a_price_of_time_no_feasible_decision_is_below_the_bound():
    """Slower clocks are always better then; the least one is part of the model."""
    network = replace(
        Scenario.load("repaired").replace(users=3, servers=2, layers=4).draw(0),
        payload=np.ones(3),
        weights=Weights(1.0, 0.0, 0.0),
        normalized_by="",
    )
    good = priced(network).allocation.decision
    assert verify(network, good).gap >= 0
    for key, share, equation in (
        ("user_frequency", LEAST_CLOCK / 10, "9f"),
        ("server_frequency", LEAST_CLOCK**2 / 10, "9g"),
    ):
        most = getattr(network, f"{key}_max")
        most = most if key.startswith("user") else most[good.association]
        slower = replace(good, **{key: share * most})
        assert equation in {v.equation for v in verify(network, slower).violations}
        at_the_least = replace(good, **{key: 10 * share * most})
        assert verify(network, at_the_least).gap >= 0


def test_a_bound_above_a_feasible_decision_is_an_error_and_no_number(monkeypatch):
    network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    decision = priced(network).allocation.decision
    objective = evaluate(network, decision).objective
    monkeypatch.setattr(
        "mecllm.certified.certificate.lower_bound", lambda *_: objective * (1 + 1e-6)
    )
    with pytest.raises(SolverError, match="exceeds the objective"):
        verify(network, decision)
