"""What a layer costs: operations and time of forward and backward, and bytes on the wire."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mecllm.system.arrays import Array, require
from mecllm.training.corpus import shapes
from mecllm.training.readings import with_adapters
from mecllm.training.split import Edge, Job, listen, user
from mecllm.training.transformer import HEADS, SHAPES, Layer, backward, counting, forward

_ALL = tuple(SHAPES)
#: How a layer may take part, with whether it has adapters, which matrices move, and whether a
#: gradient passes through it.
CASES: dict[str, tuple[bool, tuple[str, ...], bool]] = {
    "full tuning": (False, _ALL, True),
    "adapters": (True, tuple(f"{name}.{side}" for name in _ALL for side in "AB"), True),
    "frozen, above a tuned one": (False, (), True),
    "frozen, below all tuned ones": (False, (), False),
}


def _layer(width: int, adapters: bool) -> Layer:
    rng = np.random.default_rng(0)
    _, matrices = shapes(width)
    layer: Layer = {n: rng.standard_normal(s) / s[0] ** 0.5 for n, s in matrices.items()}
    return with_adapters(layer, rng) if adapters else layer


def _pass(layer: Layer, x: Array, length: int, tuned: tuple[str, ...], through: bool) -> None:
    y, caches = forward((layer,), x, length)
    if through or tuned:
        backward((layer,), caches, y, (tuned,), inward=through)


def operations(case: str, batch: int, length: int, width: int) -> int:
    """Count the operations of the matrix products of a layer, forwards and backwards.

    Parameters
    ----------
    case : str
        One of `CASES`.
    batch, length, width : int
        B, d and h; h is a multiple of the number of heads.

    Returns
    -------
    int
        To compare with ψ(d) = 72Bdh² + 12Bd²h.
    """
    require(case in CASES, "case", case, f"one of {tuple(CASES)}")
    require(width % HEADS == 0, "width", width, f"a multiple of {HEADS}")
    adapters, tuned, through = CASES[case]
    x = np.random.default_rng(1).standard_normal((batch * length, width))
    with counting() as found:
        _pass(_layer(width, adapters), x, length, tuned, through)
    return sum(found)


def seconds(batch: int, length: int, width: int, repeats: int = 9) -> float:
    """Shortest processor time of several for a fully tuned layer, forwards and backwards.

    Parameters
    ----------
    batch, length, width : int
        B, d and h.
    repeats : int

    Returns
    -------
    float
        [s] of this machine; of one core, where the linear algebra has one thread.
    """
    layer = _layer(width, adapters=False)
    x = np.random.default_rng(1).standard_normal((batch * length, width))

    def once() -> Iterator[float]:
        for _ in range(repeats):
            begun = time.process_time()
            _pass(layer, x, length, _ALL, True)
            yield time.process_time() - begun

    return min(once())


def traffic(job: Job, folder: Path) -> tuple[int, int]:
    """Train once over loopback and count the bytes at the user's socket.

    Parameters
    ----------
    job : Job
    folder : Path
        An empty one, for the checkpoints.

    Returns
    -------
    up, down : int
        [byte] of a step.
    """
    with listen(0) as listener:
        edge = threading.Thread(target=Edge(job, folder).serve, args=(listener, 1))
        edge.start()
        part, sent, received = user(job, folder, listener.getsockname()[1])
        edge.join()
    return sent // part.step, received // part.step
