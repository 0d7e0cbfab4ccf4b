"""Cubics between nodes at which a function and its slope are known."""

from __future__ import annotations

import numpy as np

from mecllm.network import Array


def hermite(value: Array, slope: Array) -> Array:
    """Coefficients (4, Q-1, ...) of the powers 0..3 of the share of each cell that lies behind.

    Parameters
    ----------
    value, slope : array (Q, ...)
        At the nodes; slopes in units of value per cell.
    """
    rise = np.diff(value, axis=0)
    left, right = slope[:-1], slope[1:]
    return np.stack([value[:-1], left, 3 * rise - 2 * left - right, left + right - 2 * rise])
