"""The best integer α of each user-server pair at a price of the server's clock.

One layer less at the server saves the slope of min_f (R B(f) + ν f) in R, which is concave: between
B(f) at the R before and B(f) at the R after. At home a layer costs the more the higher α. So what
pays at the R of a lower bound on α pays up to there, what does not at the R of an upper bound does
not from there on, and little is left to enumerate.

The clock f rises with R where ν > 0 and falls with R where ν < 0; hence the best α rises with |ν|,
and what is best at two prices of one sign brackets what is best between them.
"""

from __future__ import annotations

import numpy as np

from mecllm.allocation.blocks import blocks
from mecllm.allocation.computation import Work
from mecllm.system.arrays import Array, IntArray

# Pairs and α enumerated at a time; a dozen arrays of 12,000 doubles fit a cache of 2 MB.
_BLOCK = 12_000
# Above so many of them it pays to narrow α first, up to 2.5 times; four steps leave 1.4 of 31.
_ENUMERATED, _NARROWINGS = 3_000, 4


def priced_layers(
    work: Work, price: Array, low: IntArray | None = None, high: IntArray | None = None
) -> tuple[IntArray, Array, Array]:
    """Integer α of least cost + ν f for each pair.

    Parameters
    ----------
    work : Work
        Pairs (K,).
    price : array (K,)
        ν [1/Hz].
    low, high : int array (K,), optional
        Bounds on α; both or none.

    Returns
    -------
    layers : int array (K,)
        The smallest α that attains the minimum.
    clock, value : array (K,)
        f [Hz] there and the minimum.
    """
    rows = len(price)
    if low is None or high is None:
        low, high = np.ones(rows, dtype=np.int64), np.full(rows, work.layers - 1)
    if np.sum(high - low) > _ENUMERATED:
        low, high = narrowed(work, price, low, high)
    layers = np.empty(rows, dtype=np.int64)
    clock, value = np.empty((2, rows))
    edges = np.cumsum(high - low + 1) // _BLOCK
    for block in np.split(np.arange(rows), np.flatnonzero(np.diff(edges)) + 1):
        layers[block], clock[block], value[block] = _enumerated(
            work.take(block), price[block], low[block], high[block]
        )
    return layers, clock, value


def unpriced_layers(work: Work) -> tuple[IntArray, Array, Array]:
    """Give what `priced_layers` gives at ν = 0, where f is free of α and so the cost convex."""
    clock = work.clock(np.zeros(len(work.flops)), work.layers - np.ones(()))
    layers = _worthwhile(work, clock)
    return layers, clock, work.cost(layers, clock)


def layers_costs(work: Work, prices: Array) -> tuple[Array, Array]:
    """Least cost + ν f and its clock (Q, K) of each pair at its own increasing prices (Q, K).

    Parameters
    ----------
    work : Work
        Pairs (K,).
    prices : array (Q, K)
        ν [1/Hz], increasing along the first axis.

    Returns
    -------
    value, clock : array (Q, K)
        Least cost + ν f over α in {1..Υ-1}, and the clock f [Hz] that attains it.
    """
    first, last = (priced_layers(work, price) for price in (prices[0], prices[-1]))
    low = high = None
    if np.all(prices[0] * prices[-1] >= 0):
        low, high = np.minimum(first[0], last[0]), np.maximum(first[0], last[0])
    inner = [priced_layers(work, price, low, high) for price in prices[1:-1]]
    _, clock, least = (np.stack(column) for column in zip(first, *inner, last, strict=True))
    return least, clock


def narrowed(work: Work, price: Array, low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
    """Narrow bounds on the best α; what is best stays between them.

    Parameters
    ----------
    work : Work
        Pairs (K,).
    price : array (K,)
        ν [1/Hz].
    low, high : int array (K,)
        Bounds that hold.

    Returns
    -------
    low, high : int array (K,)
        Bounds at least as narrow.
    """
    low, high = low.copy(), high.copy()
    for block in blocks(len(low), _BLOCK // 2):
        part, ends = work.take(block), np.stack([low[block], high[block]])
        for _ in range(_NARROWINGS):
            if np.sum(ends[1] - ends[0]) <= len(ends[0]):
                break
            found = _worthwhile(part, part.clock(price[block], work.layers - ends))
            # What would pay may lie beyond the bounds given.
            least = np.minimum(np.maximum(ends[0], found[0]), ends[1])
            ends = np.stack([least, np.maximum(np.minimum(ends[1], found[1]), least)])
        low[block], high[block] = ends
    return low, high


def _worthwhile(work: Work, clock: Array) -> IntArray:
    """Return the first α from which one layer more costs more at home than at the clock.

    The bound c/(e - α/Υ) grows by (c/Υ)/(y² - 1/(4Υ²)) with y = e - (α + 1/2)/Υ.
    """
    saved, half = work.layer_cost(clock) - work.local_cost, 1 / (2 * work.layers)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(saved > 0, work.stability_scale / saved, np.inf)
    least = np.sqrt(ratio / work.layers + half**2)
    layers = np.ceil(work.layers * (work.stability_edge - half - least))
    return layers.clip(1, work.layers - 1).astype(np.int64)


def _enumerated(
    work: Work, price: Array, low: IntArray, high: IntArray
) -> tuple[IntArray, Array, Array]:
    rows = len(price)
    count = high - low + 1
    start = np.cumsum(count) - count
    row = np.repeat(np.arange(rows), count)
    layers = np.arange(len(row)) - (start - low)[row]
    pairs, prices = work.take(row), price[row]
    clock = pairs.clock(prices, work.layers - layers)
    value = pairs.cost(layers, clock) + prices * clock
    least = np.minimum.reduceat(value, start) if rows else value
    hit = np.flatnonzero(value == least[row])
    chosen = hit[np.searchsorted(row[hit], np.arange(rows))]
    return layers[chosen], clock[chosen], least
