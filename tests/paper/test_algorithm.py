"""P4 solved block by block against Clarabel, and the two-step algorithm."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mecllm.errors import SolverError
from mecllm.paper import polytope
from mecllm.paper.algorithm import chi_problem, chi_step, settled, two_step
from mecllm.paper.fractional import fractional_programming, round_layers
from mecllm.paper.p4_cvxpy import SurrogateProblem
from mecllm.paper.p4_newton import SeparableProblem
from mecllm.paper.surrogate_k import auxiliary, surrogate
from mecllm.study.figures import weighted
from mecllm.study.statistics import TIE_BAND
from mecllm.system.association import greedy, random_association
from mecllm.system.constraints import feasibility
from mecllm.system.model import evaluate, reference_decision
from mecllm.system.scenario import Scenario

TRACKS = ("literal", "repaired")


def network(track, users=12, servers=3, seed=0):
    return Scenario.load(track).replace(users=users, servers=servers).draw(seed)


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("seed", range(3))
def test_block_by_block_is_the_problem_that_clarabel_solves(track, seed) -> None:
    net = network(track, seed=seed)
    start = reference_decision(net, random_association(net, seed))
    aux = auxiliary(net, start)
    arguments = (aux.local, aux.upload, aux.edge)
    exact, duals = SeparableProblem(net, start).solve(*arguments)
    cone, cone_duals = SurrogateProblem(net, start).solve(*arguments)
    ours, theirs = surrogate(net, exact, aux), surrogate(net, cone, aux)
    # Clarabel stops at 1e-8 of the value; a minimum is flat, so its point is off by the root.
    assert ours <= theirs * (1 + 1e-9)
    assert ours == pytest.approx(theirs, rel=1e-6)
    for key in ("local_layers", "bandwidth", "user_frequency", "server_frequency"):
        np.testing.assert_allclose(getattr(exact, key), getattr(cone, key), rtol=5e-3)
    # A multiplier times the range of its variable is a share of the objective.
    ranges = {
        "layers_low": 1.0,
        "layers_high": 1.0,
        "power_low": net.power_max,
        "power_high": net.power_max,
        "user_frequency": net.user_frequency_max,
        "bandwidth": net.bandwidth_max,
        "server_frequency": net.server_frequency_max,
    }
    for key, scale in ranges.items():
        one, other = getattr(duals, key) * scale, getattr(cone_duals, key) * scale
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-5 * ours, err_msg=key)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    track=st.sampled_from(TRACKS),
    users=st.integers(3, 15),
    flags=st.fixed_dictionaries(
        {"capacity": st.sampled_from(("equal", "at_most")), "transmission_delay": st.booleans()}
    ),
)
def test_no_feasible_neighbour_is_better(seed, track, users, flags) -> None:
    net = Scenario.load(track).replace(users=users, servers=3, **flags).draw(seed)
    start = reference_decision(net, random_association(net, seed))
    aux = auxiliary(net, start)
    best, _ = SeparableProblem(net, start).solve(aux.local, aux.upload, aux.edge)
    assert not feasibility(net, best, integer=False)
    value = surrogate(net, best, aux)
    assert value <= surrogate(net, start, aux) * (1 + 1e-12)
    # K is convex: on the way to any other feasible point it does not fall.
    for share in (1e-3, 0.1, 0.5):
        between = type(best)(
            best.association,
            *(
                (1 - share) * getattr(best, f.name) + share * getattr(start, f.name)
                for f in fields(best)[1:]
            ),
        )
        assert surrogate(net, between, aux) >= value * (1 - 1e-10)


def test_one_user_and_one_server() -> None:
    net = network("repaired", users=1, servers=1)
    run = fractional_programming(net, np.array([0]), convex_problem=SeparableProblem)
    assert run.converged
    assert run.decision.bandwidth[0] == pytest.approx(net.bandwidth_max[0])


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("seed", range(4))
def test_every_round_descends_and_stays_feasible(track, seed) -> None:
    net = network(track, users=20, servers=4, seed=seed)
    result = two_step(net, random_association(net, seed), settled)
    assert np.all(np.diff(result.rounds) < 0)
    assert result.converged
    assert not feasibility(net, result.runs[-1].decision, integer=False)
    assert evaluate(net, result.runs[-1].decision).objective == pytest.approx(result.rounds[-1])
    assert len(result.rounds) == len(result.runs)


@pytest.mark.parametrize("seed", range(4))
def test_taken_literally_the_chi_step_stays(seed) -> None:
    net = network("literal", users=20, servers=4, seed=seed)
    decision = fractional_programming(net, greedy(net), convex_problem=SeparableProblem).decision
    for attempt in chi_step(net, decision, at_most=False):
        point = attempt.point.reshape(net.users, net.servers)
        np.testing.assert_array_equal(point.argmax(axis=1), decision.association)


def test_the_chi_step_pays_on_the_repaired_track() -> None:
    gains = []
    for seed in range(4):
        rounds = two_step(net := network("repaired", 30, 5, seed), greedy(net), settled).rounds
        gains.append(rounds[-1] / rounds[0])
    assert np.mean(gains) < 0.99


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("key", ["energy", "delay", "stability"])
def test_a_settled_run_is_at_its_limit(track, key) -> None:
    """A hundredth of the tolerance moves nothing by a hundredth of the tie band."""
    net = weighted(network(track, users=50, servers=10, seed=0), key, 10.0)
    run = settled(net, greedy(net))
    again = fractional_programming(
        net, greedy(net), run.decision, 1e-10, 2000, convex_problem=SeparableProblem
    )
    costs = [evaluate(net, round_layers(net, r.decision)) for r in (run, again)]
    for name in ("energy", "delay", "stability"):
        one, other = (getattr(cost, name).sum() for cost in costs)
        assert one == pytest.approx(other, rel=TIE_BAND / 100), name


def test_the_printed_iteration_stops_far_from_its_limit() -> None:
    """On the literal track the power falls like 1/t: what a settled run is for."""
    net = network("literal", users=50, servers=10, seed=0)
    stopped = fractional_programming(net, greedy(net), convex_problem=SeparableProblem)
    energy = [evaluate(net, r.decision).energy.sum() for r in (stopped, settled(net, greedy(net)))]
    assert stopped.converged
    assert energy[0] > (1 + 2 * TIE_BAND) * energy[1]


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("seed", range(2))
def test_few_pairs_are_enough_to_find_the_vertex_of_all(track, seed, monkeypatch) -> None:
    net = network(track, 60, 12, seed)
    decision = settled(net, random_association(net, seed)).decision
    rng = np.random.default_rng(seed)
    costs, of_all = chi_problem(net, decision)
    # Some pairs cannot be had, none of them of those that there are.
    costs[(rng.random(len(costs)) < 0.1) & (of_all.inside.ravel() == 0)] = np.inf
    asked = [costs, costs + np.median(costs) * rng.normal(size=len(costs)), costs]
    best = [of_all.minimise(these) for these in asked]
    monkeypatch.setattr(polytope, "_ALL_PAIRS", 0)
    _, of_few = chi_problem(net, decision)
    for these, point in zip(asked, best, strict=True):
        np.testing.assert_allclose(of_few.minimise(these), point, atol=1e-9)
    assert of_few._pricing["pairs"].mean() < 0.9

    # Were no pair let in at the prices, the answer would be another.
    monkeypatch.setattr(polytope, "_PAYS", np.inf)
    _, too_few = chi_problem(net, decision)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(too_few.minimise(costs), best[0], atol=1e-9)


def test_a_polytope_without_a_point_is_told(monkeypatch) -> None:
    monkeypatch.setattr(polytope, "_ALL_PAIRS", 0)
    crowded = polytope.Polytope.of_shares(np.ones((1, 5, 4)), False, np.ones((5, 4)))
    with pytest.raises(SolverError, match="linear problem of the χ-step"):
        crowded.minimise(np.arange(20.0))
