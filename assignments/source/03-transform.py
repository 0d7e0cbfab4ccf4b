# %% [markdown]
# # 3. The transform and the vanishing power
#
# **Aims.** Bound a product from above so that the bound touches; run the paper's fractional
# programming on one link; see why the transmit power vanishes, and repair it.
#
# **Points** 25. **Time** about 3 hours. **Read first** chapter 5 of the book.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

from mecllm import Scenario
from mecllm.system.equations import transmission_rate

SEED = ...

literal = Scenario.load("literal").replace(users=12, servers=3).draw(SEED)
repaired = Scenario.load("repaired").replace(users=12, servers=3).draw(SEED)
rng = np.random.default_rng(SEED)


def upload_cost(power, delay_weight, energy_weight, bandwidth, gain, noise):
    """Weighted cost of a bit (Task 5)."""
    return (delay_weight + energy_weight * power) / transmission_rate(bandwidth, power, gain, noise)


# %% [markdown]
# ## Task 1. A product from above (4 points)
#
# For $a,b,z>0$ a product obeys $ab\le a^2z+\frac{b^2}{4z}$. Write the right-hand side, and the $z$
# at which it is an equality.


# %% nbgrader={"grade_id": "majorant", "solution": true}
def majorant(a, b, z):
    """Upper bound on a·b; numbers or arrays."""
    ### BEGIN SOLUTION
    return a**2 * z + b**2 / (4 * z)
    ### END SOLUTION


def auxiliary(a, b):
    """The z at which the bound is a·b."""
    ### BEGIN SOLUTION
    return b / (2 * a)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-majorant", "grade": true, "points": 4}
np.testing.assert_allclose(majorant(2.0, 3.0, auxiliary(2.0, 3.0)), 6.0, 1e-6)
assert majorant(2.0, 3.0, 1.0) > 6.0
### BEGIN HIDDEN TESTS
a, b, z = rng.uniform(0.1, 10, (3, 200))
np.testing.assert_allclose(majorant(a, b, auxiliary(a, b)), a * b, 1e-6)
np.testing.assert_allclose(
    majorant(a, b, z), a * b + (a * np.sqrt(z) - b / (2 * np.sqrt(z))) ** 2, 1e-6
)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2. The upload in the surrogate (3 points)
#
# The energy of an upload is the product of $a=p\,s$ and $b=1/r(p)$. Bound it from above with an
# auxiliary $v$, as the second group of equation (13) does, and give the $v$ that belongs to a
# power.


# %% nbgrader={"grade_id": "upload", "solution": true}
def upload_surrogate(power, rate, payload, v):
    """Upper bound [J] on the energy p·s/r for p [W], r [bit/s], s [bit]."""
    ### BEGIN SOLUTION
    return (power * payload) ** 2 * v + 1 / (4 * rate**2 * v)
    ### END SOLUTION


def upload_auxiliary(power, rate, payload):
    """The v at which it is an equality."""
    ### BEGIN SOLUTION
    return 1 / (2 * power * payload * rate)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-upload", "grade": true, "points": 3}
v = upload_auxiliary(0.5, 2e6, 1e7)
np.testing.assert_allclose(upload_surrogate(0.5, 2e6, 1e7, v), 2.5, 1e-6)
### BEGIN HIDDEN TESTS
from mecllm.paper.surrogate_k import auxiliary as reference
from mecllm.system.model import reference_decision

decision = reference_decision(literal, literal.nearest())
rate = transmission_rate(
    decision.bandwidth,
    decision.power,
    literal.link_gain(decision.association),
    literal.noise_density,
)
v = reference(literal, decision).upload
np.testing.assert_allclose(upload_auxiliary(decision.power, rate, literal.payload), v, 1e-6)
for power in (0.3, 1.0, 3.0):
    np.testing.assert_allclose(
        upload_surrogate(power, rate, literal.payload, v),
        (power * literal.payload) ** 2 * v + 1 / (4 * rate**2 * v),
        1e-6,
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3. The paper's iteration on one link (6 points)
#
# At a fixed bandwidth the signal-to-noise ratio $x=gp/(\sigma^2b)$ stands for the power. Up to
# constants the energy is $x/\ln(1+x)$, a product of $a=x$ and $b=1/\ln(1+x)$. One step of
# fractional programming takes the auxiliary of the current $x_t$ and minimises the surrogate over
# $x>0$; call the minimiser $x_{t+1}$. Find it to five significant digits, for $10^{-3}\le x_t\le
# 100$, by any means. (The surrogate has one minimum. A root of its derivative can be bracketed.)


# %% nbgrader={"grade_id": "step", "solution": true}
def next_ratio(x):
    """Minimiser of the surrogate that touches at x."""
    ### BEGIN SOLUTION
    from scipy.optimize import brentq

    # With φ = ln(1+x): y²/(2xφ) + xφ/(2 ln²(1+y)) has its minimum where y (1+y) ln³(1+y) = x²φ².
    target = x**2 * np.log1p(x) ** 2
    return brentq(lambda y: y * (1 + y) * np.log1p(y) ** 3 - target, 0, x, xtol=1e-14)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-step", "grade": true, "points": 4}
assert 0 < next_ratio(1.0) < 1.0
### BEGIN HIDDEN TESTS
for x in (1e-3, 0.05, 1.0, 7.0, 100.0):
    y, level = next_ratio(x), x * np.log1p(x)
    ends = y * np.array([1 - 2e-5, 1 + 2e-5])
    slope = ends * (1 + ends) * np.log1p(ends) ** 3 - level**2  # of the surrogate's sign
    assert slope[0] < 0 < slope[1]
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "test-step-decay", "grade": true, "points": 2}
x = 1.0
for _ in range(400):
    x = next_ratio(x)
assert 0.9 < x * 400 / 8 < 1.1, "x_t falls like 8/t"

# %% [markdown]
# ## Task 4. What it runs towards (3 points)
#
# The energy $p\,s/r$ falls for ever as $p$ does. What is its infimum over $p>0$?


# %% nbgrader={"grade_id": "infimum", "solution": true}
def least_energy(payload, gain, noise):
    """Infimum [J] of the energy of an upload: s [bit], g, σ² [W/Hz]; numbers or arrays."""
    ### BEGIN SOLUTION
    return payload * noise * np.log(2) / gain
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-infimum", "grade": true, "points": 3}
s, g, sigma = 1e9, 1e-11, 1e-17
assert least_energy(s, g, sigma) < 1e-3 * s / transmission_rate(1e6, 1e-3, g, sigma)
### BEGIN HIDDEN TESTS
best = literal.link_gain(literal.nearest())
for bandwidth in (1e5, 1e7):
    # A signal-to-noise ratio of 1e-5: half of that above the infimum.
    power = 1e-5 * literal.noise_density * bandwidth / best
    rate = transmission_rate(bandwidth, power, best, literal.noise_density)
    infimum = least_energy(literal.payload, best, literal.noise_density)
    np.testing.assert_allclose(infimum * (1 + 0.5e-5), power * literal.payload / rate, 1e-7)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5. The repair (5 points)
#
# Charge the time of the upload too: minimise $(\omega_t+\omega_e p)\,s/r(p)$ over $p^{\min}\le
# p\le p^{\max}$, at given bandwidth. By any means; the cost may exceed the least one by $10^{-6}$
# of it. Two points are for links on which the bounds do not matter, three for all links.


# %% nbgrader={"grade_id": "mend", "solution": true}
def best_power(delay_weight, energy_weight, bandwidth, gain, noise, low, high):
    """Power [W] of least cost for one link; all arguments are numbers, weights and bounds > 0."""
    ### BEGIN SOLUTION
    from scipy.special import lambertw

    c = energy_weight * noise * bandwidth / gain
    u = 1 + lambertw((delay_weight / c - 1) / np.e).real
    return float(np.clip(np.expm1(u) * noise * bandwidth / gain, low, high))
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-mend-free", "grade": true, "points": 2}
link = (1.0, 2.0, 1e6, 1e-11, 1e-18)
power = best_power(*link, 1e-9, 1e9)
assert upload_cost(power, *link) <= upload_cost(1.01 * power, *link)
assert upload_cost(power, *link) <= upload_cost(0.99 * power, *link)

# %% nbgrader={"grade_id": "test-mend", "grade": true, "points": 3}
assert 1e-3 <= best_power(1.0, 2.0, 1e6, 1e-11, 1e-18, 1e-3, 2.0) <= 2.0
### BEGIN HIDDEN TESTS
from mecllm.allocation import Uplink

best = repaired.nearest()
for scale in (1e-6, 1.0, 1e4):  # at the lower bound, somewhere, at the upper bound
    weighted = repaired.with_weights(1.0, scale * 1e-3, 1.0)
    uplink = Uplink.of(weighted, np.arange(repaired.users), best)
    bandwidth = np.full(repaired.users, 2e6)
    expected = uplink.best_power(bandwidth)
    for n, g in enumerate(repaired.link_gain(best)):
        link = (scale * 1e-3, 1.0, 2e6, g, repaired.noise_density)
        low, high = 1e-4, repaired.power_max[n]
        answer = best_power(*link, low, high)
        assert low * (1 - 1e-9) <= answer <= high * (1 + 1e-9)
        least = upload_cost(np.clip(expected[n], low, high), *link)
        assert upload_cost(answer, *link) <= least * (1 + 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6. A converged artefact (4 points, graded by hand)
#
# (a) Why has the paper's problem P3, taken literally, no KKT point? (b) Why does the iteration of
# Task 3 stop all the same, and what decides the power it then reports? (c) Compare two repairs, a
# lower bound on $p$ and a charge for the time of the upload: which belongs to the model and which
# is a choice?

# %% [markdown] nbgrader={"grade_id": "written", "grade": true, "solution": true, "points": 4}
# ### BEGIN SOLUTION
# (a) $p\,s/r(p)$ rises with $p$ for every $p>0$, nothing else in the objective depends on $p$, and
# there is no lower bound: stationarity in $p$ would need a negative multiplier of the upper bound.
# The infimum is not attained. (b) The energy is above its infimum by the share $x_t/2\approx4/t$,
# so its relative change from one step to the next, about $4/t^2$, falls below any tolerance. Start
# and tolerance decide the power; a smaller tolerance gives a smaller power. (c) A radio has a least
# power, so the bound is physical, but the optimum then sits at the bound and is as arbitrary as its
# value. The time of the upload is paid by the user like the other delays; leaving it out of (4) is
# an omission of the model, and charging it gives an interior optimum.
# ### END SOLUTION
