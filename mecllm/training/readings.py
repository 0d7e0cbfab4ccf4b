"""What "user n fine-tunes the first α layers" may mean; each reading says which weights move.

In all of them the characters' vectors and the last map to characters stay, as the paper counts
only the Υ layers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mecllm.system.arrays import require
from mecllm.training.corpus import Model
from mecllm.training.transformer import SHAPES, Layer
from mecllm.training.tuning import Part, start

_ALL = tuple(SHAPES)
# Rank of the low-rank adapters, the smallest that Hu et al. (2022) recommend for every map.
RANK = 4
# λ of the relaxed learner. (A.4) replaces the multiplier of (A.2), which is infinite, by 1.
LAMBDA = 1.0


def as_described(model: Model, alpha: int) -> Part:
    """Section 3: the user trains the first α layers and the edge all others, so that all move.

    Parameters
    ----------
    model : Model
    alpha : int
        α, from 0 to Υ; it says who computes, and not what is computed.

    Returns
    -------
    Part
    """
    _check(model, alpha)
    return start(model.layers, [_ALL for _ in model.layers])


def rest_frozen(model: Model, alpha: int) -> Part:
    """(A.1): the first α layers move and the others keep their pretrained weights.

    Parameters
    ----------
    model : Model
    alpha : int
        α, from 0 to Υ.

    Returns
    -------
    Part
    """
    _check(model, alpha)
    return start(model.layers, [_ALL if i < alpha else () for i in range(len(model.layers))])


def relaxed(model: Model, alpha: int) -> Part:
    """(A.6): all layers move, and λ(1-α/Υ)‖w - w⁰‖² is added to the loss; λ is arbitrary.

    Parameters
    ----------
    model : Model
    alpha : int
        α, from 0 to Υ.

    Returns
    -------
    Part
    """
    _check(model, alpha)
    pull = LAMBDA * (1 - alpha / len(model.layers))
    return start(model.layers, [_ALL for _ in model.layers], pull)


def adapted(model: Model, alpha: int) -> Part:
    """Parameter-efficient at the user, full at the edge: low-rank adapters in the first α layers.

    Parameters
    ----------
    model : Model
    alpha : int
        α, from 0 to Υ.

    Returns
    -------
    Part
    """
    _check(model, alpha)
    rng = np.random.default_rng(0)
    layers = [with_adapters(layer, rng) for layer in model.layers[:alpha]]
    names = [tuple(sorted(set(layer) - set(_ALL))) for layer in layers]
    rest = model.layers[alpha:]
    return start([*layers, *rest], [*names, *[_ALL for _ in rest]])


def last_tuned(model: Model, alpha: int) -> Part:
    """Tune the last α layers, as practice does where it freezes any; those before them stay.

    Parameters
    ----------
    model : Model
    alpha : int
        α, from 0 to Υ.

    Returns
    -------
    Part
    """
    _check(model, alpha)
    below = len(model.layers) - alpha
    return start(model.layers, [_ALL if i >= below else () for i in range(len(model.layers))])


def with_adapters(layer: Layer, rng: np.random.Generator) -> Layer:
    """Put adapters of rank `RANK` beside each matrix: A normal, B zero (Hu et al. 2022).

    Parameters
    ----------
    layer : mapping
    rng : Generator

    Returns
    -------
    mapping
        It computes what the layer did.
    """
    made = dict(layer)
    for name in _ALL:
        rows, columns = layer[name].shape
        first = rng.standard_normal((rows, RANK)) / rows**0.5
        made[f"{name}.A"] = first.astype(layer[name].dtype)
        made[f"{name}.B"] = np.zeros((RANK, columns), layer[name].dtype)
    return made


def _check(model: Model, alpha: int) -> None:
    layers = len(model.layers)
    require(0 <= alpha <= layers, "alpha", alpha, f"a whole number from 0 to {layers}")


#: Name → reading.
READINGS: dict[str, Callable[[Model, int], Part]] = {
    "as described": as_described,
    "rest frozen": rest_frozen,
    "relaxed": relaxed,
    "adapted": adapted,
    "last tuned": last_tuned,
}
