"""Strongly convex Lipschitz losses on a ball, and the learner of Theorem 1 with a certificate.

A sample is one row ``(a, b)`` of length d + 1 and a loss reads it as ``φ(a·w - b) + (μ/2)‖w‖²``
with a convex φ of one variable: classification is a = y x, b = 0, regression a = x, b = y.
The learner is equation (A.6) of the paper with the mean loss, on the ball ‖w‖ ≤ R.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecllm.errors import SolverError
from mecllm.system.arrays import Array, require

#: Width of the quadratic piece of the smoothed hinge; its slope stays in [-1, 0].
_HINGE_WIDTH = 0.5


@dataclass(frozen=True)
class Loss:
    """Convex φ of one variable: its value, its slope φ' and the supremum of φ''."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curvature: float


def _logistic_slope(t: Array) -> Array:
    from scipy.special import expit  # imported late: it takes half a second

    return -expit(-t)


def _huber(t: Array) -> Array:
    return np.where(np.abs(t) <= 1, t**2 / 2, np.abs(t) - 0.5)


def _hinge(t: Array) -> Array:
    quadratic = np.maximum(1 - t, 0.0) ** 2 / (2 * _HINGE_WIDTH)
    return np.where(t < 1 - _HINGE_WIDTH, 1 - t - _HINGE_WIDTH / 2, quadratic)


LOSSES = {
    "linear": Loss(lambda t: t, np.ones_like, 0.0),
    "logistic": Loss(lambda t: np.logaddexp(0.0, -t), _logistic_slope, 0.25),
    "huber": Loss(_huber, lambda t: np.clip(t, -1.0, 1.0), 1.0),
    "smoothed hinge": Loss(
        _hinge, lambda t: np.clip((t - 1) / _HINGE_WIDTH, -1.0, 0.0), 1 / _HINGE_WIDTH
    ),
}


@dataclass(frozen=True)
class Learner:
    """Regularised ERM on a ball, equation (A.6) with the mean loss.

    Parameters
    ----------
    loss : Loss
        φ; the loss of a sample is φ(a·w - b) + (μ/2)‖w‖².
    share : float or array (G,)
        Tuned share α/Υ in [0, 1]; the pull to `centre` weighs 1 - share.
    strong_convexity : float or array (G,)
        μ >= 0; 2(1-share) + μ must be positive.
    radius : float
        R > 0 of the ball ‖w‖ <= R; infinite for no ball.
    centre : float or array (d,)
        Pre-trained weights w⁰.
    """

    loss: Loss
    share: ArrayLike
    strong_convexity: ArrayLike = 0.0
    radius: float = 1.0
    centre: ArrayLike = 0.0

    def __post_init__(self) -> None:
        share, mu = self.settings
        require((share >= 0) & (share <= 1), "share", self.share, "numbers in [0, 1]")
        good = (mu >= 0) & np.isfinite(mu) & (self.modulus > 0)
        require(good, "strong_convexity", self.strong_convexity, ">= 0, and > 0 at share 1")
        require(self.radius > 0, "radius", self.radius, "a number > 0")
        require(np.isfinite(self.centre), "centre", self.centre, "finite numbers")

    @property
    def settings(self) -> tuple[Array, Array]:
        """Share and μ of each of the G settings that are solved side by side."""
        given = (np.atleast_1d(np.asarray(v, float)) for v in (self.share, self.strong_convexity))
        share, mu = np.broadcast_arrays(*given)
        return share, mu

    @property
    def modulus(self) -> Array:
        """Strong convexity 2(1-share) + μ of the objective (G,)."""
        share, mu = self.settings
        return 2 * (1 - share) + mu

    def losses(self, weights: Array, samples: Array) -> Array:
        """Loss of weights at samples, paired along the last axes.

        Parameters
        ----------
        weights : array (G, ..., d)
        samples : array (..., d+1)

        Returns
        -------
        array (G, ...)
        """
        margin = (weights * samples[..., :-1]).sum(axis=-1) - samples[..., -1]
        mu = self.settings[1].reshape(-1, *[1] * (margin.ndim - 1))
        value: Array = self.loss.value(margin) + mu / 2 * (weights**2).sum(axis=-1)
        return value

    def project(self, weights: Array) -> Array:
        """Nearest point of the ball."""
        norm = np.linalg.norm(weights, axis=-1, keepdims=True)
        outside = norm > self.radius
        return np.where(outside, weights * (self.radius / np.where(outside, norm, 1.0)), weights)


def lipschitz(learner: Learner, pool: Array) -> Array:
    """Smallest L that holds on the ball for each sample of the pool.

    φ' does not decrease, so ‖φ'(a·w - b)a + μw‖ is largest at w = ±R a/‖a‖, where both terms
    point the same way: L is attained, not an estimate.

    Parameters
    ----------
    learner : Learner
        G settings on a finite ball.
    pool : array (n, d+1)

    Returns
    -------
    array (G,)

    Raises
    ------
    ScenarioError
        For an infinite radius.
    """
    require(np.isfinite(learner.radius), "radius", learner.radius, "finite, for a Lipschitz loss")
    size, offset = np.linalg.norm(pool[:, :-1], axis=1), pool[:, -1]
    reach = learner.radius * size
    steepest = np.maximum(-learner.loss.slope(-reach - offset), learner.loss.slope(reach - offset))
    largest: Array = (steepest * size).max() + learner.settings[1] * learner.radius
    return largest


@dataclass(frozen=True)
class Fit:
    """Weights (G, Q, d), a certified bound (G, Q) on their distance to the minimisers, steps."""

    weights: Array
    error: Array
    iterations: int


def fit(
    learner: Learner,
    samples: Array,
    rows: NDArray[np.intp] | None = None,
    replacements: Array | None = None,
    start: ArrayLike = 0.0,
    tolerance: float = 1e-9,
    max_iterations: int = 20_000,
) -> Fit:
    """Solve (A.6) on the ball, for the samples or with one row replaced in each of Q copies.

    Accelerated projected gradient (Nesterov 2018, Section 2.2). With G = H(y - w) the gradient
    mapping of an m-strongly convex, H-smooth f, f(w*) >= f(w) + G·(w*-y) + (m/2)‖w*-y‖², so
    ‖y-w*‖ <= 2‖G‖/m; and a projected gradient step does not move away from w*.

    Parameters
    ----------
    learner : Learner
        G settings.
    samples : array (k, d+1)
        Training set S.
    rows, replacements : array (Q,) and (Q, d+1), optional
        Copy q has samples[rows[q]] replaced by replacements[q]; none: Q = 1, S itself.
    start : array, broadcast to (G, Q, d)
        Warm start.
    tolerance : float
        Largest certified distance to the minimiser [weight].
    max_iterations : int
        Steps before the solver gives up.

    Returns
    -------
    Fit

    Raises
    ------
    ScenarioError
        If the samples are not a finite table.
    SolverError
        If the certificate does not reach the tolerance.
    """
    good = samples.ndim == 2 and samples.size > 0 and np.isfinite(samples).all()
    require(good, "samples", samples.shape, "a table (k, d+1) of finite numbers")
    features, offsets = samples[:, :-1], samples[:, -1]
    count, dimension = features.shape
    share, _ = learner.settings
    modulus = learner.modulus[:, None, None]
    pull = 2 * (1 - share)[:, None, None] * np.asarray(learner.centre)
    # Without a replacement, row 0 replaces itself: the correction below is exactly zero.
    old = samples[:1] if rows is None else samples[rows]
    new = old if replacements is None else replacements
    spread = np.linalg.norm(features, 2) ** 2 + (new[:, :-1] ** 2).sum(axis=1).max()
    smooth = modulus + learner.loss.curvature * spread / count
    momentum = (1 - np.sqrt(modulus / smooth)) / (1 + np.sqrt(modulus / smooth))

    def pushes(weights: Array, sample: Array) -> Array:
        margin = (weights * sample[:, :-1]).sum(axis=-1) - sample[:, -1]
        return np.asarray(learner.loss.slope(margin)[..., None] * sample[:, :-1])

    def gradient(weights: Array) -> Array:
        total = learner.loss.slope(weights @ features.T - offsets) @ features
        swap = pushes(weights, new) - pushes(weights, old)
        return np.asarray((total + swap) / count + modulus * weights - pull)

    weights = np.broadcast_to(start, (len(share), len(old), dimension)).astype(np.float64)
    point = weights
    for iteration in range(1, max_iterations + 1):
        step = learner.project(point - gradient(point) / smooth)
        error = 2 * (smooth / modulus)[..., 0] * np.linalg.norm(point - step, axis=-1)
        if error.max() <= tolerance:
            return Fit(step, error, iteration)
        point, weights = step + momentum * (step - weights), step
    raise SolverError(f"(A.6) is certified to {error.max():.1e} only, not to {tolerance:.1e}")


def freeze(samples: Array, tuned: NDArray[np.bool_], centre: Array) -> Array:
    """Reduce samples to the problem (A.1): weights that are not tuned stay at `centre`.

    What frozen weights contribute to a·w moves into b.

    Parameters
    ----------
    samples : array (n, d+1)
    tuned : bool array (d,)
    centre : array (d,)

    Returns
    -------
    array (n, tuned.sum() + 1)
    """
    fixed = samples[:, :-1][:, ~tuned] @ centre[~tuned]
    return np.column_stack([samples[:, :-1][:, tuned], samples[:, -1] - fixed])


def labelled(features: Array, labels: ArrayLike, offset: float = 0.0) -> Array:
    """Make samples of features and labels: standardised, in the unit ball.

    Parameters
    ----------
    features : array (n, d)
    labels : array (n,)
        Each ±1.
    offset : float
        b of every sample.

    Returns
    -------
    array (n, d+1)
    """
    deviation = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    scaled = scaled / np.linalg.norm(scaled, axis=1).max() * np.asarray(labels)[:, None]
    return np.column_stack([scaled, np.full(len(scaled), offset)])


def unit_samples(
    rng: np.random.Generator, count: int, dimension: int, offset: float = 0.0
) -> Array:
    """Draw samples y·x with ‖x‖ = 1 and a label that follows x₁, one in five flipped.

    Parameters
    ----------
    rng : Generator
    count, dimension : int
        n and d.
    offset : float
        b of every sample.

    Returns
    -------
    array (n, d+1)
    """
    x = rng.standard_normal((count, dimension))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    label = np.where(x[:, 0] >= 0, 1.0, -1.0) * np.where(rng.random(count) < 0.2, -1.0, 1.0)
    return np.column_stack([x * label[:, None], np.full(count, offset)])
