"""Work on long arrays part by part, and cubics between the entries of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def blocks(count: int, size: int) -> list[slice]:
    """Cut a range into slices of at most a size.

    Parameters
    ----------
    count : int
        Length of the range.
    size : int
        Most that one slice may hold.

    Returns
    -------
    list of slice
        In order; none for an empty range.
    """
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def spread(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Results of some work on parts, in their order, two at a time.

    NumPy works outside the interpreter's lock.

    Parameters
    ----------
    work : callable
        What is done with a part.
    parts : sequence
        What it is done with.

    Returns
    -------
    list
        What came of each part.
    """
    if len(parts) == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, parts))
