"""Theorem 1: the paper's and the sharp bound on the stability, and what replacing a sample does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecllm.learners import Array, Learner, fit, require


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

    Parameters are those of `paper_bound`, with the strong convexity μ >= 0 of the loss. Proof:
    chapter 4 of the book, from strong convexity at both minimisers.
    """
    mu = np.asarray(strong_convexity, dtype=np.float64)
    require((mu >= 0) & np.isfinite(mu), "strong_convexity", strong_convexity, "a number >= 0")
    return _bound(1.0, lipschitz, samples, share, mu)


@dataclass(frozen=True)
class ReplaceOne:
    """What replacing samples does: changes ℓ(A(Sⁱ),zᵢ) - ℓ(A(S),zᵢ) and distances (G, I, R).

    `error` (G,) bounds what the solver adds to a distance; times L, to a change.
    """

    change: Array
    distance: Array
    error: Array


def replace_one(
    learner: Learner,
    samples: Array,
    replacements: Array,
    rows: NDArray[np.intp] | None = None,
    tolerance: float = 1e-9,
) -> ReplaceOne:
    """Replace each row i (or those in `rows`) by each replacement: the differences of (8).

    `replacements` is (R, d+1), the same for every row, or (I, R, d+1).
    """
    index = np.arange(len(samples)) if rows is None else rows
    wanted = (len(index), replacements.shape[-2], samples.shape[1])
    new = np.broadcast_to(replacements, wanted).reshape(-1, wanted[2])
    repeated = np.repeat(index, wanted[1])
    before = fit(learner, samples, tolerance=tolerance)
    after = fit(learner, samples, repeated, new, before.weights, tolerance)
    probe = samples[repeated]
    change = learner.losses(after.weights, probe) - learner.losses(before.weights, probe)
    distance = np.linalg.norm(after.weights - before.weights, axis=-1)
    error = after.error.max(axis=1) + before.error.max(axis=1)
    return ReplaceOne(change.reshape(-1, *wanted[:2]), distance.reshape(-1, *wanted[:2]), error)


@dataclass(frozen=True)
class Expectation:
    """Mean over draws with a 95 % Student interval, and the largest single change: arrays (G,)."""

    mean: Array
    low: Array
    high: Array
    largest: Array


def expected_stability(
    learner: Learner,
    draw: Callable[[np.random.Generator, int], Array],
    count: int,
    draws: int,
    seed: int,
) -> Expectation:
    """Left side of (8): E|ℓ(A(S),zᵢ) - ℓ(A(Sⁱ),zᵢ)| with S and zᵢ' drawn from one distribution.

    The samples are exchangeable, so each draw averages over all i; draws are independent.
    """
    from scipy.special import stdtrit  # imported late: it takes half a second

    require(draws >= 2, "draws", draws, "at least 2, for an interval")
    rng = np.random.default_rng(seed)
    changes = [
        np.abs(replace_one(learner, draw(rng, count), draw(rng, count)[:, None]).change)
        for _ in range(draws)
    ]
    means = np.array([change.mean(axis=(1, 2)) for change in changes])
    centre = means.mean(axis=0)
    half = stdtrit(draws - 1, 0.975) * means.std(axis=0, ddof=1) / draws**0.5
    largest = np.max([change.max(axis=(1, 2)) for change in changes], axis=0)
    return Expectation(centre, centre - half, centre + half, largest)
