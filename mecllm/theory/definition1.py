"""What replacing one sample does to a learner: both sides of Definition 1, measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mecllm.system.arrays import Array, require
from mecllm.theory.learners import Learner, fit


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

    Parameters
    ----------
    learner : Learner
        G settings.
    samples : array (k, d+1)
        Training set S.
    replacements : array (R, d+1) or (I, R, d+1)
        The same for every row, or each row's own.
    rows : int array (I,), optional
        Rows to replace; all by default.
    tolerance : float
        Largest certified distance of each fit to its minimiser [weight].

    Returns
    -------
    ReplaceOne
        Changes of the loss and distances (G, I, R), and what the solver may add.

    Raises
    ------
    SolverError
        If a fit does not reach the tolerance.
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

    Parameters
    ----------
    learner : Learner
        G settings.
    draw : callable
        (rng, count) → samples (count, d+1).
    count : int
        k, samples of a training set.
    draws : int
        Independent training sets, at least 2.
    seed : int
        Of all draws.

    Returns
    -------
    Expectation
        Mean, interval and largest change (G,).

    Raises
    ------
    ScenarioError
        For fewer than two draws.
    SolverError
        If a fit does not reach its tolerance.
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
