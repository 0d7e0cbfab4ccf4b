"""The backward pass by hand, against finite differences and against automatic differentiation."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad

from mecllm.errors import ScenarioError
from mecllm.system.equations import flops_per_layer
from mecllm.training.corpus import LAYERS, LENGTH, pretrained, unpack, windows
from mecllm.training.costs import operations
from mecllm.training.readings import RANK, with_adapters
from mecllm.training.transformer import HEADS, SHAPES, backward, embed, embed_back, forward, loss

WIDTH, TOKENS = 8, windows("washington")[:2]
RNG = np.random.default_rng(3)


def small_layer(adapters):
    layer = {n: RNG.standard_normal((a * WIDTH, b * WIDTH)) / 3 for n, (a, b) in SHAPES.items()}
    if adapters:
        layer = dict(with_adapters(layer, RNG))
        layer |= {n: RNG.standard_normal(w.shape) / 3 for n, w in layer.items() if n[-2:] == ".B"}
    return layer


ENDS = {
    "embedding": RNG.standard_normal((96, WIDTH)),
    "position": RNG.standard_normal((LENGTH, WIDTH)),
    "head": RNG.standard_normal((WIDTH, 96)),
}
MODELS = {
    "full": [small_layer(False), small_layer(False)],
    "adapters": [small_layer(True), small_layer(True)],
}


def value(ends, layers):
    x, _ = forward(layers, embed(ends, TOKENS[:, :-1]), LENGTH)
    return loss(ends, x, TOKENS[:, 1:])[0].mean()


def by_hand(ends, layers):
    x, caches = forward(layers, embed(ends, TOKENS[:, :-1]), LENGTH)
    _, dx, head = loss(ends, x, TOKENS[:, 1:])
    dx, found = backward(layers, caches, dx, [tuple(layer) for layer in layers])
    return [embed_back(ends, TOKENS[:, :-1], dx) | {"head": head}, *found]


def referee(blocks):
    """The loss as a formula in autograd's NumPy, written anew, sequence by sequence."""

    def norm(x):
        return x / anp.sqrt(anp.mean(x**2, axis=-1, keepdims=True) + 1e-6)

    def linear(layer, name, x):
        y = anp.dot(x, layer[name])
        if f"{name}.A" in layer:
            y = y + anp.dot(anp.dot(x, layer[f"{name}.A"]), layer[f"{name}.B"])
        return y

    ends, *layers = blocks
    total = 0.0
    for sequence in TOKENS:
        x = ends["embedding"][sequence[:-1]] + ends["position"]
        for layer in layers:
            qkv = linear(layer, "qkv", norm(x))
            size, heads = WIDTH // HEADS, []
            for i in range(HEADS):
                q, k, v = (qkv[:, j * WIDTH + i * size :][:, :size] for j in range(3))
                powers = anp.exp(anp.dot(q, k.T) / size**0.5) * np.tri(LENGTH)
                heads.append(anp.dot(powers / anp.sum(powers, axis=1, keepdims=True), v))
            x = x + linear(layer, "out", anp.concatenate(heads, axis=1))
            x = x + linear(layer, "down", anp.maximum(linear(layer, "up", norm(x)), 0) ** 2)
        logits = anp.dot(norm(x), ends["head"])
        chosen = logits[np.arange(LENGTH), sequence[1:]]
        total = total + anp.mean(anp.log(anp.sum(anp.exp(logits), axis=1)) - chosen)
    return total / len(TOKENS)


@pytest.mark.parametrize("kind", MODELS)
def test_gradients_are_those_of_automatic_differentiation(kind):
    blocks = [ENDS, *MODELS[kind]]
    assert referee(blocks) == pytest.approx(value(ENDS, MODELS[kind]), rel=1e-12)
    for ours, theirs in zip(by_hand(ENDS, MODELS[kind]), grad(referee)(blocks), strict=True):
        assert ours.keys() == theirs.keys()
        for name, gradient in ours.items():
            np.testing.assert_allclose(gradient, theirs[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", MODELS)
def test_gradients_are_finite_differences(kind):
    step, blocks = 1e-5, [ENDS, *MODELS[kind]]
    for i, found in enumerate(by_hand(ENDS, MODELS[kind])):
        for name, gradient in found.items():
            places = RNG.integers(gradient.size, size=3)
            # Characters that do not occur have no gradient: take those that do.
            if name == "embedding":
                places = TOKENS[0, :3] * WIDTH
            for place in places:
                pair = []
                for sign in (1, -1):
                    moved = blocks[i][name].copy()
                    moved.flat[place] += sign * step
                    ends, *layers = [b | {name: moved} if b is blocks[i] else b for b in blocks]
                    pair.append(value(ends, layers))
                assert (pair[0] - pair[1]) / (2 * step) == pytest.approx(
                    gradient.flat[place], abs=1e-6
                )


def test_what_is_not_tuned_gets_no_gradient_and_changes_no_other():
    layers = MODELS["full"]
    x, caches = forward(layers, embed(ENDS, TOKENS[:, :-1]), LENGTH)
    _, dy, _ = loss(ENDS, x, TOKENS[:, 1:])
    dx, every = backward(layers, caches, dy, [tuple(SHAPES)] * 2)
    nothing, some = backward(layers, caches, dy, [(), ("up",)], inward=False)
    assert nothing is None
    assert [set(found) for found in some] == [set(), {"up"}]
    assert np.array_equal(some[1]["up"], every[1]["up"])
    assert dx.shape == x.shape


def test_a_character_does_not_see_what_follows():
    changed = TOKENS[:, :-1].copy()
    changed[:, 20:] = 5
    before, after = (
        forward(MODELS["full"], embed(ENDS, t), LENGTH)[0].reshape(2, LENGTH, WIDTH)
        for t in (TOKENS[:, :-1], changed)
    )
    assert np.array_equal(before[:, :20], after[:, :20])
    assert not np.array_equal(before[:, 20:], after[:, 20:])


@pytest.mark.parametrize(("batch", "length", "width"), [(1, 4, 8), (3, 7, 16), (2, 32, 32)])
def test_full_tuning_costs_psi(batch, length, width):
    def count(case):
        return operations(case, batch, length, width)

    B, d, h, r = batch, length, width, RANK
    assert count("full tuning") == flops_per_layer(d, B, h)
    # Forwards a third; the gradient of the input as much again, and twice for the attention.
    assert count("frozen, below all tuned ones") == 24 * B * d * h**2 + 4 * B * d**2 * h
    assert count("frozen, above a tuned one") == 48 * B * d * h**2 + 12 * B * d**2 * h
    # Rows and columns of the four matrices add up to 16h; three products on either side.
    assert count("adapters") - count("frozen, above a tuned one") == 6 * B * d * r * 16 * h


def test_a_stored_model_predicts_better_than_the_letters_alone():
    sequences = windows("washington")[:64]
    model = pretrained()
    x, _ = forward(model.layers, embed(model.ends, sequences[:, :-1]), LENGTH)
    counts = np.bincount(sequences.ravel()) / sequences.size
    entropy = -np.sum(counts[counts > 0] * np.log(counts[counts > 0]))
    assert loss(model.ends, x, sequences[:, 1:])[0].mean() < entropy - 0.5
    assert len(model.layers) == LAYERS


def test_wrong_files_and_names_are_refused():
    with pytest.raises(ScenarioError, match="weights"):
        unpack(np.zeros(7), 32)
    with pytest.raises(ScenarioError, match="width"):
        pretrained(33)
    with pytest.raises(ScenarioError, match="text"):
        windows("caesar")
    with pytest.raises(ScenarioError, match="case"):
        operations("none", 1, 4, 8)
