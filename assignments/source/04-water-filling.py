# %% [markdown]
# # 4. Water-filling by bisection
#
# **Aims.** Share a server's bandwidth and clock at least total cost; find a price by bisection;
# check the result by its optimality conditions instead of by a solver's word.
#
# **Points** 25. **Time** about 3 hours. **Read first** chapter 20 of the book.
#
# At given power an upload over the bandwidth $b$ costs $V(b)=c/r(b)$ with
# $r(b)=b\log_2(1+\rho/b)$, where $c=(\omega_t+\omega_e p)s$ and $\rho=gp/\sigma^2$ (in hertz). $V$
# is convex and decreasing. A server shares $b^{\max}$ among its users so that $\sum_nV_n(b_n)$ is
# least.

# %% nbgrader={"grade_id": "setup", "locked": true}
from dataclasses import replace

import numpy as np

from mecllm import Scenario
from mecllm.allocation import allocate
from mecllm.certified.certificate import verify

SEED = ...

network = Scenario.load("repaired").replace(users=12, servers=3).draw(SEED)
rng = np.random.default_rng(SEED)

# The users of server 0 if everyone were its user: c [cost·bit/s] and ρ [Hz].
POWER = network.power_max
VALUE = (network.weights.delay + network.weights.energy * POWER) * network.payload
REACH = network.gain[:, 0] * POWER / network.noise_density
TOTAL = network.bandwidth_max[0]


def cost(bandwidth, value, reach):
    """V(b)."""
    return value / (bandwidth * np.log1p(reach / bandwidth) / np.log(2))


# Two users of a crowded server (Task 4): cycles, κ, ω_t and ω_e.
CROWD = (np.array([1e9, 4e9]), 1e-26, 1.0, 1e-4)


def clock_cost(clock, cycles, kappa, delay_weight, energy_weight):
    """What the server of Task 4 pays."""
    return np.sum(cycles * (delay_weight / clock + energy_weight * kappa * clock**2))


# %% [markdown]
# ## Task 1. What a hertz is worth (4 points)


# %% nbgrader={"grade_id": "worth", "solution": true}
def worth(bandwidth, value, reach):
    """-dV/db [1/Hz]: what one more hertz saves; arrays that broadcast."""
    ### BEGIN SOLUTION
    snr = reach / bandwidth
    rate = bandwidth * np.log1p(snr) / np.log(2)
    slope = (np.log1p(snr) - snr / (1 + snr)) / np.log(2)
    return value * slope / rate**2
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-worth", "grade": true, "points": 4}
at = np.array([1e5, 1e6, 1e7])
assert np.all(worth(at, 1e9, 1e8) > 0)
assert np.all(np.diff(worth(at, 1e9, 1e8)) < 0)
### BEGIN HIDDEN TESTS
for b in (1e5, 1e6, 1e7):
    step = 1e-4 * b
    difference = cost(b - step, VALUE, REACH) - cost(b + step, VALUE, REACH)
    np.testing.assert_allclose(worth(b, VALUE, REACH), difference / (2 * step), 1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2. Demand (5 points)
#
# At a price $\lambda$ per hertz a user takes the bandwidth at which the next hertz is worth
# $\lambda$. Find it by bisection, to a relative accuracy of $10^{-8}$. The answer lies between 1
# and $10^{12}$ Hz; bisect its logarithm. Two points are for one user, three for arrays.


# %% nbgrader={"grade_id": "demand", "solution": true}
def demand(price, value, reach):
    """Bandwidth [Hz] with worth(b) = price [1/Hz]; value and reach are numbers or arrays (K,)."""
    ### BEGIN SOLUTION
    low, high = np.zeros(np.shape(value)), np.full(np.shape(value), 12.0)
    for _ in range(60):
        middle = (low + high) / 2
        scarce = worth(10**middle, value, reach) > price
        low, high = np.where(scarce, middle, low), np.where(scarce, high, middle)
    return 10**low
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-demand-one", "grade": true, "points": 2}
b = demand(1e-6, 1e9, 1e8)
step = 1e-4 * b
np.testing.assert_allclose(
    (cost(b - step, 1e9, 1e8) - cost(b + step, 1e9, 1e8)) / (2 * step), 1e-6, 1e-4
)

# %% nbgrader={"grade_id": "test-demand", "grade": true, "points": 3}
b = demand(1e-6, np.array([1e9, 2e9]), np.array([1e8, 1e8]))
assert b.shape == (2,)
assert b[1] > b[0]
### BEGIN HIDDEN TESTS
from mecllm.allocation import Uplink

everyone, nobody = np.arange(network.users), np.zeros(network.users, dtype=int)
uplink = Uplink.of(network, everyone, nobody)
for price in (1e-9, 1e-7, 1e-5):
    answer = demand(price, VALUE, REACH)
    np.testing.assert_allclose(uplink.worth(answer, POWER), price, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3. The price (6 points)
#
# Demand falls with the price. Bisect the price until the demands add up to the total. The sum may
# miss the total by $10^{-6}$ of it.


# %% nbgrader={"grade_id": "share", "solution": true}
def share(total, value, reach):
    """Bandwidth [Hz] of each user (K,), least total cost, and the price [1/Hz]."""
    ### BEGIN SOLUTION
    low, high = -20.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        if demand(10**middle, value, reach).sum() > total:
            low = middle
        else:
            high = middle
    bandwidth = demand(10**high, value, reach)
    return bandwidth * total / bandwidth.sum(), 10**high
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-share", "grade": true, "points": 2}
bandwidth, price = share(TOTAL, VALUE, REACH)
equal = np.full(network.users, TOTAL / network.users)
np.testing.assert_allclose(np.sum(bandwidth), TOTAL, 1e-6)
assert cost(bandwidth, VALUE, REACH).sum() < cost(equal, VALUE, REACH).sum()

# %% nbgrader={"grade_id": "test-share-verify", "grade": true, "points": 4}
# Put the shares into a decision and let `verify` recompute the optimality conditions.
bandwidth, price = share(TOTAL, VALUE, REACH)
alone = replace(
    allocate(network, np.zeros(network.users, dtype=int)).decision,
    power=POWER,
    bandwidth=bandwidth * (1 - 1e-8),  # rounding must not overfill the server
)
certificate = verify(network, alone)
assert not [v for v in certificate.violations if v.equation == "9e"]
assert certificate.residuals["bandwidth"] < 1e-3
### BEGIN HIDDEN TESTS
np.testing.assert_allclose(price, certificate.bandwidth_price[0], 1e-3)
for total in (TOTAL / 100, 5 * TOTAL):
    bandwidth, price = share(total, VALUE, REACH)
    np.testing.assert_allclose(np.sum(bandwidth), total, 1e-6)
    snr = REACH / np.asarray(bandwidth)
    rate = bandwidth * np.log1p(snr) / np.log(2)
    each = VALUE / rate**2 * (np.log1p(snr) - snr / (1 + snr)) / np.log(2)
    np.testing.assert_allclose(each, price, 1e-3)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4. A clock that may idle (6 points)
#
# A server runs $w_n$ cycles for each of its users at clock $f_n$ and pays
# $\sum_nw_n(\omega_t/f_n+\omega_e\kappa f_n^2)$ under $\sum_nf_n\le F$. Find the cheapest clocks;
# the cost may exceed the least by $10^{-6}$ of it. Two points are for a crowded server, four for
# crowded and idle ones.


# %% nbgrader={"grade_id": "clock", "solution": true}
def share_clock(total, cycles, kappa, delay_weight, energy_weight):
    """Clocks [Hz] of the users (K,); cycles is an array (K,), the others are numbers > 0."""
    ### BEGIN SOLUTION
    # At a price ν ≥ 0 of the clock: w (2 ω_e κ f - ω_t/f²) = -ν.
    free = np.cbrt(delay_weight / (2 * energy_weight * kappa))
    if len(cycles) * free <= total:
        return np.full(len(cycles), free)

    def at(price):
        low, high = np.zeros(len(cycles)), np.full(len(cycles), free)
        for _ in range(60):
            middle = (low + high) / 2
            slope = cycles * (delay_weight / middle**2 - 2 * energy_weight * kappa * middle)
            low, high = np.where(slope > price, middle, low), np.where(slope > price, high, middle)
        return low

    low, high = 0.0, cycles.max() * delay_weight * (2 * len(cycles) / total) ** 2
    while at(high).sum() > total:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).sum() > total else (low, middle)
    return at(high)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-clock-crowded", "grade": true, "points": 2}
clock = np.asarray(share_clock(1e9, *CROWD))
assert clock.sum() <= 1e9 * (1 + 1e-6)
best = min(clock_cost(np.array([f, 1e9 - f]), *CROWD) for f in np.linspace(3e8, 4e8, 1001))
assert clock_cost(clock, *CROWD) <= best * (1 + 1e-6)

# %% nbgrader={"grade_id": "test-clock", "grade": true, "points": 4}
assert np.sum(share_clock(3e9, *CROWD)) <= 3e9 * (1 + 1e-6)
### BEGIN HIDDEN TESTS
from mecllm.allocation import Groups, Work
from mecllm.allocation.computation import share_clock as reference

groups = Groups.of(np.zeros(network.users, dtype=int), 1)
for factor in (0.01, 1.0, 100.0):  # from "delay hardly counts", where it pays to idle
    weighted = network.with_weights(1.0, factor * 1.0, 1.0)
    work = Work.of(weighted, np.arange(network.users), groups.index)
    one = np.ones(network.users)
    for total in (1e8, 2e9, 1e12):
        expected, _ = reference(work, groups, (network.layers - 1) * one, np.array([total]), False)
        terms = (work.flops, network.server_kappa[0], factor * 1.0, 1.0)
        answer = np.asarray(share_clock(total, *terms))
        assert answer.sum() <= total * (1 + 1e-6)
        assert clock_cost(answer, *terms) <= clock_cost(expected, *terms) * (1 + 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5. The meaning of a price (4 points, graded by hand)
#
# (a) What do the prices of bandwidth and of the clock tell an operator who could buy a little more
# of one? (b) The price of the clock can be zero, that of bandwidth cannot. Why? (c) The paper
# demands that both are handed out in full, equations (9e) and (9g). What does the price of the
# clock look like then on a server whose users want less than all of it, and what does it mean?

# %% [markdown] nbgrader={"grade_id": "written", "grade": true, "solution": true, "points": 4}
# ### BEGIN SOLUTION
# (a) The price is the derivative of the least cost: one more hertz saves that much. Buy where
# price times amount, per unit of money, is larger. (b) More bandwidth always raises the rate, so
# it is always worth something and the inequality is tight. A faster clock costs energy; beyond
# $(\omega_t/(2\omega_e\kappa))^{1/3}$ it is worth nothing, the server idles, and complementary
# slackness sets the price to zero. (c) It turns negative: the server must burn clock that nobody
# wants, and each hertz less would save cost.
# ### END SOLUTION
