"""Fine-tuning: some matrices of some layers, by Adam or by plain gradient steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mecllm.system.arrays import Array, IntArray
from mecllm.training.transformer import Gradients, Layer, backward, embed, forward, loss

# Kingma and Ba (2015).
_FIRST, _SECOND, _SMALL = 0.9, 0.999, 1e-8
_Moments = tuple[dict[str, Array], ...]


@dataclass(frozen=True)
class Rule:
    """How gradients move weights: Adam, or w - rate·gradient (`sgd`)."""

    name: Literal["adam", "sgd"]
    rate: float


@dataclass(frozen=True)
class Part:
    """Consecutive layers in training.

    Parameters
    ----------
    layers : tuple of mapping
        Matrices now.
    tuned : tuple of tuple of str
        Those of each layer that move.
    pull : float
        λ: λ‖w - w⁰‖² over the tuned matrices is added to the loss.
    origin : tuple of mapping
        w⁰, the matrices before the first step.
    first, second : tuple of dict
        Adam's running means of the gradients and of their squares.
    step : int
        Steps taken.
    """

    layers: tuple[Layer, ...]
    tuned: tuple[tuple[str, ...], ...]
    pull: float
    origin: tuple[Layer, ...]
    first: _Moments
    second: _Moments
    step: int

    def __getitem__(self, layers: slice) -> Part:
        """Take some of the layers: the part of the user, or of the edge."""
        names = ("layers", "tuned", "origin", "first", "second")
        return replace(self, **{name: getattr(self, name)[layers] for name in names})


def start(layers: Iterable[Layer], tuned: Iterable[Iterable[str]], pull: float = 0.0) -> Part:
    """Begin training.

    Parameters
    ----------
    layers : iterable of mapping
    tuned : iterable of iterable of str
        Names of the matrices of each layer that will move.
    pull : float
        As of `Part`.

    Returns
    -------
    Part
    """
    layers, names = tuple(layers), tuple(tuple(each) for each in tuned)
    pairs = list(zip(layers, names, strict=True))
    zero = tuple({name: np.zeros_like(layer[name]) for name in some} for layer, some in pairs)
    return Part(layers, names, pull, layers, zero, zero, 0)


def update(part: Part, gradients: Iterable[Gradients], rule: Rule) -> Part:
    """Take one step.

    Parameters
    ----------
    part : Part
    gradients : iterable of dict
        Of each layer, as `transformer.backward` gives them.
    rule : Rule

    Returns
    -------
    Part
    """
    step = part.step + 1
    layers, firsts, seconds = [], [], []
    for i, found in enumerate(gradients):
        layer, first, second = dict(part.layers[i]), {}, {}
        for name in part.tuned[i]:
            gradient = found[name]
            if part.pull:
                gradient = gradient + 2 * part.pull * (layer[name] - part.origin[i][name])
            if rule.name == "adam":
                first[name] = _FIRST * part.first[i][name] + (1 - _FIRST) * gradient
                second[name] = _SECOND * part.second[i][name] + (1 - _SECOND) * gradient**2
                size = np.sqrt(second[name] / (1 - _SECOND**step)) + _SMALL
                gradient = first[name] / (1 - _FIRST**step) / size
            layer[name] = layer[name] - rule.rate * gradient
        layers.append(layer)
        firsts.append(first)
        seconds.append(second)
    part = replace(part, layers=tuple(layers), step=step)
    return (
        replace(part, first=tuple(firsts), second=tuple(seconds)) if rule.name == "adam" else part
    )


def losses(ends: Layer, layers: Iterable[Layer], sequences: IntArray) -> Array:
    """Loss of each sequence.

    Parameters
    ----------
    ends : mapping
        As `transformer.embed` takes it.
    layers : iterable of mapping
    sequences : int array (B, d+1)

    Returns
    -------
    array (B,)
        Mean over the characters [nat].
    """
    x = embed(ends, sequences[:, :-1])
    x, _ = forward(tuple(layers), x, sequences.shape[1] - 1)
    return loss(ends, x, sequences[:, 1:])[0]


def fit(ends: Layer, part: Part, batches: Iterable[IntArray], rule: Rule) -> Iterator[Part]:
    """Train in one place, a step a batch.

    Parameters
    ----------
    ends : mapping
        As `transformer.embed` takes it; they stay as they are.
    part : Part
        All layers.
    batches : iterable of int array (B, d+1)
    rule : Rule

    Yields
    ------
    Part
        After each step.
    """
    for batch in batches:
        x = embed(ends, batch[:, :-1])
        y, caches = forward(part.layers, x, batch.shape[1] - 1)
        _, dy, _ = loss(ends, y, batch[:, 1:])
        _, gradients = backward(part.layers, caches, dy, part.tuned, inward=False)
        part = update(part, gradients, rule)
        yield part
