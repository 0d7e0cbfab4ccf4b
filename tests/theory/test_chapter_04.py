"""Chapter 4: Theorem 1 derived by machine, against the paper and `mecllm.system.stability`."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from mecllm.system.stability import paper_bound, sharp_bound
from mecllm.theory import appendix_a, theorem1
from mecllm.theory.appendix_a import DERIVED, PRINTED
from mecllm.theory.compare import agree, mismatches
from mecllm.theory.definition1 import replace_one
from mecllm.theory.learners import LOSSES, Learner, fit, lipschitz, unit_samples
from mecllm.theory.theorem1 import (
    CURVATURE,
    LIPSCHITZ,
    MULTIPLIER,
    PAPER_BOUND,
    SAMPLES,
    SHARE,
    SHARP_BOUND,
)

ARGUMENTS = (LIPSCHITZ, SAMPLES, SHARE, CURVATURE)
SLOPE = sp.Symbol("c", positive=True)


def points(count: int = 50) -> np.ndarray:
    """Random admissible (L, k, α, μ)."""
    rng = np.random.default_rng(4)
    columns = rng.uniform(0.1, 5, count), rng.integers(1, 5000, count)
    return np.array([*columns, rng.uniform(0, 0.99, count), rng.uniform(0, 2, count)])


def alternating(count: int, size: float = 1.0) -> np.ndarray:
    return np.column_stack([np.resize([size, -size], count), np.zeros(count)])


# --- Derive = run -------------------------------------------------------------------------------


def test_bounds_are_the_ones_that_run() -> None:
    lip, k, share, mu = points()
    paper = sp.lambdify(ARGUMENTS, PAPER_BOUND)(lip, k, share, mu)
    sharp = sp.lambdify(ARGUMENTS, SHARP_BOUND)(lip, k, share, mu)
    np.testing.assert_allclose(paper_bound(lip, k, share), paper, rtol=1e-10)
    np.testing.assert_allclose(sharp_bound(lip, k, share, mu), sharp, rtol=1e-10)


def test_sharp_bound_is_finite_where_the_paper_diverges() -> None:
    assert agree(SHARP_BOUND.subs(SHARE, 1), 2 * LIPSCHITZ**2 / (SAMPLES * CURVATURE))
    assert PAPER_BOUND.subs(SHARE, 1) == sp.zoo


@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize("share", [0.1, 0.8])
def test_linear_instance_is_what_the_learner_does(count: int, share: float) -> None:
    size, labels = 1.7, alternating(count, 1.7)
    others = labels[1:, 0].sum() / size
    values = {LIPSCHITZ: size, SAMPLES: count, SHARE: share, sp.Symbol("T", real=True): others}
    instance = {k: float(v.subs(values)) for k, v in theorem1.linear_instance().items()}
    learner = Learner(LOSSES["linear"], share, radius=1e3)
    before = fit(learner, labels, tolerance=1e-13).weights.item()
    change = replace_one(learner, labels, -labels[:1], np.array([0]), 1e-13).change.item()
    assert before == pytest.approx(instance["before"], abs=1e-10)
    assert change == pytest.approx(instance["change"], abs=1e-10)


@pytest.mark.parametrize("count", [1, 7, 101])
@pytest.mark.parametrize("mu", [0.05, 1.0])
def test_curved_instance_is_what_the_learner_does(count: int, mu: float) -> None:
    values = {SAMPLES: count, SHARE: 0.5, CURVATURE: mu, SLOPE: 1.0}
    instance = {k: float(v.subs(values)) for k, v in theorem1.curved_instance().items()}
    learner, labels = Learner(LOSSES["linear"], 0.5, mu, instance["after"]), alternating(count)
    limit = lipschitz(learner, labels).item()
    change = replace_one(learner, labels, -labels[:1], np.array([0]), 1e-13).change.item()
    assert limit == pytest.approx(instance["lipschitz"], abs=1e-10)
    assert change == pytest.approx(instance["change"], abs=1e-10)
    ratio = change / sharp_bound(limit, count, 0.5, mu).item()
    assert ratio == pytest.approx(instance["ratio"], abs=1e-10)


def test_instances_attain() -> None:
    linear = theorem1.linear_instance()["change"]
    assert agree(linear, SHARP_BOUND.subs(CURVATURE, 0))
    assert sp.limit(theorem1.curved_instance()["ratio"], SAMPLES, sp.oo) == 1


def test_sum_of_losses_violates_the_printed_bound() -> None:
    """(A.1) with a sum is the mean with a pull k times weaker; (10) then fails by k/2."""
    count, share = 16, 0.5
    change = replace_one(
        Learner(LOSSES["linear"], 1 - (1 - share) / count, radius=1e3),
        alternating(count),
        -alternating(1),
        np.array([0]),
    ).change.item()
    assert change / paper_bound(1.0, count, share) == pytest.approx(count / 2)
    with_sum = theorem1.with_pull(1 / SAMPLES).subs(CURVATURE, 0)
    assert agree(with_sum, PAPER_BOUND * SAMPLES / 2)


# --- The printed equations ----------------------------------------------------------------------


def test_only_the_middle_line_of_a5_is_misprinted() -> None:
    assert mismatches(PRINTED, DERIVED) == ["A.5 middle"]


@pytest.mark.parametrize("number", [n for n in PRINTED if n != "A.5 middle"])
@pytest.mark.parametrize("error", [lambda e: -e, lambda e: e.subs(SHARE, -SHARE), lambda e: e / 2])
def test_a_planted_error_is_found(number: str, error) -> None:
    wrong = error(PRINTED[number])
    if wrong == PRINTED[number]:  # no α in (A.15)
        wrong = PRINTED[number] + 1
    assert number in mismatches({**PRINTED, number: wrong}, DERIVED)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a5_for_independent_masks(size: int) -> None:
    law = theorem1.independent_masks(size)
    square = sum(g**2 for g in theorem1.gaps(size))
    assert sp.expand(sum(law.values())) == 1
    assert agree(theorem1.expected_penalty(law), (1 - SHARE) * square)
    assert agree(theorem1.printed_middle(law), size * (1 - SHARE) * square)


def test_a5_for_whole_layers() -> None:
    widths, tuned = [3, 1, 2], 2
    square = sum(g**2 for g in theorem1.gaps(6))
    penalty = theorem1.expected_penalty(theorem1.layer_masks(widths, tuned))
    assert agree(penalty, square / 3)
    first = theorem1.expected_penalty({(1, 1, 1, 1, 0, 0): sp.Integer(1)})
    assert not agree(first, square / 3)


def test_a3_is_another_learner() -> None:
    z, anchor = sp.symbols("z w0", real=True)
    frozen = theorem1.penalised_minimiser(MULTIPLIER)
    assert sp.limit(frozen, MULTIPLIER, sp.oo) == anchor
    assert agree(frozen.subs(MULTIPLIER, 1), (z + 2 * anchor) / 3)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a7_holds_for_the_mean_and_fails_for_the_sum(count: int) -> None:
    assert theorem1.swap_residual(count, sp.Rational(1, count)) == 0
    assert theorem1.swap_residual(count, sp.Integer(1)) != 0


@pytest.mark.parametrize("count", [2, 4])
def test_dropping_is_covered_by_the_same_bound(count: int) -> None:
    assert theorem1.drop_residual(count) == 0


def test_a9_gap_counts_the_curvature_of_the_loss() -> None:
    assert agree(theorem1.curvature_gap(3), 1 - SHARE + CURVATURE / 2)


def test_a10_needs_only_the_variational_inequality() -> None:
    edge = theorem1.boundary_instance()
    assert agree(edge["gap"], edge["product"])
    assert edge["gradient"].is_negative


def test_bounded_domain_is_necessary() -> None:
    """In c z w + μw²/2 on [-R, R], L = c + μR: the diameter stays below 2L/μ and reaches it."""
    mu, radius = sp.symbols("mu R", positive=True)
    limit = theorem1.largest_diameter().subs(LIPSCHITZ, SLOPE + mu * radius)
    assert agree(limit - 2 * radius, 2 * SLOPE / mu)


def test_two_minimisers_halve_the_bound() -> None:
    assert agree(theorem1.loss_bound(1), 2 * theorem1.loss_bound(2))
    assert agree(theorem1.loss_bound(1, sp.Integer(0)), PRINTED["10"])
    assert agree(theorem1.distance_bound(1, sp.Integer(0)), PRINTED["A.16"])


# --- The last steps, each on a path of its own --------------------------------------------------

LAST = ("A.15", "A.16", "A.17", "A.18", "10")


def test_last_steps_have_paths_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong step of one path moves its own equation and no other."""
    paths = {
        "A.15": "_largest_room",
        "A.16": "distance_bound",
        "A.17": "_largest_rise",
        "10": "gradient_bound",
    }
    for number, name in paths.items():
        with monkeypatch.context() as patch:
            right = getattr(appendix_a, name)
            patch.setattr(appendix_a, name, lambda *a, right=right: right(*a) * 3)
            moved = set(mismatches(PRINTED, appendix_a._derived())) - {"A.5 middle"}
        # (A.18) is the larger of the rise of (A.17) and the fall.
        assert moved == ({number, "A.18"} if number == "A.17" else {number})


def test_a18_counts_falls_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    fall = appendix_a._largest_fall()
    assert agree(fall, LIPSCHITZ**2 / (4 * SAMPLES * (1 - SHARE)))
    monkeypatch.setattr(
        appendix_a, "_largest_fall", lambda pull: 9 * LIPSCHITZ**2 / (SAMPLES * pull)
    )
    assert mismatches(PRINTED, appendix_a._derived()) == ["A.5 middle", "A.18"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a18_over_every_training_set(count: int) -> None:
    """The expectation over all S and z_i' of a law stays below half of (A.18), and reaches it."""
    chance, new = sp.symbols("q r", positive=True)
    expected = appendix_a.expected_change(count, chance, new)
    half = PRINTED["A.18"].subs(SAMPLES, count) / 2
    assert agree(expected / half, chance + new - 2 * chance * new)
    assert agree(expected.subs({chance: 1, new: 0}), half)
    for q in (0, sp.Rational(1, 3), 1):
        for r in (0, sp.Rational(1, 2), 1):
            assert sp.simplify(expected.subs({chance: q, new: r}) / half) <= 1


def test_10_from_the_optimality_conditions() -> None:
    """Half of (10) follows without any of (A.7) to (A.18), is what runs, and is attained."""
    half = appendix_a.gradient_bound()
    assert agree(2 * half, PRINTED["10"])
    assert agree(half, theorem1.linear_instance()["change"])
    lip, k, share, _ = points()
    numbers = sp.lambdify((LIPSCHITZ, SAMPLES, SHARE), 2 * half)(lip, k, share)
    np.testing.assert_allclose(paper_bound(lip, k, share), numbers, rtol=1e-10)


def last_steps(learner: Learner, samples: np.ndarray, new: np.ndarray) -> dict[str, float]:
    """Largest left over right side of (A.15), (A.17) and (10) when sample 0 is replaced."""
    count, share, lip = len(samples), learner.share, lipschitz(learner, np.vstack([samples, new]))
    before = fit(learner, samples, tolerance=1e-12).weights
    row = np.zeros(len(new), dtype=int)
    after = fit(learner, samples, row, new, before, 1e-12).weights
    change = learner.losses(after, samples[row]) - learner.losses(before, samples[row])
    distance = np.linalg.norm(after - before, axis=-1)
    bound = 2 * lip**2 / ((1 - share) * count)
    sides = {
        "A.15": (1 - share) * distance**2 / (2 * lip * np.maximum(distance, 1e-9) / count),
        "A.17": change / bound,
        "10": np.abs(change) / paper_bound(lip, count, share),
    }
    return {number: float(np.max(ratio)) for number, ratio in sides.items()}


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_last_steps_hold_for_learners(loss: str, share: float) -> None:
    rng = np.random.default_rng(5)
    learner = Learner(LOSSES[loss], share, radius=2.0)
    samples, new = unit_samples(rng, 12, 3), unit_samples(rng, 40, 3)
    found = last_steps(learner, samples, np.vstack([new, -samples[:1]]))
    # Strong convexity at both minimisers leaves half of the room that the paper gives.
    assert {number: ratio for number, ratio in found.items() if ratio > 0.5 + 1e-9} == {}


def test_last_steps_are_attained_to_half_and_fail_for_the_sum() -> None:
    labels = alternating(9)
    found = last_steps(Learner(LOSSES["linear"], 0.5, radius=1e3), labels, -labels[:1])
    assert found == pytest.approx({"A.15": 0.5, "A.17": 0.5, "10": 0.5}, abs=1e-6)
    # The learner with the sum of losses is the one of the mean with a pull k times weaker.
    change = last_steps(Learner(LOSSES["linear"], 1 - 0.5 / 9, radius=1e3), labels, -labels[:1])
    assert change["10"] * paper_bound(1.0, 9, 1 - 0.5 / 9) / paper_bound(1.0, 9, 0.5) > 1
