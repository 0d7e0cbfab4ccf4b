"""The fractional programme: K against H, P4 against K, and the descent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mecllm.errors import ScenarioError, SolverError
from mecllm.paper import surrogate_k
from mecllm.paper.fractional import _P4_TOLERANCE, fractional_programming, round_layers
from mecllm.paper.p4_cvxpy import SurrogateProblem
from mecllm.paper.surrogate_k import Auxiliary, auxiliary, gradient, surrogate
from mecllm.system.association import random_association
from mecllm.system.constraints import feasibility
from mecllm.system.model import (
    _DECISION_BLOCKS,
    Decision,
    edge_layer_cost,
    evaluate,
    local_layer_cost,
    reference_decision,
    stability_bound,
)
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario
from tests.examples import REPAIRED, decisions, networks, pencil_decision, pencil_network

TRACKS = ("literal", "repaired")


def small(track, seed):
    """A random network of two to six users and one to three servers, and an association."""
    rng = np.random.default_rng(seed)
    users = int(rng.integers(2, 7))
    servers = int(rng.integers(1, min(users, 3) + 1))
    network = Scenario.load(track).replace(users=users, servers=servers).draw(seed)
    return network, random_association(network, seed)


@dataclass(frozen=True)
class Audit:
    """How well K serves as a surrogate of H at a point; all three are relative.

    Parameters
    ----------
    touch : float
        |K - H|/|H| at the point itself, equation (16): 0 up to rounding.
    majorise : float
        Smallest (K - H)/|H| over other points: never below 0 up to rounding.
    gradient : float
        Largest |∂K - ∂H|/scale over blocks, equations (32a)-(32e): 0 up to rounding.
    """

    touch: float
    majorise: float
    gradient: float


def audit(network: Network, decision: Decision, others: tuple[Decision, ...] = ()) -> Audit:
    """Check K against H: value and gradient at a decision, the bound at other ones."""
    aux = surrogate_k.auxiliary(network, decision)
    value = evaluate(network, decision).objective
    touch = abs(surrogate(network, decision, aux) - value) / abs(value)
    gaps = [
        (surrogate(network, other, aux) - evaluate(network, other).objective) / abs(value)
        for other in (decision, *others)
    ]
    true, model = (
        gradient(network, decision),
        surrogate_k.surrogate_gradient(network, decision, aux),
    )
    steepest = max(
        float(np.max(np.abs(true[key] - model[key])) / max(np.max(np.abs(true[key])), 1e-300))
        for key in true
    )
    return Audit(touch=touch, majorise=min(gaps), gradient=steepest)


def test_surrogate_13_by_hand() -> None:
    # z = v = q = 1 in round units: user by user α²z + A²/4z + ω_e(p²s²v + 1/(4r²v)) + ...
    n, d = pencil_network(), pencil_decision()
    aux = Auxiliary(local=np.ones(2), upload=np.full(2, 1e-13), edge=np.ones(2))
    local = 1 + 0.6**2 / 4 + 9 + 4.4**2 / 4
    upload = 1.6e13 * 1e-13 + 2.25e12 * 1e-13 + 1 / (1.6e13 * 1e-13) + 1 / (4e12 * 1e-13)
    edge = 9 + 0.425**2 / 4 + 1 + 0.3**2 / 4
    expected = local + 0.1 * upload + edge + 10 * (8 / 75 + 0.64)
    assert surrogate(n, d, aux) == pytest.approx(expected, rel=1e-12)


def test_auxiliaries_by_hand() -> None:
    aux = auxiliary(pencil_network(), pencil_decision())
    np.testing.assert_allclose(aux.local, [0.6 / 2, 4.4 / 6], rtol=1e-12)
    np.testing.assert_allclose(aux.upload, [1 / 1.6e13, 1 / (2 * 0.5 * 3e6 * 1e6)], rtol=1e-12)
    np.testing.assert_allclose(aux.edge, [0.425 / 6, 0.3 / 2], rtol=1e-12)


@given(st.data())
def test_surrogate_touches_majorises_and_has_the_same_gradient(data) -> None:
    network = data.draw(networks())
    here = data.draw(decisions(network))
    other = replace(data.draw(decisions(network)), association=here.association)
    result = audit(network, here, (other,))
    assert result.touch < 1e-12
    assert result.majorise > -1e-12
    assert result.gradient < 1e-9


def test_a_wrong_surrogate_fails_the_audit(monkeypatch) -> None:
    """The audit can fail: auxiliaries off by a tenth no longer touch."""
    n, d = pencil_network(), pencil_decision()
    aux = auxiliary(n, d)
    monkeypatch.setattr(
        "mecllm.paper.surrogate_k.auxiliary", lambda *_: replace(aux, local=1.1 * aux.local)
    )
    result = audit(n, d)
    assert result.touch > 1e-3
    assert result.gradient > 1e-3


@given(st.data())
def test_gradient_against_finite_differences(data) -> None:
    network = data.draw(networks())
    here = data.draw(decisions(network))
    exact = gradient(network, here)
    value = evaluate(network, here).objective
    for key in _DECISION_BLOCKS:
        for user in range(network.users):
            point = getattr(here, key)
            # Central differences; the step of α is small against the distance Υ - α >= 1.
            step = 1e-5 if key == "local_layers" else 1e-5 * point[user]
            ends = []
            for sign in (1, -1):
                moved = point.copy()
                moved[user] += sign * step
                ends.append(evaluate(network, replace(here, **{key: moved})).objective)
            slope = (ends[0] - ends[1]) / (2 * step)
            # Rounding of H over the step, and the third derivative times the step squared.
            room = 1e-15 * value / step + 1e-8 * value / point[user]
            assert abs(exact[key][user] - slope) <= room + 1e-8 * abs(slope), key


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("seed", range(4))
def test_value_of_p4_is_k_at_its_solution(track, seed) -> None:
    network, association = small(track, seed)
    start = reference_decision(network, association)
    aux = auxiliary(network, start)
    problem = SurrogateProblem(network, start)
    decision, _ = problem.solve(aux.local, aux.upload, aux.edge)
    # Clarabel's accuracy is _P4_TOLERANCE; moving its point into the constraints costs as much.
    assert surrogate(network, decision, aux) == pytest.approx(problem.value, rel=10 * _P4_TOLERANCE)
    assert feasibility(network, decision, integer=False) == ()
    assert problem.value < evaluate(network, start).objective


@pytest.mark.parametrize("track", TRACKS)
def test_no_other_point_of_p4_is_better(track) -> None:
    network, association = small(track, 1)
    start = reference_decision(network, association)
    aux = auxiliary(network, start)
    best, _ = SurrogateProblem(network, start).solve(aux.local, aux.upload, aux.edge)
    value = surrogate(network, best, aux)
    rng = np.random.default_rng(0)
    for _ in range(200):
        # A mixture of feasible points is feasible: the constraints of P4 are linear.
        share = rng.uniform(0, 0.3) ** 2
        other = replace(
            start,
            local_layers=rng.uniform(1, network.layers - 1, network.users),
            power=rng.uniform(network.power_min, network.power_max),
            user_frequency=network.user_frequency_max * rng.uniform(0.1, 1, network.users),
        )
        mixed = {
            key: (1 - share) * getattr(best, key) + share * getattr(other, key)
            for key in _DECISION_BLOCKS
        }
        assert surrogate(network, replace(best, **mixed), aux) >= value * (1 - _P4_TOLERANCE)


@pytest.mark.parametrize("track", TRACKS)
def test_objective_never_rises_on_a_hundred_networks(track) -> None:
    for seed in range(100):
        network, association = small(track, seed)
        run = fractional_programming(network, association, max_iterations=10)
        h, k = run.objective_history, run.surrogate_history
        assert h[0] == evaluate(network, reference_decision(network, association)).objective
        assert np.all(np.diff(h) <= _P4_TOLERANCE * h[:-1]), seed
        assert np.all(k <= h[:-1] * (1 + _P4_TOLERANCE)), seed
        assert np.all(h[1:] <= k * (1 + 1e-12)), seed
        # No run was cut short to keep the promise.
        assert "accurately" not in run.message
        assert run.converged or run.iterations == 10
        assert feasibility(network, run.decision, integer=False) == ()
        assert h[-1] == evaluate(network, run.decision).objective


def test_a_run_says_when_it_stops_at_its_cap() -> None:
    network, association = small("literal", 0)
    run = fractional_programming(network, association, max_iterations=2)
    assert (run.iterations, run.converged) == (2, False)
    assert "cap of 2" in run.message


def test_start_is_respected() -> None:
    network, association = small("repaired", 0)
    start = replace(
        reference_decision(network, association), local_layers=np.full(network.users, 2.0)
    )
    run = fractional_programming(network, association, start=start, max_iterations=1)
    assert run.objective_history[0] == evaluate(network, start).objective


def test_a_failing_solver_is_told(monkeypatch) -> None:
    def failing(*_):
        raise SolverError("Clarabel ended P4 with status infeasible")

    monkeypatch.setattr(SurrogateProblem, "solve", failing)
    network, association = small("literal", 0)
    with pytest.raises(SolverError, match="no step: Clarabel ended P4 with status infeasible"):
        fractional_programming(network, association)


def test_an_objective_of_stability_alone_is_refused() -> None:
    network, association = small("literal", 0)
    with pytest.raises(ScenarioError, match=r"\(energy, delay\) = \(0.0, 0.0\)"):
        fractional_programming(network.with_weights(0.0, 0.0, 1.0), association)


@pytest.mark.parametrize("silent", range(3))
@pytest.mark.parametrize("track", TRACKS)
def test_one_weight_may_be_zero(track, silent) -> None:
    network, association = small(track, 2)
    weights = [network.weights.energy, network.weights.delay, network.weights.stability]
    weights[silent] = 0.0
    run = fractional_programming(network.with_weights(*weights), association, max_iterations=5)
    assert np.all(np.isfinite(run.objective_history))


@given(st.data())
def test_rounding_takes_the_cheaper_neighbour_and_never_all_layers(data) -> None:
    network = data.draw(networks())
    relaxed = data.draw(decisions(network))
    rounded = round_layers(network, relaxed)
    alpha = rounded.local_layers
    assert np.all((alpha >= 1) & (alpha <= network.layers - 1) & (alpha == np.round(alpha)))
    assert np.all(np.abs(alpha - relaxed.local_layers) < 1)
    chosen = evaluate(network, rounded).objective
    for other in (np.floor(relaxed.local_layers), np.ceil(relaxed.local_layers)):
        assert chosen <= evaluate(network, replace(relaxed, local_layers=other)).objective


def test_rounding_goes_by_cost_where_the_nearest_is_dearer() -> None:
    """At 3.6 of 4 layers the nearest integer is 4, which is infinite; 2.5 can go either way."""
    n = pencil_network()
    near_all = replace(pencil_decision(), local_layers=np.array([2.45, 3.6]))
    assert round_layers(n, near_all).local_layers[1] == 3
    # User 0: a local layer costs 0.6, one at the edge 0.425; without stability 2 is cheaper than 3.
    assert (
        local_layer_cost(n, n.user_frequency_max)[0]
        > edge_layer_cost(n, np.zeros(2, int), pencil_decision().server_frequency)[0]
    )
    assert round_layers(n, near_all).local_layers[0] == 2
    # Dear edge layers: 3 is cheaper although 2 is nearer.
    slow = replace(near_all, server_frequency=np.array([1e7, 1e9]))
    assert round_layers(n, slow).local_layers[0] == 3
    assert stability_bound(n, np.array([3.0, 3.0]))[0] > stability_bound(n, np.array([2.0, 3.0]))[0]


def test_repaired_rounding_never_gives_all_layers_either() -> None:
    n = pencil_network(REPAIRED)
    relaxed = replace(pencil_decision(), local_layers=np.array([2.9, 3.9]))
    slow = replace(relaxed, server_frequency=np.full(2, 1e6))
    assert round_layers(n, slow).local_layers.tolist() == [3, 3]
