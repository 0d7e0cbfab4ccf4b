"""Work on long arrays part by part, and cubics between the entries of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from mecllm.network import Array

Part = TypeVar("Part")
Result = TypeVar("Result")


def blocks(count: int, size: int) -> list[slice]:
    """Cut a range into slices of at most a size."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def spread(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Results of some work on parts, in their order, two at a time.

    NumPy works outside the interpreter's lock.
    """
    if len(parts) == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, parts))


def hermite(value: Array, slope: Array) -> Array:
    """Cubics in the share of each cell that lies behind, from values and slopes at the nodes.

    Parameters
    ----------
    value, slope : array (Q, ...)
        At the nodes; slopes in units of value per cell.

    Returns
    -------
    array (4, Q-1, ...)
        Coefficients of the powers 0..3.
    """
    rise = np.diff(value, axis=0)
    left, right = slope[:-1], slope[1:]
    return np.stack([value[:-1], left, 3 * rise - 2 * left - right, left + right - 2 * rise])
