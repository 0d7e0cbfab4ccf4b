"""Theorem 1: the paper's and the sharp bound on the stability."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mecllm.system.arrays import Array, require


def _bound(
    scale: float, slope: ArrayLike, count: ArrayLike, share: ArrayLike, mu: Array | float
) -> Array:
    """scale·L²/(k(1-share+μ/2)), infinite where nothing is strongly convex."""
    lip, k, part = (np.asarray(v, dtype=np.float64) for v in (slope, count, share))
    require((lip >= 0) & np.isfinite(lip), "lipschitz", slope, "a finite number >= 0")
    require((k >= 1) & np.isfinite(k), "samples", count, "a finite number >= 1")
    require((part >= 0) & (part <= 1), "share", share, "a number in [0, 1]")
    room = 1 - part + mu / 2
    return np.where(room > 0, scale * lip**2 / (k * np.where(room > 0, room, 1.0)), np.inf)


def paper_bound(lipschitz: ArrayLike, samples: ArrayLike, share: ArrayLike) -> Array:
    """Bound 2L²/(k(1-share)) on the stability, equation (10) of the paper.

    Parameters
    ----------
    lipschitz : float or array
        L [loss per unit of weight].
    samples : float or array
        k >= 1, the number of training samples.
    share : float or array
        Tuned share α/Υ in [0, 1]; at 1 the bound is infinite.

    Returns
    -------
    array
        [units of the loss], in the shape to which the arguments broadcast.

    Raises
    ------
    ScenarioError
        If an argument is not finite or out of range.
    """
    return _bound(2.0, lipschitz, samples, share, 0.0)


def sharp_bound(
    lipschitz: ArrayLike, samples: ArrayLike, share: ArrayLike, strong_convexity: ArrayLike = 0.0
) -> Array:
    """Bound L²/(k(1-share+μ/2)), twice sharper than (10) and finite at share 1 when μ > 0.

    Proof: chapter 4 of the book, from strong convexity at both minimisers.

    Parameters
    ----------
    lipschitz, samples, share : float or array
        As in `paper_bound`.
    strong_convexity : float or array
        μ >= 0 of the loss.

    Returns
    -------
    array
        [units of the loss], in the shape to which the arguments broadcast.

    Raises
    ------
    ScenarioError
        If an argument is not finite or out of range.
    """
    mu = np.asarray(strong_convexity, dtype=np.float64)
    require((mu >= 0) & np.isfinite(mu), "strong_convexity", strong_convexity, "a number >= 0")
    return _bound(1.0, lipschitz, samples, share, mu)
