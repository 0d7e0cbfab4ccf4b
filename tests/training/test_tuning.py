"""Readings, steps and the draws of Definition 1."""

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.training.corpus import LAYERS, Model, pretrained, windows
from mecllm.training.definition1 import BATCH, SAMPLES, draw, replace_one
from mecllm.training.readings import LAMBDA, READINGS
from mecllm.training.transformer import SHAPES
from mecllm.training.tuning import Rule, fit, losses, start

MODEL, TEXT = pretrained(), windows("washington")
RULE = Rule("adam", 1e-3)
BATCHES = TEXT[:BATCH][None].repeat(2, axis=0)


def moved(part):
    (*_, after) = fit(MODEL.ends, part, BATCHES, RULE)
    return [
        {n for n in layer if not np.array_equal(layer[n], origin[n])}
        for layer, origin in zip(after.layers, after.origin, strict=True)
    ]


@pytest.mark.parametrize("alpha", [0, 3, LAYERS])
def test_each_reading_moves_what_it_says(alpha):
    every, nothing = set(SHAPES), set()
    adapters = {f"{name}.{side}" for name in SHAPES for side in "AB"}
    wanted = {
        "as described": [every] * LAYERS,
        "rest frozen": [every] * alpha + [nothing] * (LAYERS - alpha),
        "relaxed": [every] * LAYERS,
        "adapted": [adapters] * alpha + [every] * (LAYERS - alpha),
        "last tuned": [nothing] * (LAYERS - alpha) + [every] * alpha,
    }
    for name, reading in READINGS.items():
        assert moved(reading(MODEL, alpha)) == wanted[name], name


@pytest.mark.parametrize("name", READINGS)
def test_alpha_is_a_number_of_layers(name):
    for alpha in (-1, LAYERS + 1):
        with pytest.raises(ScenarioError, match="alpha"):
            READINGS[name](MODEL, alpha)


def test_adapters_begin_without_effect():
    part = READINGS["adapted"](MODEL, LAYERS)
    before = losses(MODEL.ends, MODEL.layers, TEXT[:4])
    assert np.array_equal(losses(MODEL.ends, part.layers, TEXT[:4]), before)


def test_in_the_system_as_described_alpha_changes_nothing():
    one, other = (
        list(fit(MODEL.ends, READINGS["as described"](MODEL, a), BATCHES, RULE))[-1].layers
        for a in (1, 7)
    )
    for left, right in zip(one, other, strict=True):
        assert all(np.array_equal(left[n], right[n]) for n in left)


def quadratic(pull, rule, steps):
    """One 1×1 `matrix` whose loss has the gradient w - 3."""
    from mecllm.training.tuning import update

    part = start([{"w": np.array([[1.0]])}], [("w",)], pull)
    for _ in range(steps):
        part = update(part, [{"w": part.layers[0]["w"] - 3}], rule)
    return part.layers[0]["w"].item()


def test_steps_are_those_of_the_formulas():
    # w - rate·gradient, with the gradient 1 - 3 = -2.
    assert quadratic(0, Rule("sgd", 0.1), 1) == pytest.approx(1.2)
    # Adam's first step is the rate, whatever the gradient's size.
    assert quadratic(0, Rule("adam", 0.1), 1) == pytest.approx(1.1)
    # The second: means 0.9·(-2)·0.1 + 0.1·(-1.9) and so on, divided by 1 - 0.9² and 1 - 0.999².
    mean = (0.9 * 0.1 * -2 + 0.1 * -1.9) / (1 - 0.9**2)
    square = (0.999 * 0.001 * 4 + 0.001 * 1.9**2) / (1 - 0.999**2)
    assert quadratic(0, Rule("adam", 0.1), 2) == pytest.approx(1.1 - 0.1 * mean / square**0.5)


@pytest.mark.parametrize("pull", [0.0, 0.5, 2.0])
def test_the_relaxed_learner_ends_between_its_data_and_its_origin(pull):
    # (w - 3)²/2 + pull (w - 1)² is least where w - 3 + 2 pull (w - 1) = 0.
    assert quadratic(pull, Rule("sgd", 0.1), 400) == pytest.approx((3 + 2 * pull) / (1 + 2 * pull))
    assert READINGS["relaxed"](MODEL, 2).pull == LAMBDA * (1 - 2 / LAYERS)


def test_a_draw_has_distinct_sequences_and_whole_epochs():
    drawn = draw(TEXT, 5, 6, 3)
    rows = np.concatenate((drawn.train, drawn.new, drawn.other))
    text = {tuple(row) for row in TEXT}
    assert {tuple(row) for row in rows} <= text
    assert len({tuple(row) for row in rows}) == len(rows)
    assert len(set(drawn.rows)) == 6
    for order in (drawn.order, drawn.second_order):
        assert order.shape == (3 * SAMPLES // BATCH, BATCH)
        for epoch in order.reshape(3, SAMPLES):
            assert sorted(epoch) == list(range(SAMPLES))
    assert not np.array_equal(drawn.order, drawn.second_order)
    again = draw(TEXT, 5, 6, 3)
    assert all(np.array_equal(getattr(drawn, n), getattr(again, n)) for n in ("train", "order"))
    for wrong in (0, SAMPLES + 1):
        with pytest.raises(ScenarioError, match="replacements"):
            draw(TEXT, 5, wrong, 3)
    with pytest.raises(ScenarioError, match="text"):
        draw(TEXT[:50], 5, 6, 3)


def few(alpha, drawn):
    """Two layers, for speed."""
    model = Model(MODEL.ends, MODEL.layers[:2])
    return replace_one(model.ends, lambda: READINGS["rest frozen"](model, alpha), drawn, RULE)


def test_a_frozen_model_changes_nothing_and_a_replaced_sample_is_what_moves():
    drawn = draw(TEXT, 0, 2, 1)
    (still,) = few(0, drawn)
    assert not still.changes.any()
    assert still.moved == still.reordered == 0
    (outcome,) = few(2, drawn)
    assert outcome.changes.all()
    assert outcome.training < still.training
    # A sample replaced by itself is no replacement.
    same = type(drawn)(**{**vars(drawn), "new": drawn.train[drawn.rows]})
    (unchanged,) = few(2, same)
    assert not unchanged.changes.any()
    assert unchanged.moved == 0
    assert unchanged.reordered == outcome.reordered > 0


def test_changes_are_those_of_two_trainings():
    drawn = draw(TEXT, 1, 1, 1)
    model = Model(MODEL.ends, MODEL.layers[:2])
    train = drawn.train.copy()
    train[drawn.rows[0]] = drawn.new[0]
    sample = drawn.train[drawn.rows[:1]]
    ends = [
        list(fit(model.ends, READINGS["rest frozen"](model, 2), data[drawn.order], RULE))[-1]
        for data in (train, drawn.train)
    ]
    after, before = (losses(model.ends, part.layers, sample)[0] for part in ends)
    (outcome,) = few(2, drawn)
    assert outcome.changes[0] == pytest.approx(after - before, rel=1e-9)
