"""The bounds of Theorem 1, the certified learner and replace-one differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from mecllm.errors import ScenarioError, SolverError
from mecllm.system.stability import paper_bound, sharp_bound
from mecllm.theory.definition1 import expected_stability, replace_one
from mecllm.theory.learners import LOSSES, Learner, fit, freeze, labelled, lipschitz, unit_samples

NAMES = sorted(LOSSES)


def data(name: str, count: int = 20, dimension: int = 4, seed: int = 0) -> np.ndarray:
    return unit_samples(np.random.default_rng(seed), count, dimension, float(name == "huber"))


# --- Bounds -------------------------------------------------------------------------------------


def test_bounds_by_hand() -> None:
    assert paper_bound(2.0, 10, 0.5) == pytest.approx(1.6)
    assert sharp_bound(2.0, 10, 0.5) == pytest.approx(0.8)
    assert sharp_bound(2.0, 10, 0.5, 1.0) == pytest.approx(0.4)


def test_bounds_at_full_share() -> None:
    assert paper_bound(1.0, 5, 1.0) == np.inf
    assert sharp_bound(1.0, 5, 1.0) == np.inf
    assert sharp_bound(1.0, 5, 1.0, 0.5) == pytest.approx(0.8)


def test_bounds_are_vectorised() -> None:
    share = np.array([0.0, 0.5, 1.0])
    assert paper_bound(1.0, np.array([1, 2, 4]), share).tolist() == [2.0, 2.0, np.inf]
    assert sharp_bound(1.0, np.array([[1], [2]]), share, 2.0).shape == (2, 3)


@pytest.mark.parametrize("bound", [paper_bound, sharp_bound])
@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((-1.0, 5, 0.5), "lipschitz"),
        ((np.nan, 5, 0.5), "lipschitz"),
        ((1.0, 0, 0.5), "samples"),
        ((1.0, np.array([3.0, np.inf]), 0.5), "samples"),
        ((1.0, 5, 1.01), "share"),
        ((1.0, 5, -0.01), "share"),
        ((1.0, 5, np.nan), "share"),
    ],
)
def test_bounds_refuse_bad_input(bound, arguments: tuple, key: str) -> None:
    with pytest.raises(ScenarioError, match=key):
        bound(*arguments)


@pytest.mark.parametrize("mu", [-0.1, np.nan, np.inf])
def test_sharp_bound_refuses_bad_curvature(mu: float) -> None:
    with pytest.raises(ScenarioError, match="strong_convexity"):
        sharp_bound(1.0, 5, 0.5, mu)


# --- Losses and learners ------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_slope_is_the_derivative_and_curvature_bounds_it(name: str) -> None:
    loss, t, step = LOSSES[name], np.linspace(-4, 4, 1601) + 1e-4, 1e-6
    numeric = (loss.value(t + step) - loss.value(t - step)) / (2 * step)
    assert np.abs(numeric - loss.slope(t)).max() < 1e-5  # 1e-6 × the largest curvature, 2
    growth = np.diff(loss.slope(t)) / np.diff(t)
    assert growth.min() >= -1e-12
    assert growth.max() <= loss.curvature * (1 + 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_lipschitz_is_attained_and_never_exceeded(name: str) -> None:
    samples, mu, radius = data(name), 0.3, 0.7
    samples[:, :-1] *= np.linspace(0.5, 1.5, len(samples))[:, None]
    learner = Learner(LOSSES[name], 0.5, mu, radius)
    a, b = samples[:, :-1], samples[:, -1]

    def norms(weights: np.ndarray) -> np.ndarray:
        slope = LOSSES[name].slope(weights @ a.T - b)
        return np.linalg.norm(slope[..., None] * a + mu * weights[:, None], axis=-1)

    inside = learner.project(np.random.default_rng(1).standard_normal((5000, a.shape[1])))
    directions = a / np.linalg.norm(a, axis=1, keepdims=True)
    ends = radius * np.vstack([directions, -directions])
    limit = lipschitz(learner, samples)[0]
    assert norms(inside).max() <= limit
    assert norms(ends).max() == pytest.approx(limit, rel=1e-12)


def test_no_lipschitz_constant_without_a_ball() -> None:
    with pytest.raises(ScenarioError, match="radius"):
        lipschitz(Learner(LOSSES["logistic"], 0.5, 0.1, np.inf), data("logistic"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("radius", [0.2, 5.0])
def test_fit_agrees_with_scipy(name: str, radius: float) -> None:
    samples, centre = data(name), np.array([0.4, -0.2, 0.0, 0.1])
    learner = Learner(LOSSES[name], 0.7, 0.2, radius, centre)

    def objective(w: np.ndarray) -> float:
        mean = learner.losses(w[None, None], samples).mean()
        return float(mean + 0.3 * ((w - centre) ** 2).sum())

    ball = {"type": "ineq", "fun": lambda w: radius**2 - w @ w}
    reference = minimize(objective, np.zeros(4), constraints=[ball], options={"ftol": 1e-14})
    found = fit(learner, samples, tolerance=1e-11).weights[0, 0]
    assert np.linalg.norm(found) <= radius * (1 + 1e-12)
    theirs = learner.project(reference.x)  # SLSQP stops a rounding error outside the ball
    assert objective(found) <= objective(theirs) + 1e-12
    assert np.linalg.norm(found - theirs) < 1e-5  # SLSQP with difference quotients


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_certificate_holds(name: str, tolerance: float) -> None:
    learner = Learner(LOSSES[name], [0.2, 0.95, 1.0], [0.0, 0.05, 0.1], radius=0.8)
    loose = fit(learner, data(name), tolerance=tolerance)
    exact = fit(learner, data(name), tolerance=1e-13)
    distance = np.linalg.norm(loose.weights - exact.weights, axis=-1)
    assert (distance <= loose.error + 1e-13).all()
    assert loose.error.max() <= tolerance


def test_copies_equal_separate_fits() -> None:
    samples, new = data("huber"), data("huber", 3, seed=9)
    learner = Learner(LOSSES["huber"], [0.3, 0.9], 0.1, 0.9)
    rows = np.array([0, 7, 19])
    together = fit(learner, samples, rows, new, tolerance=1e-12).weights
    for copy, (row, sample) in enumerate(zip(rows, new, strict=True)):
        changed = samples.copy()
        changed[row] = sample
        alone = fit(learner, changed, tolerance=1e-12).weights[:, 0]
        assert np.abs(together[:, copy] - alone).max() < 1e-11


def test_fit_says_when_it_does_not_converge() -> None:
    with pytest.raises(SolverError, match="certified to"):
        fit(Learner(LOSSES["logistic"], 0.9), data("logistic"), max_iterations=2)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"share": 1.5}, "share"),
        ({"share": 1.0}, "strong_convexity"),
        ({"share": 0.5, "strong_convexity": -0.1}, "strong_convexity"),
        ({"share": 0.5, "radius": 0.0}, "radius"),
        ({"share": 0.5, "centre": np.nan}, "centre"),
    ],
)
def test_learner_refuses_bad_input(arguments: dict, key: str) -> None:
    with pytest.raises(ScenarioError, match=key):
        Learner(LOSSES["linear"], **arguments)


@pytest.mark.parametrize("samples", [np.zeros((0, 3)), np.ones(3), np.array([[1.0, np.nan]])])
def test_fit_refuses_bad_samples(samples: np.ndarray) -> None:
    with pytest.raises(ScenarioError, match="samples"):
        fit(Learner(LOSSES["linear"], 0.5), samples)


def test_freeze_is_the_hard_mask() -> None:
    """The reduced problem has the objective of the full one, up to a constant."""
    samples, centre = data("logistic"), np.array([0.3, -0.1, 0.5, 0.2])
    tuned = np.array([True, False, True, False])
    learner = Learner(LOSSES["logistic"], 1.0, 0.1, 5.0)
    reduced = freeze(samples, tuned, centre)
    points = np.random.default_rng(0).standard_normal((6, 2))
    full = np.tile(centre, (6, 1))
    full[:, tuned] = points
    whole = learner.losses(full[None, :, None], samples).mean(axis=-1)
    part = learner.losses(points[None, :, None], reduced).mean(axis=-1)
    assert np.ptp(whole - part) < 1e-12


def test_labelled_is_in_the_unit_ball_and_keeps_constant_columns_finite() -> None:
    features = np.column_stack([np.arange(5.0), np.full(5, 3.0)])
    samples = labelled(features, np.array([1.0, -1, 1, -1, 1]), offset=1.0)
    assert np.linalg.norm(samples[:, :-1], axis=1).max() == pytest.approx(1.0)
    assert (samples[:, -1] == 1.0).all()
    assert np.isfinite(samples).all()


# --- Replace one --------------------------------------------------------------------------------


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    name=st.sampled_from(NAMES),
    count=st.integers(1, 12),
    dimension=st.integers(1, 6),
    share=st.floats(0.0, 0.97),
    mu=st.sampled_from([0.0, 0.01, 0.3, 2.0]),
    radius=st.sampled_from([0.1, 1.0, 10.0]),
    seed=st.integers(0, 10_000),
)
def test_sharp_bound_holds(
    name: str, count: int, dimension: int, share: float, mu: float, radius: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    offset = float(name == "huber")
    samples = unit_samples(rng, count, dimension, offset) * rng.uniform(0.1, 2, (count, 1))
    mirror = samples * np.append(-np.ones(dimension), 1.0)
    learner = Learner(LOSSES[name], share, mu, radius, rng.standard_normal(dimension))
    limit = lipschitz(learner, np.vstack([samples, mirror]))[0]
    result = replace_one(learner, samples, mirror[:, None])
    slack = limit * result.error[0] + 1e-12
    bound = sharp_bound(limit, count, share, mu)
    assert np.abs(result.change).max() <= bound + slack
    assert result.distance.max() <= bound / limit + result.error[0] + 1e-12
    assert np.abs(result.change).max() <= 2 * limit * radius + 1e-12


@pytest.mark.parametrize("count", [1, 2, 5, 40])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.97])
def test_linear_loss_attains_the_sharp_bound(count: int, share: float) -> None:
    labels = np.column_stack([np.resize([3.0, -3.0], count), np.zeros(count)])
    learner = Learner(LOSSES["linear"], share, radius=1e3)
    change = replace_one(learner, labels, -labels[:, None]).change
    np.testing.assert_allclose(np.abs(change), sharp_bound(3.0, count, share), rtol=1e-10)


def test_replacing_a_sample_by_itself_changes_nothing() -> None:
    samples = data("smoothed hinge")
    result = replace_one(Learner(LOSSES["smoothed hinge"], 0.5), samples, samples[:, None])
    assert result.change.shape == (1, 20, 1)
    assert np.abs(result.change).max() < 1e-8


def test_expectation_of_the_linear_loss() -> None:
    """E|change| is P(z ≠ z') = 2q(1-q) of the bound when labels are +1 with probability q."""

    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        return np.column_stack([np.where(rng.random(count) < 0.8, 1.0, -1.0), np.zeros(count)])

    learner = Learner(LOSSES["linear"], [0.0, 0.5], radius=100.0)
    found = expected_stability(learner, draw, count=10, draws=200, seed=3)
    bound = sharp_bound(1.0, 10, np.array([0.0, 0.5]))
    assert (found.low <= 0.32 * bound).all()
    assert (0.32 * bound <= found.high).all()
    assert found.largest == pytest.approx(bound)
    assert (found.high - found.low < 0.05 * bound).all()


def test_expectation_needs_two_draws() -> None:
    with pytest.raises(ScenarioError, match="draws"):
        expected_stability(
            Learner(LOSSES["linear"], 0.5), lambda rng, n: data("linear", n), 4, 1, 0
        )
