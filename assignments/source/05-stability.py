# %% [markdown]
# # 5. Stability and the sharp bound
#
# **Aims.** Compute with the bound of Theorem 1 and the one twice as sharp; build the learner that
# attains it; measure a real learner against it; split layers with stability in the objective.
#
# **Points** 25. **Time** about 3 hours. **Read first** chapter 4 of the book.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

from mecllm import Scenario
from mecllm.theory.definition1 import replace_one
from mecllm.theory.learners import LOSSES, Learner, lipschitz, unit_samples

SEED = ...

network = Scenario.load("repaired").replace(users=12, servers=3).draw(SEED)
rng = np.random.default_rng(SEED)


# %% [markdown]
# ## Task 1. Two bounds (3 points)
#
# Write the bound of Theorem 1, $\frac{2L^2}{k(1-a)}$, and the sharp one of chapter 4,
# $\frac{L^2}{k(1-a+\mu/2)}$. The tuned share $a$ is below 1.


# %% nbgrader={"grade_id": "bounds", "solution": true}
def paper(lipschitz, samples, share):
    """Bound (10) of the paper."""
    ### BEGIN SOLUTION
    return 2 * lipschitz**2 / (samples * (1 - share))
    ### END SOLUTION


def sharp(lipschitz, samples, share, convexity):
    """Sharp bound; `convexity` is μ."""
    ### BEGIN SOLUTION
    return lipschitz**2 / (samples * (1 - share + convexity / 2))
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-bounds", "grade": true, "points": 3}
np.testing.assert_allclose(paper(1.0, 100, 0.5), 0.04, 1e-6)
np.testing.assert_allclose(sharp(1.0, 100, 0.5, 0.0), 0.02, 1e-6)
### BEGIN HIDDEN TESTS
from mecllm.system.stability import paper_bound, sharp_bound

shares = np.linspace(0, 0.99, 12)
np.testing.assert_allclose(paper(3.0, 50, shares), paper_bound(3.0, 50, shares), 1e-6)
np.testing.assert_allclose(sharp(3.0, 50, shares, 0.7), sharp_bound(3.0, 50, shares, 0.7), 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2. How much data? (3 points)
#
# How many samples does each bound ask for, so that it is at most a tolerance? Whole numbers, and
# the least ones.


# %% nbgrader={"grade_id": "samples", "solution": true}
def samples_needed(tolerance, lipschitz, share):
    """Least k of the paper's bound and of the sharp one at μ = 0: two integers."""
    ### BEGIN SOLUTION
    scale = lipschitz**2 / (tolerance * (1 - share))
    return int(np.ceil(2 * scale)), int(np.ceil(scale))
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-samples", "grade": true, "points": 3}
assert tuple(samples_needed(0.03, 1.0, 0.5)) == (134, 67)
### BEGIN HIDDEN TESTS
for tolerance, slope, share in ((0.013, 1.5, 0.3), (0.0007, 0.9, 0.9), (0.5, 1.1, 0.1)):
    first, second = samples_needed(tolerance, slope, share)
    assert (first, second) == (int(first), int(second))
    for count, scale in ((first, 2.0), (second, 1.0)):
        least = scale * slope**2 / (tolerance * (1 - share))
        assert count - 1 < least <= count
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3. The learner that attains it (8 points)
#
# Take numbers $z_i=\pm1$ as samples, one weight $w$ and the linear loss $\ell(w,z)=L\,z\,w$. The
# learner of (A.6), with the mean loss, minimises $\frac1k\sum_i\ell(w,z_i)+(1-a)(w-w_0)^2$ over
# all real $w$. Write its closed form (4 points), and the largest change
# $|\ell(w',z_i)-\ell(w,z_i)|$ over all $i$, where $w'$ is learnt after $z_i$ has been replaced by
# $-z_i$ (4 points).


# %% nbgrader={"grade_id": "linear", "solution": true}
def fit_linear(z, share, lipschitz, start):
    """Weight that the learner finds; z is an array (k,), `start` is w₀."""
    ### BEGIN SOLUTION
    return start - lipschitz * np.mean(z) / (2 * (1 - share))
    ### END SOLUTION


def largest_change(z, share, lipschitz, start):
    """Largest change of a sample's loss when that sample is flipped."""
    ### BEGIN SOLUTION
    before, changes = fit_linear(z, share, lipschitz, start), []
    for i, sample in enumerate(z):
        flipped = np.where(np.arange(len(z)) == i, -z, z)
        after = fit_linear(flipped, share, lipschitz, start)
        changes.append(abs(lipschitz * sample * (after - before)))
    return max(changes)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-linear", "grade": true, "points": 4}
z = np.array([1.0, 1.0, -1.0, 1.0])
assert fit_linear(z, 0.5, 1.0, 0.3) < 0.3
assert fit_linear(-z, 0.5, 1.0, 0.3) > 0.3
### BEGIN HIDDEN TESTS
for share, slope, start in ((0.0, 1.0, 0.0), (0.6, 2.0, -1.0), (0.9, 0.5, 3.0)):
    z = rng.choice([-1.0, 1.0], 15)
    w = fit_linear(z, share, slope, start)
    near = np.array([w - 1e-3, w, w + 1e-3])
    objective = slope * z.mean() * near + (1 - share) * (near - start) ** 2
    # A parabola is symmetric about its minimum.
    np.testing.assert_allclose(objective[0] - objective[1], objective[2] - objective[1], 1e-4)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "test-change", "grade": true, "points": 4}
from mecllm.system.stability import sharp_bound

assert largest_change(np.array([1.0, 1.0, -1.0, 1.0]), 0.5, 1.0, 0.3) > 0
### BEGIN HIDDEN TESTS
for share, slope, count in ((0.0, 1.0, 5), (0.6, 2.0, 30), (0.9, 0.5, 101)):
    z = rng.choice([-1.0, 1.0], count)
    np.testing.assert_allclose(
        largest_change(z, share, slope, 0.2), sharp_bound(slope, count, share), 1e-6
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4. A learner in the field (4 points)
#
# `replace_one(learner, samples, fresh).change` holds the change of each sample's loss (second
# axis) for each replacement (third axis). Divide the largest absolute change by the sharp bound,
# with the Lipschitz constant that `lipschitz(learner, pool)` gives for the pool of samples and
# replacements together.


# %% nbgrader={"grade_id": "measured", "solution": true}
def tightness(learner, samples, fresh):
    """Largest change over the sharp bound, for samples (k, d+1) and replacements (R, d+1)."""
    ### BEGIN SOLUTION
    changes = replace_one(learner, samples, fresh).change
    slope = lipschitz(learner, np.vstack([samples, fresh]))
    return float(
        np.max(np.abs(changes))
        / sharp(slope[0], len(samples), learner.share, learner.strong_convexity)
    )
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-measured", "grade": true, "points": 4}
learner = Learner(LOSSES["logistic"], share=0.5, strong_convexity=0.1, radius=2.0)
samples, fresh = unit_samples(rng, 20, 3), unit_samples(rng, 10, 3)
assert 0 < tightness(learner, samples, fresh) <= 1
### BEGIN HIDDEN TESTS
from mecllm.system.stability import sharp_bound

for name, share in (("huber", 0.2), ("smoothed hinge", 0.8)):
    learner = Learner(LOSSES[name], share=share, strong_convexity=0.3, radius=1.0)
    changes = np.abs(replace_one(learner, samples, fresh).change)
    slope = lipschitz(learner, np.concatenate([samples, fresh]))
    expected = changes.max() / sharp_bound(slope, len(samples), share, 0.3)
    np.testing.assert_allclose(tightness(learner, samples, fresh), expected, 1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5. Layers with stability (4 points)
#
# A user pays $A$ for a layer on the device, $B$ for one at the server, and
# $\frac{c}{e-\alpha/\Upsilon}$ for stability. Choose the **integer**
# $\alpha\in\{1,\dots,\Upsilon-1\}$ of least cost.


# %% nbgrader={"grade_id": "layers", "solution": true}
def best_layers(device, server, scale, edge, layers):
    """Best α for the numbers A, B, c, e and Υ."""
    ### BEGIN SOLUTION
    options = np.arange(1, layers)
    cost = options * device + (layers - options) * server + scale / (edge - options / layers)
    return int(options[np.argmin(cost)])
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-layers", "grade": true, "points": 4}
assert best_layers(2.0, 1.0, 1.0, 1.0, 32) == 1  # the server is cheaper, and it is more stable
assert best_layers(1.0, 2.0, 0.0, 1.0, 32) == 31
### BEGIN HIDDEN TESTS
for device, server, scale, edge in rng.uniform((0, 0, 0, 1), (1, 3, 20, 1.1), (300, 4)):
    alpha = best_layers(device, server, scale, edge, 32)
    options = np.arange(1, 32)
    cost = options * device + (32 - options) * server + scale / (edge - options / 32)
    assert alpha in range(1, 32)
    assert cost[int(alpha) - 1] <= cost.min() * (1 + 1e-9)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6. What is bounded? (3 points, graded by hand)
#
# (a) After (8) the paper says that a sample is "lacking". What does (8) do with it instead? (b)
# Where does the proof of (10) lose the factor two? (c) Your learner of Task 3 attains the bound at
# every $k$. What does that say about bounds that hold for all convex Lipschitz losses?

# %% [markdown] nbgrader={"grade_id": "written", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# (a) It replaces the sample by another one; the number of samples stays $k$. (b) The proof uses
# strong convexity at one of the two minimisers and, at the other, only that it is a minimiser.
# Strong convexity at both halves the bound on their distance, and with it the bound on the change
# of the loss. (c) None can be smaller at $\mu=0$: the sharp bound is the best possible in terms of
# $L$, $k$ and $a$ alone. A better one must use more of the loss or of the data.
# ### END SOLUTION
