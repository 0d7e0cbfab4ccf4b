"""A transformer by hand: what one layer computes forwards and backwards, and what that costs.

A layer is x + attention(n(x)), then x + f(n(x)), as in GPT-2, with what keeps the hand-written
backward pass short: n is the root-mean-square norm without a gain (Zhang and Sennrich 2019), f is
W₂ max(W₁ x, 0)² (So et al. 2021), and no map has a bias. Its matrices then hold 12h² numbers,
and its matrix products are those that ψ counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np

from mecllm.system.arrays import Array, IntArray

# Matrices of a layer and their shapes in units of h: queries, keys and values side by side, the
# map out of the attention, and the two maps of the feed-forward net.
SHAPES = {"qkv": (1, 3), "out": (1, 1), "up": (1, 4), "down": (4, 1)}
# Attention heads; h is a multiple of it.
HEADS = 2
# Keeps the norm of a zero vector finite; as in most implementations.
_EPSILON = 1e-6

# Matrices by name; low-rank adapters (LoRA) of a matrix stand beside it as `qkv.A`, `qkv.B`.
Layer = Mapping[str, Array]
Gradients = dict[str, Array]
_Cache = tuple[Any, ...]

_operations: ContextVar[list[int] | None] = ContextVar("operations", default=None)


@contextmanager
def counting() -> Iterator[list[int]]:
    """Collect the operations of every matrix product inside: 2·m·k·n for (m, k) times (k, n)."""
    found: list[int] = []
    token = _operations.set(found)
    try:
        yield found
    finally:
        _operations.reset(token)


def _multiply(a: Array, b: Array) -> Array:
    """Multiply the last two axes; the only place where matrices are multiplied."""
    product = a @ b
    found = _operations.get()
    if found is not None:
        found.append(2 * product.size * a.shape[-1])
    return product


def _turned(a: Array) -> Array:
    return np.swapaxes(a, -1, -2)


def _norm(x: Array) -> tuple[Array, Array]:
    scale = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + _EPSILON)
    return x * scale, scale


def _norm_back(dy: Array, y: Array, scale: Array) -> Array:
    return scale * (dy - y * (dy * y).mean(axis=-1, keepdims=True))


def _linear(layer: Layer, name: str, x: Array) -> tuple[Array, _Cache]:
    """X·W, plus (x·A)·B where the matrix has an adapter."""
    y, low = _multiply(x, layer[name]), None
    if f"{name}.A" in layer:
        low = _multiply(x, layer[f"{name}.A"])
        y = y + _multiply(low, layer[f"{name}.B"])
    return y, (name, x, low)


def _linear_back(
    layer: Layer, cache: _Cache, dy: Array, tuned: Collection[str], found: Gradients, inward: bool
) -> Array:
    """Put gradients of the tuned matrices into `found`; give that of x if it is wanted (inward)."""
    name, x, low = cache
    if name in tuned:
        found[name] = _multiply(_turned(x), dy)
    dx = _multiply(dy, _turned(layer[name])) if inward else x
    if low is not None:
        dlow = _multiply(dy, _turned(layer[f"{name}.B"]))
        if f"{name}.A" in tuned:
            found[f"{name}.A"] = _multiply(_turned(x), dlow)
            found[f"{name}.B"] = _multiply(_turned(low), dy)
        if inward:
            dx = dx + _multiply(dlow, _turned(layer[f"{name}.A"]))
    return dx


def _split(x: Array, parts: int, length: int) -> Array:
    """(B·d, parts·h) → (parts, B, heads, d, h/heads)."""
    return x.reshape(-1, length, parts, HEADS, x.shape[-1] // (parts * HEADS)).transpose(
        2, 0, 3, 1, 4
    )


def _joined(x: Array) -> Array:
    """(parts, B, heads, d, h/heads) → (B·d, parts·h)."""
    parts, batch, heads, length, size = x.shape
    return x.transpose(1, 3, 0, 2, 4).reshape(batch * length, parts * heads * size)


@cache
def _unseen(length: int) -> Array:
    """0 where a character (row) sees another (column), itself or one before it, else -∞."""
    return np.where(np.tri(length, dtype=bool), np.float32(0), np.float32(-np.inf))


def _attention(qkv: Array, length: int) -> tuple[Array, _Cache]:
    q, k, v = _split(qkv, 3, length)
    weights = _multiply(q, _turned(k))
    weights /= q.shape[-1] ** 0.5
    weights += _unseen(length)
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    return _joined(_multiply(weights, v)[None]), (q, k, v, weights)


def _attention_back(cache: _Cache, dy: Array) -> Array:
    q, k, v, weights = cache
    (dmix,) = _split(dy, 1, q.shape[-2])
    dweights = _multiply(dmix, _turned(v))
    dv = _multiply(_turned(weights), dmix)
    dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))
    dscores /= q.shape[-1] ** 0.5
    dq, dk = _multiply(dscores, k), _multiply(_turned(dscores), q)
    return _joined(np.stack((dq, dk, dv)))


def _layer_forward(layer: Layer, x: Array, length: int) -> tuple[Array, _Cache]:
    normed, scale = _norm(x)
    qkv, c_qkv = _linear(layer, "qkv", normed)
    mixed, c_mix = _attention(qkv, length)
    out, c_out = _linear(layer, "out", mixed)
    x = x + out
    second, second_scale = _norm(x)
    up, c_up = _linear(layer, "up", second)
    positive = np.maximum(up, 0)
    down, c_down = _linear(layer, "down", positive * positive)
    return x + down, (scale, c_qkv, c_mix, c_out, second_scale, c_up, positive, c_down)


def _layer_backward(
    layer: Layer, cache: _Cache, dy: Array, tuned: Collection[str], inward: bool
) -> tuple[Array, Gradients]:
    scale, c_qkv, c_mix, c_out, second_scale, c_up, positive, c_down = cache
    found: Gradients = {}
    dup = _linear_back(layer, c_down, dy, tuned, found, True) * (2 * positive)
    dsecond = _linear_back(layer, c_up, dup, tuned, found, True)
    dx = dy + _norm_back(dsecond, c_up[1], second_scale)
    dmix = _linear_back(layer, c_out, dx, tuned, found, True)
    dqkv = _attention_back(c_mix, dmix)
    dnormed = _linear_back(layer, c_qkv, dqkv, tuned, found, inward)
    return (dx + _norm_back(dnormed, c_qkv[1], scale) if inward else dx), found


def embed(ends: Layer, tokens: IntArray) -> Array:
    """Vectors of characters at their places.

    Parameters
    ----------
    ends : mapping
        `embedding` (V, h), `position` (d, h) and `head` (h, V).
    tokens : int array (B, d)

    Returns
    -------
    array (B·d, h)
    """
    x = ends["embedding"][tokens] + ends["position"]
    return x.reshape(-1, x.shape[-1])


def forward(layers: Sequence[Layer], x: Array, length: int) -> tuple[Array, list[_Cache]]:
    """Pass vectors through layers.

    Parameters
    ----------
    layers : sequence of mapping
    x : array (B·d, h)
    length : int
        d, characters of a sequence.

    Returns
    -------
    y, caches : array (B·d, h), list
        What leaves the last layer, and what `backward` needs.
    """
    caches = []
    for layer in layers:
        x, cache = _layer_forward(layer, x, length)
        caches.append(cache)
    return x, caches


def backward(
    layers: Sequence[Layer],
    caches: Sequence[_Cache],
    dy: Array,
    tuned: Sequence[Collection[str]],
    inward: bool = True,
) -> tuple[Array | None, list[Gradients]]:
    """Pass a gradient back through layers, as far as a matrix below is tuned or the input asks.

    Parameters
    ----------
    layers, caches : sequence
        As `forward` took and gave them.
    dy : array (B·d, h)
        Gradient of the loss with respect to what left the last layer.
    tuned : sequence of collection of str
        Matrices of each layer whose gradients are wanted.
    inward : bool
        Whether the gradient with respect to the input is wanted.

    Returns
    -------
    dx, gradients : array (B·d, h) or None, list of dict
    """
    found: list[Gradients] = [{} for _ in layers]
    lowest = 0 if inward else next((i for i, names in enumerate(tuned) if names), len(layers))
    for i in reversed(range(lowest, len(layers))):
        dy, found[i] = _layer_backward(layers[i], caches[i], dy, tuned[i], inward or i > lowest)
    return (dy if inward else None), found


def loss(ends: Layer, x: Array, targets: IntArray) -> tuple[Array, Array, Array]:
    """Negative log-likelihood of the next characters.

    Parameters
    ----------
    ends : mapping
        As `embed` takes it.
    x : array (B·d, h)
        What left the last layer.
    targets : int array (B, d)

    Returns
    -------
    losses : array (B,)
        Mean over the characters of each sequence [nat].
    dx, dhead : array (B·d, h), array (h, V)
        Gradients of the mean of the losses.
    """
    normed, scale = _norm(x)
    logits = normed @ ends["head"]
    shifted = logits - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    total = powers.sum(axis=-1, keepdims=True)
    rows = np.arange(targets.size)
    picked = shifted[rows, targets.ravel()] - np.log(total[:, 0])
    dlogits = powers / total
    dlogits[rows, targets.ravel()] -= 1
    dlogits /= targets.size
    dx = _norm_back(dlogits @ ends["head"].T, normed, scale)
    return -picked.reshape(targets.shape).mean(axis=1), dx, normed.T @ dlogits


def embed_back(ends: Layer, tokens: IntArray, dx: Array) -> Gradients:
    """Gradients of `embedding` and `position`.

    Parameters
    ----------
    ends : mapping
    tokens : int array (B, d)
    dx : array (B·d, h)

    Returns
    -------
    dict
    """
    embedding = np.zeros_like(ends["embedding"])
    np.add.at(embedding, tokens.ravel(), dx)
    position = dx.reshape(*tokens.shape, -1).sum(axis=0)
    return {"embedding": embedding, "position": position}
