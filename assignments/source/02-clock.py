# %% [markdown]
# # 2. The optimal clock and the energy–delay front
#
# **Aims.** Minimise a weighted sum by calculus and by its bounds; read the front of energy against
# delay; tell what a second costs.
#
# **Points** 25. **Time** about 2 hours. **Read first** chapter 2 of the book.
#
# A processor that needs $w=\psi/(CD)$ cycles for a layer takes $T=w/f$ seconds and $E=\kappa w
# f^2$ joules at clock $f$. The paper charges $\omega_t T+\omega_e E$, equations (14) and (15), for
# $0<f\le f^{\max}$.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

from mecllm import Scenario

SEED = ...

network = Scenario.load("repaired").replace(users=12, servers=3).draw(SEED)
rng = np.random.default_rng(SEED)


# %% [markdown]
# ## Task 1. The best clock (6 points)
#
# Which $f$ minimises $\omega_t w/f+\omega_e\kappa w f^2$ over $0<f\le f^{\max}$? Where energy has
# no weight, the answer is $f^{\max}$; you may take $\omega_t>0$. Two points are for the minimiser
# without a limit, four for all cases.


# %% nbgrader={"grade_id": "best-clock", "solution": true}
def best_clock(delay_weight, energy_weight, kappa, limit):
    """Clock [Hz] of least cost; ω_t, ω_e are numbers, κ [W/Hz³] and the limit [Hz] arrays too."""
    ### BEGIN SOLUTION
    if energy_weight == 0:
        return limit
    return np.minimum(limit, np.cbrt(delay_weight / (2 * energy_weight * np.asarray(kappa))))
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-best-clock-free", "grade": true, "points": 2}
frequency = best_clock(1.0, 2.0, 1e-27, 1e15)
cost = 1.0 / frequency + 2.0 * 1e-27 * frequency**2
for other in (0.99 * frequency, 1.01 * frequency):
    assert 1.0 / other + 2.0 * 1e-27 * other**2 > cost

# %% nbgrader={"grade_id": "test-best-clock", "grade": true, "points": 4}
assert best_clock(1.0, 2.0, 1e-27, 5e8) > 0
### BEGIN HIDDEN TESTS
from mecllm.allocation import user_frequency

np.testing.assert_allclose(best_clock(1.0, 2.0, 1e-27, 5e8), 5e8, 1e-6)
np.testing.assert_allclose(best_clock(1.0, 0.0, 1e-27, 7e8), 7e8, 1e-6)
for delay in (1e-3, 1.0, 1e3):
    weighted = network.with_weights(energy=1.0, delay=delay, stability=1.0)
    answer = best_clock(delay, 1.0, network.user_kappa, network.user_frequency_max)
    np.testing.assert_allclose(answer, user_frequency(weighted), 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2. The front (5 points)
#
# For each ratio $\omega_t/\omega_e$, where are delay and energy of a layer at the best clock?


# %% nbgrader={"grade_id": "front", "solution": true}
def front(cycles, kappa, limit, ratios):
    """Delays [s] and energies [J], two arrays, at the best clock for each ratio ω_t/ω_e [W]."""
    ### BEGIN SOLUTION
    clock = np.minimum(limit, np.cbrt(np.asarray(ratios) / (2 * kappa)))
    return cycles / clock, kappa * cycles * clock**2
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-front", "grade": true, "points": 5}
ratios = np.geomspace(1e-2, 1e3, 25)
delays, energies = map(np.asarray, front(2e9, 3e-27, 1e9, ratios))
assert len(delays) == len(energies) == len(ratios)
assert np.all(np.diff(delays) <= 0)
assert np.all(np.diff(energies) >= 0)
### BEGIN HIDDEN TESTS
clocks = np.geomspace(1e7, 1e9, 2001)
for ratio, delay, energy in zip(ratios, delays, energies, strict=True):
    best = np.min(ratio * 2e9 / clocks + 3e-27 * 2e9 * clocks**2)
    assert ratio * delay + energy <= best * (1 + 1e-9)
assert np.all(delays >= 2.0 * (1 - 1e-9))  # the limit holds: 2e9 cycles at 1e9 Hz take 2 s
np.testing.assert_allclose(energies, 3e-27 * 2e9**3 / delays**2, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3. The price of a second (3 points)
#
# How many joules more does a device pay, at clock $f$, for each second that it is faster? Give
# $-\mathrm dE/\mathrm dT$.


# %% nbgrader={"grade_id": "price", "solution": true}
def price_of_a_second(kappa, frequency):
    """-dE/dT [W] along the curve of all clocks."""
    ### BEGIN SOLUTION
    # E = κ w³/T², so -dE/dT = 2 κ w³/T³.
    return 2 * kappa * frequency**3
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-price", "grade": true, "points": 3}
assert price_of_a_second(1e-27, 2e9) > price_of_a_second(1e-27, 1e9) > 0
### BEGIN HIDDEN TESTS
cycles, kappa = 3e9, 2e-27
for frequency in (2e8, 1e9, 3e9):
    ends = frequency * np.array([1 - 1e-5, 1 + 1e-5])
    slope = np.diff(kappa * cycles * ends**2) / np.diff(cycles / ends)
    np.testing.assert_allclose(price_of_a_second(kappa, frequency), -slope, 1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4. Cheapest within a deadline (6 points)
#
# Forget the weights: which clock needs the least energy for a layer of $w$ cycles that must be
# done within a deadline? Raise a `ValueError` where no clock up to the limit is fast enough. Three
# points are for deadlines that can be met, three for the error.


# %% nbgrader={"grade_id": "deadline", "solution": true}
def cheapest_clock(cycles, limit, deadline):
    """Clock [Hz] of least energy with cycles/clock <= deadline [s] and clock <= limit [Hz]."""
    ### BEGIN SOLUTION
    clock = cycles / deadline
    if clock > limit:
        raise ValueError(f"{cycles:g} cycles take {cycles / limit:g} s, not {deadline:g} s")
    return clock
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-deadline", "grade": true, "points": 3}
assert 2e9 / cheapest_clock(2e9, 1e9, 5.0) <= 5.0 * (1 + 1e-9)
### BEGIN HIDDEN TESTS
for deadline in rng.uniform(2.01, 20, 20):
    answer = cheapest_clock(2e9, 1e9, deadline)
    assert 2e9 / answer <= deadline * (1 + 1e-9)
    assert answer <= 1e9 * (1 + 1e-9)
    assert answer**2 <= (2e9 / deadline) ** 2 * (1 + 1e-6)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "test-deadline-error", "grade": true, "points": 3}
try:
    cheapest_clock(2e9, 1e9, 1.9)
except ValueError:
    pass
else:
    raise AssertionError("2e9 cycles cannot be done in 1.9 s at 1e9 Hz")

# %% [markdown]
# ## Task 5. The end of the front (2 points)
#
# From which ratio $\omega_t/\omega_e$ on does a device run at its limit?


# %% nbgrader={"grade_id": "end", "solution": true}
def ratio_at_limit(kappa, limit):
    """Smallest ω_t/ω_e [W] at which the best clock is the limit; numbers or arrays."""
    ### BEGIN SOLUTION
    return 2 * kappa * limit**3
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-end", "grade": true, "points": 2}
from mecllm.allocation import user_frequency

ratio = ratio_at_limit(network.user_kappa, network.user_frequency_max)
above = network.with_weights(energy=1.0, delay=1.001 * np.max(ratio), stability=1.0)
np.testing.assert_allclose(user_frequency(above), network.user_frequency_max, 1e-6)
### BEGIN HIDDEN TESTS
for user, threshold in enumerate(np.broadcast_to(ratio, network.users)):
    for factor, at_limit in ((0.999, False), (1.001, True)):
        weighted = network.with_weights(energy=1.0, delay=factor * threshold, stability=1.0)
        shortfall = 1 - user_frequency(weighted)[user] / network.user_frequency_max[user]
        assert (shortfall < 1e-9) == at_limit
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6. Slow or idle? (3 points, graded by hand)
#
# "Run at full speed and then sleep" is common advice for saving energy. (a) By how much does the
# energy of a layer change when the delay is halved, in this model? (b) Is the advice right here?
# (c) Name one thing that the model leaves out and that speaks for the advice.

# %% [markdown] nbgrader={"grade_id": "written", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# (a) $E=\kappa w^3/T^2$: four times. (b) No: energy rises with the clock, so the slowest clock
# that meets the deadline is the cheapest. (c) Static power, drawn as long as the device is awake:
# it adds a term proportional to $T$, and below some clock slower means more energy. Also: memory,
# display or voltage that has a lower limit.
# ### END SOLUTION
