"""Chapter 7: the association step, derived, against the paper and what the package ships."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, strategies as st

from mecllm.allocation import allocate
from mecllm.errors import ScenarioError, SolverError
from mecllm.paper.concave_convex import cccp, indicator, linearised, penalised, violation
from mecllm.paper.offers import OFFERS, Offer, pair_costs
from mecllm.paper.polytope import Polytope
from mecllm.system.model import evaluate
from mecllm.system.scenario import Scenario
from mecllm.theory import chi_step as chi
from mecllm.theory.compare import agree, mismatches
from mecllm.theory.derive_run import random_decision
from mecllm.theory.lemma1 import exact_penalty, vertices
from mecllm.theory.symbols import LITERAL, REPAIRED, Track
from tests.theory.test_planted_errors import sign_errors

#: Five users and two servers; only {3, 3 | 2, 2, 2} fills both servers exactly.
LOADS = np.array([3, 3, 2, 2, 2]) / 6
COSTS = np.array([[1, 6], [5, 2], [4, 1], [1, 4], [3, 3]], dtype=float).ravel()


def two_servers(loads: np.ndarray, equal: bool) -> Polytope:
    return Polytope.of_shares(np.repeat(np.atleast_2d(loads)[..., None], 2, axis=2), equal)


def associations(users: int, servers: int) -> list[np.ndarray]:
    return [np.array(chosen) for chosen in product(range(servers), repeat=users)]


def test_printed_equations() -> None:
    assert mismatches(chi.PRINTED, chi.DERIVED) == []


@pytest.mark.parametrize("number", ["47", "48", "51"])
def test_sign_errors_in_a_transcribed_equation(number: str) -> None:
    mutants = list(sign_errors(chi.PRINTED[number]))
    assert len(mutants) >= 2
    assert [m for m in mutants if agree(m, chi.DERIVED[number])] == []


def test_sign_errors_in_50_beyond_those_of_47_and_48() -> None:
    cost, added = chi.PRINTED["48"], chi._PENALTY * chi.PRINTED["47"]
    assert agree(cost + added, chi.PRINTED["50"])
    assert not agree(cost - added, chi.DERIVED["50"])
    assert not agree(added - cost, chi.DERIVED["50"])


def test_46_and_47_are_9b() -> None:
    assert chi.binary_points() == sp.FiniteSet(0, 1)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_47_is_never_negative_and_zero_only_at_binary_points(point: list[float]) -> None:
    value = violation(np.array(point))
    assert value >= 0
    # x (1 - x) of a denormal x is that x, so even the tiniest fraction is seen.
    assert (value == 0) == all(x in (0.0, 1.0) for x in point)


@pytest.mark.parametrize("track", [LITERAL, REPAIRED])
def test_p5_leaves_out_a_constant_and_is_linear(track: Track) -> None:
    for pair in chi.PAIRS:
        assert sp.diff(chi.stability(track), chi.chosen(*pair)) == 0
    assert chi.hessian(chi.assignment_cost(track)).is_zero_matrix


def test_50_is_linear_minus_convex() -> None:
    linear, convex = chi.difference_of_convex()
    assert agree(linear - convex, chi.DERIVED["50"])
    assert chi.hessian(linear).is_zero_matrix
    assert chi.hessian(convex) == 2 * chi._PENALTY * sp.eye(len(chi.PAIRS))


def test_51_lies_below_by_the_squared_distance() -> None:
    """So -Σχ(1-χ) is replaced by a minorant, and P6 by a majorant."""
    gap = -chi.penalty() - chi.DERIVED["51"]
    distance = sum((chi.chosen(*pair) - chi.last(*pair)) ** 2 for pair in chi.PAIRS)
    assert agree(gap, distance)


@pytest.mark.parametrize("name", ["literal", "repaired"])
@pytest.mark.parametrize("offer", ["carried", "newcomer", "average"])
def test_derived_pair_costs_equal_run(name: str, offer: str) -> None:
    network = Scenario.load(name).replace(users=12, servers=4).draw(3)
    rng = np.random.default_rng(0)
    decision = random_decision(network, np.arange(12) % 4, rng)
    given_ = OFFERS[offer](network, decision)
    run = pair_costs(network, decision, given_)
    np.testing.assert_allclose(run, chi.pair_cost_values(network, decision, given_), rtol=1e-10)


def test_derived_step_equals_run() -> None:
    rng = np.random.default_rng(1)
    costs, point, weight = rng.uniform(0, 5, 4), rng.uniform(0, 1, 4), 0.7
    symbols = [chi.chosen(*pair) for pair in chi.PAIRS]
    at = {chi._PENALTY: weight, **dict(zip(symbols, point, strict=True))}
    assert violation(point) == pytest.approx(float(chi.penalty().subs(at)), rel=1e-12)
    added = chi.DERIVED["50"] - chi.assignment_cost()
    assert penalised(costs, weight, point) == pytest.approx(
        float(costs @ point + sp.expand(added).subs(at)), rel=1e-12
    )
    for (n, m), fee in zip(chi.PAIRS, linearised(0 * costs, weight, point), strict=True):
        slope = sp.expand(chi.linearised_cost(n, m) - chi.pair_cost(n, m))
        derived = slope.subs({chi._PENALTY: weight, chi.last(n, m): at[chi.chosen(n, m)]})
        assert fee == pytest.approx(float(derived), rel=1e-12)


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_pair_costs_and_constant_make_the_objective(name: str) -> None:
    network = Scenario.load(name).replace(users=8, servers=3).draw(2)
    decision = random_decision(network, np.arange(8) % 3, np.random.default_rng(2))
    cost, weights = evaluate(network, decision), network.weights
    local = weights.energy * cost.local_energy + weights.delay * cost.local_delay
    constant = float(local.sum() + weights.stability * cost.stability.sum())
    costs = pair_costs(network, decision, OFFERS["nothing"](network, decision)).ravel()
    at = penalised(costs, 5.0, indicator(decision.association, 3))
    assert at + constant == pytest.approx(cost.objective, rel=1e-12)


@pytest.mark.parametrize("name", ["literal", "repaired"])
@pytest.mark.parametrize("offer", ["nothing", "carried", "newcomer"])
def test_no_user_can_move_alone(name: str, offer: str) -> None:
    """F4: a single move violates (9e), or costs an infinity, whatever the others are offered."""
    network = Scenario.load(name).replace(users=6, servers=2).draw(0)
    start = np.array([0, 1, 0, 1, 1, 0])
    decision = allocate(network, start).decision
    given_ = OFFERS[offer](network, decision)
    polytope = Polytope.of(network, given_)
    costs = pair_costs(network, decision, given_).ravel()
    moves = [c for c in associations(6, 2) if np.sum(c != start) == 1]
    assert len(moves) == 6
    for move in moves:
        point = indicator(move, 2)
        assert not polytope.contains(point) or np.isinf(penalised(costs, 0.0, point))


@pytest.mark.parametrize("offer", ["nothing", "carried", "newcomer"])
def test_literal_step_has_one_feasible_point(offer: str) -> None:
    network = Scenario.load("literal").replace(users=6, servers=2).draw(0)
    for start in ([0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1]):
        decision = allocate(network, np.array(start)).decision
        polytope = Polytope.of(network, OFFERS[offer](network, decision))
        feasible = [c for c in associations(6, 2) if polytope.contains(indicator(c, 2))]
        assert [c.tolist() for c in feasible] == [start]


def test_offering_nothing_leaves_a_single_point() -> None:
    network = Scenario.load("literal").replace(users=6, servers=2).draw(0)
    start = np.array([0, 1, 0, 1, 1, 0])
    decision = allocate(network, start).decision
    found = vertices(Polytope.of(network, OFFERS["nothing"](network, decision)))
    np.testing.assert_allclose(found, [indicator(start, 2)], atol=1e-9)


def test_vertices_of_known_polytopes() -> None:
    simplices = Polytope.of_shares(np.zeros((0, 3, 2)), equal=True)
    assert len(vertices(simplices)) == 2**3
    halves = vertices(two_servers(np.full(4, 0.5), equal=True))
    assert len(halves) == 6
    assert violation(halves).max() == 0
    assert len(vertices(two_servers(LOADS, equal=True))) == 26
    # No share of 1 can be left out by one server and fit the other twice.
    assert len(vertices(two_servers(np.array([2.0, 3.0]), equal=True))) == 0


def test_vertices_refuse_what_is_too_large() -> None:
    with pytest.raises(ScenarioError, match="bases"):
        vertices(two_servers(np.full(20, 0.1), equal=True))


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_p5_is_feasible_exactly_if_the_numbers_can_be_halved(numbers: list[int]) -> None:
    """T20: PARTITION is the feasibility of P5, with (47) as with (9b)."""
    total = sum(numbers)
    can = any(2 * np.dot(c, numbers) == total for c in associations(len(numbers), 2))
    polytope = two_servers(2 * np.array(numbers) / total, equal=True)
    found = vertices(polytope)
    assert bool(len(found) and violation(found).min() < 1e-9) == can
    if not can:
        with pytest.raises(SolverError):
            polytope.minimise(np.zeros(2 * len(numbers)), binary=True)


def test_constants_of_lemma_1() -> None:
    found = exact_penalty(COSTS, vertices(two_servers(LOADS, equal=True)))
    assert found.least_penalty == 0  # the printed (49) divides by it
    assert found.least_positive == pytest.approx(4 / 9)
    assert found.constant == pytest.approx(13.5)
    assert found.threshold == pytest.approx(12)


@given(st.lists(st.integers(0, 9), min_size=10, max_size=10))
def test_repaired_lemma_1(costs: list[int]) -> None:
    points = vertices(two_servers(LOADS, equal=True))
    cost = np.array(costs, dtype=float)
    found = exact_penalty(cost, points)
    value, excess = points @ cost, violation(points)
    best = value[excess < 1e-9].min()
    assert found.threshold <= found.constant + 1e-9
    above = value + (found.constant + 0.01) * excess
    assert excess[np.argmin(above)] < 1e-9
    assert above.min() == pytest.approx(best)
    if found.threshold > 0.1:
        below = value + (found.threshold - 0.05) * excess
        assert excess[np.argmin(below)] > 0.1
        assert below.min() < best - 1e-6


def test_constant_is_zero_on_an_integral_polytope() -> None:
    found = exact_penalty(COSTS[:8], vertices(two_servers(np.full(4, 0.5), equal=True)))
    assert (found.constant, found.threshold) == (0, 0)


def test_exact_penalty_needs_a_feasible_point() -> None:
    points = vertices(two_servers(np.array([2, 2, 2]) / 3, equal=True))
    assert len(points) > 0
    with pytest.raises(ScenarioError, match="binary"):
        exact_penalty(COSTS[:6], points)


@given(
    costs=st.lists(st.floats(0, 1), min_size=12, max_size=12),
    weight=st.floats(0, 3),
    seed=st.integers(0, 99),
)
def test_cccp_stops_after_one_step_on_an_integral_polytope(
    costs: list[float], weight: float, seed: int
) -> None:
    polytope = two_servers(np.full(6, 1 / 3), equal=True)
    rng = np.random.default_rng(seed)
    corners = np.array([polytope.minimise(rng.normal(size=12)) for _ in range(3)])
    run = cccp(np.array(costs), polytope, weight, rng.dirichlet(np.ones(3)) @ corners)
    assert run.steps <= 1
    assert violation(run.point) == 0 or run.steps == 0


@pytest.mark.parametrize("weight", [0.0, 0.5, 50.0])
def test_uniform_start_is_exact_on_an_integral_polytope(weight: float) -> None:
    polytope = two_servers(np.full(6, 1 / 3), equal=True)
    costs = np.random.default_rng(5).uniform(size=12)
    run = cccp(costs, polytope, weight, np.full(12, 0.5))
    np.testing.assert_array_equal(run.point, polytope.minimise(costs, binary=True))


def test_a_large_penalty_freezes_every_binary_start() -> None:
    polytope = two_servers(np.full(6, 1 / 3), equal=True)
    costs = np.random.default_rng(6).uniform(size=12)
    weight = 0.51 * np.ptp(costs.reshape(6, 2), axis=1).max()
    for start in vertices(polytope):
        assert cccp(costs, polytope, weight, start).steps == 0


@pytest.mark.parametrize("seed", range(5))
def test_each_step_descends_by_the_squared_distance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    polytope = two_servers(rng.uniform(0.15, 0.35, (2, 6)), equal=False)
    costs = rng.uniform(size=12)
    point = polytope.minimise(rng.normal(size=12))
    run = cccp(costs, polytope, 0.4, point)
    assert np.all(np.diff(run.history) < 0)
    if run.steps == 1:
        distance = np.sum((run.point - point) ** 2)
        assert run.history[0] - run.history[1] >= 0.4 * distance - 1e-9


def test_cccp_stays_at_a_fractional_vertex_for_every_large_penalty() -> None:
    polytope = two_servers(LOADS, equal=True)
    points = vertices(polytope)
    fractional = points[violation(points) > 1e-9]
    for weight in (1e2, 1e4):
        ends = [cccp(COSTS, polytope, weight, start) for start in fractional]
        assert all(end.steps == 0 for end in ends)


def test_cccp_refuses_a_start_outside() -> None:
    with pytest.raises(ScenarioError, match="start"):
        cccp(COSTS, two_servers(LOADS, equal=True), 1.0, np.zeros(10))


def test_offer_of_nothing_has_infinite_cost() -> None:
    network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
    decision = allocate(network, np.array([0, 1, 0, 1])).decision
    zero = np.zeros((4, 2))
    assert np.all(np.isinf(pair_costs(network, decision, Offer(zero, zero))))


def test_alternating_the_two_steps_misses_the_optimum() -> None:
    """T26: with nothing offered every association is a fixed point, the best one just one."""
    network = Scenario.load("repaired").replace(users=6, servers=2).draw(1)
    best = min(allocate(network, c).objective for c in associations(6, 2))
    stuck = 0
    for start in associations(6, 2):
        allocation = allocate(network, start)
        offer = OFFERS["nothing"](network, allocation.decision)
        costs = pair_costs(network, allocation.decision, offer).ravel()
        point = Polytope.of(network, offer).minimise(costs, binary=True)
        np.testing.assert_array_equal(point, indicator(start, 2))
        stuck += allocation.objective > best * 1.01
    assert stuck > 50
