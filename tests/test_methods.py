"""`solve` and what it returns: the proposed method, edge only and local only."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.methods import METHODS, Choices, solve
from mecllm.system.constraints import feasibility
from mecllm.system.model import Decision, evaluate
from mecllm.system.scenario import Scenario
from mecllm.system.solution import load_decision, save_decision
from tests.examples import pencil_decision

TRACKS = ("literal", "repaired")


def network(track, users=8, servers=2, seed=0):
    return Scenario.load(track).replace(users=users, servers=servers).draw(seed)


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_an_honest_solution(track, method) -> None:
    net = network(track)
    solution = solve(net, method, seed=3)
    cost = evaluate(net, solution.decision)
    assert solution.method == method
    assert solution.objective == cost.objective
    assert solution.energy == pytest.approx(cost.energy.sum(), rel=1e-15)
    assert solution.delay == pytest.approx(cost.delay.mean(), rel=1e-15)
    assert solution.stability == pytest.approx(cost.stability.mean(), rel=1e-15)
    assert solution.converged
    assert solution.message
    allowed = {"edge_only": {"9a"}, "local_only": {"9a"}}.get(method, set())
    assert {v.equation for v in feasibility(net, solution.decision)} <= allowed


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_solution(track, method) -> None:
    first, second = (solve(network(track), method, seed=5) for _ in range(2))
    for field in fields(Decision):
        key = field.name
        assert getattr(first.decision, key).tobytes() == getattr(second.decision, key).tobytes()


@pytest.mark.parametrize("track", TRACKS)
def test_edge_only_and_local_only_are_what_they_say(track) -> None:
    net = network(track)
    edge, local = solve(net, "edge_only"), solve(net, "local_only")
    assert np.all(edge.decision.local_layers == 0)
    assert edge.cost.local_energy.sum() == 0
    assert np.all(local.decision.local_layers == net.layers)
    assert local.cost.edge_energy.sum() + local.cost.transmission_energy.sum() == 0
    assert np.isfinite(local.objective) == (track == "repaired")


def test_proposed_leaves_its_start_far_behind() -> None:
    solution = solve(network("repaired"))
    assert solution.objective < solution.history[0]
    assert solution.iterations == len(solution.history) - 1
    layers = solution.decision.local_layers
    assert np.all((layers >= 1) & (layers <= 31) & (layers == np.round(layers)))


def test_given_association_is_kept() -> None:
    net, association = network("repaired"), np.array([1, 0] * 4)
    np.testing.assert_array_equal(
        solve(net, "edge_only", association=association).decision.association, association
    )


@pytest.mark.parametrize("association", [[0] * 7, [0] * 7 + [2], [0.5] * 8])
def test_an_impossible_association_is_refused(association) -> None:
    with pytest.raises(ScenarioError):
        solve(network("repaired"), "edge_only", association=np.array(association))


BASELINES = ("alternating", "alpha_only", "resource_only", "edge_only", "edge_one")


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("method", BASELINES)
def test_on_equal_terms_a_baseline_keeps_its_restriction_and_gains_the_chi_step(
    track, method
) -> None:
    net = network(track, users=20, servers=4)
    plain, tuned = solve(net, method, 3), solve(net, method, 3, chi_step=True)
    assert tuned.objective <= plain.objective
    assert tuned.method == method
    assert len(tuned.decision.association) == net.users
    # The restriction: what the method itself would do at the association that it ended with.
    again = solve(net, method, 3, tuned.decision.association)
    assert again.objective == tuned.objective
    if method in ("edge_only", "edge_one"):
        assert np.all(tuned.decision.local_layers == (method == "edge_one"))


def test_equal_terms_matter() -> None:
    gains = [
        solve(net, "alternating", chi_step=True).objective / solve(net, "alternating").objective
        for net in (network("repaired", 30, 5, seed) for seed in range(4))
    ]
    assert min(gains) < 0.98


def test_choices_change_what_they_say_and_nothing_else() -> None:
    net = network("repaired", 20, 4)
    for choices, changed in (
        (Choices(stopped=True), {"proposed", "greedy", "random"}),
        (Choices(share_min=0.5), {"alpha_only"}),
        (Choices(layers_max=16), {"resource_only"}),
    ):
        differ = {
            method
            for method in METHODS
            if solve(net, method, 1).objective != solve(net, method, 1, choices=choices).objective
        }
        assert differ <= changed | {"alternating"}
        assert differ & changed
    shuffled = solve(net, "greedy", 1, choices=Choices(shuffled=True))
    assert np.any(shuffled.decision.association != solve(net, "greedy", 1).decision.association)


def test_unknown_method_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"method = 'best'.*proposed"):
        solve(network("literal"), "best")


@pytest.mark.parametrize("track", TRACKS)
def test_summary_is_json_even_where_a_number_is_infinite(track) -> None:
    summary = solve(network(track), "local_only").summary()
    again = json.loads(json.dumps(summary, allow_nan=False))
    assert again == summary
    assert (summary["objective"] is None) == (track == "literal")


def test_saved_decision_comes_back_to_the_last_digit(tmp_path) -> None:
    decision = solve(network("repaired")).decision
    save_decision(decision, tmp_path / "decision.json")
    again = load_decision(tmp_path / "decision.json")
    assert [p.name for p in tmp_path.iterdir()] == ["decision.json"]
    for field in fields(Decision):
        old, new = getattr(decision, field.name), getattr(again, field.name)
        assert old.dtype == new.dtype
        assert old.tobytes() == new.tobytes()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"association": [0]}', '{"colour": [0]}', "\ud800"],
)
def test_what_is_no_decision_file_is_refused(tmp_path, text) -> None:
    path = tmp_path / "decision.json"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(ScenarioError, match=r"decision"):
        load_decision(path)
    with pytest.raises(ScenarioError, match=r"absent\.json"):
        load_decision(tmp_path / "absent.json")


def test_a_decision_file_with_a_wrong_entry_is_refused(tmp_path) -> None:
    path = tmp_path / "decision.json"
    save_decision(pencil_decision(), path)
    values = json.loads(path.read_text(encoding="utf-8"))
    for key, wrong in (("power", ["much", 1.0]), ("association", [0.5, 1]), ("power", [1.0])):
        path.write_text(json.dumps(values | {key: wrong}), encoding="utf-8")
        with pytest.raises(ScenarioError):
            load_decision(path)


@pytest.mark.parametrize("track", ["literal", "repaired"])
@pytest.mark.parametrize("free", ["weight_energy", "weight_delay", "weight_stability"])
@pytest.mark.parametrize("method", ["proposed", "greedy", "random", "alternating"])
def test_a_weight_of_zero_is_no_trouble(track, free, method) -> None:
    network = Scenario.load(track).replace(users=6, servers=3, **{free: 0.0}).draw(1)
    solution = solve(network, method)
    assert np.isfinite(solution.objective)
    assert not feasibility(network, solution.decision)


def test_without_a_price_of_energy_and_delay_the_transform_says_so() -> None:
    network = Scenario.load("literal").replace(
        users=6, servers=3, weight_energy=0.0, weight_delay=0.0
    )
    with pytest.raises(ScenarioError, match="weights"):
        solve(network.draw(1), "proposed")
