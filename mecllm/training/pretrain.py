"""Make the stored weights: `python -m mecllm.training.pretrain`, minutes on one core.

The text is that of `pydoc_data`, Python's own reference manual as `help()` shows it, under the
PSF licence. It differs between versions of Python; `data/training/sources.toml` names the one
used, and the stored weights, not this script, are what results rest on.
"""

from __future__ import annotations

import sys
from importlib import import_module

import numpy as np

from mecllm.system.arrays import Array, IntArray
from mecllm.system.files import data_path
from mecllm.training.corpus import LAYERS, LENGTH, WIDTHS, Model, encode, shapes, unpack
from mecllm.training.transformer import backward, embed, embed_back, forward, loss

# Sequences of a step, steps, and the largest rate at h = 32: some 80 s of one core in all.
_BATCH, _STEPS, _RATE = 16, {32: 3000, 64: 1500}, 6e-3
_SEED = 0


def _manual() -> IntArray:
    """Codes of all topics, in the order of their names."""
    topics = import_module("pydoc_data.topics").topics
    return encode("\n".join(topics[name] for name in sorted(topics)))


def _start(width: int, rng: np.random.Generator) -> Array:
    """Draw weights of variance 1/rows; what adds to the stream is smaller by √(2Υ), as in GPT-2."""
    ends, layer = shapes(width)
    scale = {name: a**-0.5 for name, (a, _) in layer.items()}
    scale |= {name: scale[name] / (2 * LAYERS) ** 0.5 for name in ("out", "down")}
    scale |= {"embedding": 0.5, "position": 0.1, "head": width**-0.5}
    blocks = [ends, *[layer] * LAYERS]
    drawn = [
        scale[name] * rng.standard_normal(a * b)
        for block in blocks
        for name, (a, b) in block.items()
    ]
    return np.concatenate(drawn).astype(np.float32)


def _gradient(model: Model, tokens: IntArray) -> tuple[float, Array]:
    x, caches = forward(model.layers, embed(model.ends, tokens[:, :-1]), LENGTH)
    losses, dx, head = loss(model.ends, x, tokens[:, 1:])
    tuned = [tuple(layer) for layer in model.layers]
    dx_in, found = backward(model.layers, caches, dx, tuned)
    ends = embed_back(model.ends, tokens[:, :-1], np.asarray(dx_in)) | {"head": head}
    blocks = [(model.ends, ends), *zip(model.layers, found, strict=True)]
    row = [gradient[name].ravel() for weights, gradient in blocks for name in weights]
    return float(losses.mean()), np.concatenate(row)


def _pretrain(width: int) -> Array:
    """Adam with a rate that rises for 100 steps and falls to zero as a cosine."""
    rng = np.random.default_rng(_SEED)
    codes, weights = _manual(), _start(width, rng)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    places = np.arange(LENGTH + 1)
    recent: list[float] = []
    for step in range(1, _STEPS[width] + 1):
        starts = rng.integers(len(codes) - LENGTH - 1, size=(_BATCH, 1))
        value, gradient = _gradient(unpack(weights, width), codes[starts + places])
        recent = [*recent[-99:], value]
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        rate = _RATE * min(step / 100, 0.5 * (1 + np.cos(np.pi * step / _STEPS[width])))
        rate *= (32 / width) * (1 - 0.99**step) ** 0.5 / (1 - 0.9**step)
        weights = weights - np.float32(rate) * mean / (np.sqrt(square) + 1e-8)
        if step % 500 == 0:
            sys.stderr.write(f"h = {width}, step {step}: {np.mean(recent):.3f} nat\n")
    return weights.astype(np.float16)


def _main() -> None:
    """Write the weights of every width."""
    for width in WIDTHS:
        weights = _pretrain(width)
        path = data_path("training", f"weights-{width}.npy")
        with path.open("wb") as file:
            np.save(file, weights, allow_pickle=False)


if __name__ == "__main__":
    _main()
