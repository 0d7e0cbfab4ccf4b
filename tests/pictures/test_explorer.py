"""The explorer without a browser: its user, its expressions and its page."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from mecllm.allocation import Work, allocate, user_frequency
from mecllm.errors import ScenarioError
from mecllm.paper.surrogate_k import gradient
from mecllm.pictures.explorer import SLIDERS, page
from mecllm.pictures.javascript import SYMBOLS, function, functions, user_expressions
from mecllm.pictures.typical import HERE, Setting, options, presets, splits, typical_network
from mecllm.system.model import evaluate
from mecllm.system.network import PER_USER
from mecllm.system.scenario import Scenario
from mecllm.theory.derive_run import (
    arguments,
    evaluate as evaluate_symbolic,
    random_decision,
    track_of,
)
from mecllm.theory.symbols import LITERAL, REPAIRED

PARTS = ("device", "upload", "server", "bound")


def some_settings(count):
    dice = random.Random(5)
    for _ in range(count):
        values = {slider.key: dice.choice(slider.values) for slider in SLIDERS}
        yield Setting(dice.choice(["literal", "repaired"]), **values)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("track", ["literal", "repaired"])
def test_expressions_are_what_mecllm_evaluates(track, seed):
    rng = np.random.default_rng(seed)
    weights = {f"weight_{name}": rng.uniform(0.1, 10) for name in ("energy", "delay", "stability")}
    network = Scenario.load(track).replace(users=6, servers=2, **weights).draw(seed)
    association = np.array([0, 1, 0, 1, 1, 0])
    decision = random_decision(network, association, rng)
    values, cost = arguments(network, decision), evaluate(network, decision)
    found = {
        name: evaluate_symbolic(expression, values)
        for name, expression in user_expressions(track_of(network)).items()
    }
    for name in ("energy", "delay", "stability"):
        np.testing.assert_allclose(found[name], getattr(cost, name), rtol=1e-12)
    assert sum(found[name].sum() for name in PARTS) == pytest.approx(cost.objective, rel=1e-12)
    # Slopes are small differences of large terms in the code that runs.
    slope = gradient(network, decision)["power"]
    np.testing.assert_allclose(found["power_slope"], slope, rtol=1e-6)
    limited = np.minimum(found["user_clock"], network.user_frequency_max)
    np.testing.assert_allclose(limited, user_frequency(network), rtol=1e-12)
    free = Work.of(network, np.arange(6), association).free_clock()
    np.testing.assert_allclose(found["server_clock"], free, rtol=1e-12)


@pytest.mark.parametrize("track", [LITERAL, REPAIRED])
def test_a_user_that_is_not_served_pays_for_no_server(track):
    expressions = user_expressions(track)
    for name in ("upload", "server"):
        assert expressions[name].subs(SYMBOLS["chosen"], 0) == 0
    whole = sum(expressions[name] for name in PARTS)
    for name in ("energy", "delay", "stability"):
        assert sp.simplify(sp.diff(whole, SYMBOLS[name]) - expressions[name]) == 0


def test_the_printer_keeps_small_ratios_accurate():
    x, y = sp.symbols("x y", positive=True)
    assert function(sp.log(1 + x / y)) == "({x, y}) => Math.log1p(x/y)"
    assert function(sp.log(x)) == "({x}) => Math.log(x)"
    assert functions({"a": x, "b": y**2}) == "{\n  a: ({x}) => x,\n  b: ({y}) => Math.pow(y, 2),\n}"


@pytest.mark.parametrize("setting", list(some_settings(12)))
def test_the_best_split_is_the_best_of_all(setting):
    decision, values = splits(typical_network(setting))
    assert decision.local_layers[0] == 1 + np.argmin(values)
    assert options(setting)["split"][1].objective == pytest.approx(values.min(), rel=1e-12)


@pytest.mark.parametrize("setting", list(some_settings(6)))
def test_like_users_that_split_alike_share_evenly(setting):
    one, n = typical_network(setting), int(setting.users)
    copied = {k: np.repeat(getattr(one, k), n, axis=0) for k in (*PER_USER, "gain")}
    crowd = replace(
        one,
        **copied,
        user_position=np.zeros((n, 2)),
        bandwidth_max=n * one.bandwidth_max,
        server_frequency_max=n * one.server_frequency_max,
    )
    best, cost = options(setting)["split"]
    layers = np.full(n, best.local_layers[0])
    together = allocate(crowd, np.zeros(n, dtype=int), layers)
    assert together.objective == pytest.approx(n * cost.objective, rel=1e-9)
    shares = allocate(one, HERE, layers[:1]).decision
    np.testing.assert_allclose(together.decision.bandwidth, shares.bandwidth[0], rtol=1e-9)


def test_weights_are_normalised_where_asked():
    costly, own = presets()["costly server"], Setting.of("repaired")
    there, here = typical_network(costly, own), typical_network(costly)
    assert there.weights == typical_network(own).weights
    assert there.weights.energy != here.weights.energy
    assert there.server_kappa == here.server_kappa
    # At its own reference point each normalised term is its priority.
    double = typical_network(costly.but(energy=2.0))
    assert double.weights.energy == 2 * here.weights.energy


def test_a_setting_that_no_network_can_have_is_refused():
    with pytest.raises(ScenarioError, match="weights"):
        typical_network(Setting.of("literal").but(energy=-1.0))
    with pytest.raises(ValueError, match="not in tuple"):
        page({"between": Setting.of("literal").but(users=2.5)})


def test_the_page_is_whole_and_always_the_same():
    text = page(presets())
    assert text == page(presets())
    assert not [mark for mark in text.split() if mark.startswith("@") and mark.endswith("@")]
    for slider in SLIDERS:
        assert f'<label for="split-{slider.key}">' in text
        assert list(slider.values) == sorted(set(slider.values))
    assert "<noscript>" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
