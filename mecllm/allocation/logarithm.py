"""Functions of u = ln(1 + SNR) that the best power and bandwidth obey, and their inverses.

Each is convex and increasing in the logarithm of u, so that Newton's method cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from mecllm.system.arrays import Array

# Newton's steps are quadratic: after one of 1e-7 the error is 1e-14. From the table one is needed,
# beyond it, at signal-to-noise ratios outside 1e-17..1e130, some dozens at most. Without the table
# an allocation takes 1.1 to 1.5 times as long.
MAX_STEPS = 60
_LAST_STEP = 1e-7
# ln u of the table and its cells; cubics over 0.02 of a target err by 1e-11.
_LOG_U, _CELLS = (-40.0, 5.7), 30_000

# Gives the value of a function of u and its derivative by ln u.
Forward = Callable[[Array], tuple[Array, Array]]


def curvature(u: Array) -> Array:
    """c(u) = (u - 1 + e^-u)/u², whose terms cancel where u is small; Taylor's series there."""
    small = u < 0.1
    if not small.any():
        return (u + np.expm1(-u)) / u**2
    t = np.where(small, u, 0.0)
    # 0.1^8/10! is below the rounding of the leading 1/2.
    series = 1 / 2 - t / 6 * (
        1 - t / 4 * (1 - t / 5 * (1 - t / 6 * (1 - t / 7 * (1 - t / 8 * (1 - t / 9)))))
    )
    safe = np.where(small, 1.0, u)
    return np.where(small, series, (safe + np.expm1(-safe)) / safe**2)


def rate_slope(snr: Array) -> Array:
    """ln(1+x) - x/(1+x) = u² c(u), by which ∂r/∂b of (19) and (29) grows: accurate at any x."""
    u = np.log1p(snr)
    return u**2 * curvature(u)


def log_free_ratio(u: Array, curve: Array) -> Array:
    """ln(1 + (u-1)e^u), where the power is free.

    Parameters
    ----------
    u : array
        ln(1 + SNR) > 0.
    curve : array
        c(u), from `curvature`.

    Returns
    -------
    array
        Like `u`.
    """
    return u + 2 * np.log(u) + np.log(curve)


def free_ratio(u: Array) -> tuple[Array, Array]:
    """Give `log_free_ratio` and its derivative by ln u."""
    curve = curvature(u)
    return log_free_ratio(u, curve), 1 / curve


def free_price(u: Array) -> tuple[Array, Array]:
    """Ln of y²/u with y = 1 + (u-1)e^u: the price where p is free; derivative by ln u."""
    curve = curvature(u)
    return 2 * log_free_ratio(u, curve) - np.log(u), 2 / curve - 1


def stopped_price(u: Array) -> tuple[Array, Array]:
    """Ln of (e^u-1)² (u-1+e^-u)/u²: the price where p sits at a bound; derivative by ln u."""
    curve, fall = curvature(u), -np.expm1(-u)
    return 2 * (u + np.log(fall)) + np.log(curve), 2 * u / fall + fall / (u * curve) - 2


def root(target: Array, forward: Forward) -> Array:
    """Find u where an increasing convex function of ln u has a value; a table says where about.

    Parameters
    ----------
    target : array
        Wanted values of the function.
    forward : callable
        `free_ratio`, `free_price` or `stopped_price`.

    Returns
    -------
    array
        u > 0, like `target`.
    """
    low, step, table = _roots(forward)
    place = ((target - low) / step).clip(0.0, _CELLS)
    cell = np.minimum(place.astype(np.intp), _CELLS - 1)
    share = place - cell
    c0, c1, c2, c3 = table.take(cell, axis=1)
    return _newton(target, forward, np.exp(c0 + share * (c1 + share * (c2 + share * c3))))


@cache
def _roots(forward: Forward) -> tuple[float, float, Array]:
    """Least target, step, and ln u as cubics (4, _CELLS) between evenly spaced targets."""
    log_u = np.linspace(*_LOG_U, 2 * _CELLS)
    value = forward(np.exp(log_u))[0]
    target, step = np.linspace(value[0], value[-1], _CELLS + 1, retstep=True)
    u = _newton(target, forward, np.exp(np.interp(target, value, log_u)))
    return float(target[0]), float(step), hermite(np.log(u), step / forward(u)[1])


def _newton(target: Array, forward: Forward, start: Array) -> Array:
    u = start
    for _ in range(MAX_STEPS):
        value, slope = forward(u)
        step = (target - value) / slope
        u = u * np.exp(step)
        if np.abs(step).max(initial=0.0) < _LAST_STEP:
            break
    return u


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
