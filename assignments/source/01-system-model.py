# %% [markdown]
# # 1. System model and link budget
#
# **Aims.** Read a link budget in SI units; write down rate, delay and energy of Section 3 of the
# paper; add them up for a whole network.
#
# **Points** 25. **Time** about 2 hours. **Read first** chapter 2 of the book.

# %% nbgrader={"grade_id": "setup", "locked": true}
from dataclasses import replace

import numpy as np

from mecllm import Scenario, evaluate
from mecllm.system.association import random_association
from mecllm.system.equations import transmission_rate
from mecllm.system.model import reference_decision

SEED = ...

literal = Scenario.load("literal").replace(users=12, servers=3).draw(SEED)
repaired = Scenario.load("repaired").replace(users=12, servers=3).draw(SEED)


# %% [markdown]
# ## Task 1. From decibels to watts (2 points)
#
# 0 dBm is one milliwatt, and ten decibels are a factor of ten in power.


# %% nbgrader={"grade_id": "watts", "solution": true}
def watts(level):
    """Power [W] of a level [dBm], a number or an array."""
    ### BEGIN SOLUTION
    return 10 ** ((np.asarray(level) - 30) / 10)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-watts", "grade": true, "points": 2}
np.testing.assert_allclose(watts(0), 1e-3, 1e-6)
np.testing.assert_allclose(watts(30), 1, 1e-6)
### BEGIN HIDDEN TESTS
np.testing.assert_allclose(watts(-134), literal.noise_density, 1e-6)
np.testing.assert_allclose(
    watts(np.array([-174.0, 23.0])), [3.98107170553e-21, 0.199526231497], 1e-6
)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2. Path gain (3 points)
#
# Section 5 gives the path loss as $128.1+37.6\log_{10}d$ decibels, $d$ in **kilometres**. The gain
# $g$ is the received power divided by the sent one. Distances below 10 m count as 10 m.


# %% nbgrader={"grade_id": "gain", "solution": true}
def gain(distance):
    """Power gain of a link over a distance [m], a number or an array."""
    ### BEGIN SOLUTION
    kilometres = np.maximum(distance, 10) / 1000
    return 10 ** (-(128.1 + 37.6 * np.log10(kilometres)) / 10)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-gain", "grade": true, "points": 3}
np.testing.assert_allclose(gain(1000), 10**-12.81, 1e-6)
np.testing.assert_allclose(gain(3), gain(10), 1e-6)
### BEGIN HIDDEN TESTS
step = repaired.user_position[:, None, :] - repaired.server_position[None, :, :]
np.testing.assert_allclose(gain(np.hypot(step[..., 0], step[..., 1])), repaired.gain, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3. Rate (3 points)
#
# The rate of Section 3.1 is $r=b\log_2\bigl(1+\frac{g\,p}{\sigma^2 b}\bigr)$.


# %% nbgrader={"grade_id": "rate", "solution": true}
def rate(bandwidth, power, gain, noise):
    """Rate [bit/s] for b [Hz], p [W], g and the noise density σ² [W/Hz]; numbers or arrays."""
    ### BEGIN SOLUTION
    return bandwidth * np.log2(1 + gain * power / (noise * bandwidth))
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-rate", "grade": true, "points": 3}
link = {"gain": 1e-10, "noise": 1e-17}
assert rate(1e6, 1.0, **link) > rate(1e6, 0.5, **link) > 0
assert rate(2e6, 1.0, **link) > rate(1e6, 1.0, **link)
### BEGIN HIDDEN TESTS
np.testing.assert_allclose(
    rate(1e6, 0.1, 1e-10, 1e-17), 1e6, 1e-6
)  # a signal-to-noise ratio of 1: one bit per hertz
for network in (literal, repaired):
    power, bandwidth = network.power_max[:, None], network.bandwidth_max / 4
    expected = transmission_rate(bandwidth, power, network.gain, network.noise_density)
    np.testing.assert_allclose(
        rate(bandwidth, power, network.gain, network.noise_density), expected, 1e-6
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4. How far does it reach? (3 points)
#
# Turn the budget round: up to which distance (beyond 10 m) is the signal-to-noise ratio
# $\frac{g\,p}{\sigma^2 b}$ at least a given number?


# %% nbgrader={"grade_id": "reach", "solution": true}
def reach(ratio, bandwidth, power, noise):
    """Largest distance [m] with this signal-to-noise ratio (not in dB)."""
    ### BEGIN SOLUTION
    loss = 10 * np.log10(power / (noise * bandwidth * ratio))
    return 1000 * 10 ** ((loss - 128.1) / 37.6)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-reach", "grade": true, "points": 3}
from mecllm.system.geometry import path_gain

distance = reach(1.0, 2e6, 1.0, 4e-21)
np.testing.assert_allclose(path_gain(distance, 128.1, 37.6) * 1.0 / (4e-21 * 2e6), 1.0, 1e-6)
### BEGIN HIDDEN TESTS
for ratio in (0.1, 1.0, 31.0):
    for power in (0.2, 2.0):
        distance = reach(ratio, 1e6, power, literal.noise_density)
        snr = path_gain(distance, 128.1, 37.6) * power / (literal.noise_density * 1e6)
        np.testing.assert_allclose(snr, ratio, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5. One layer (3 points)
#
# A processor with $CD$ floating-point operations per cycle at clock $f$ takes $\psi/(f\,CD)$
# seconds for a layer of $\psi$ operations and draws $\kappa f^3$ watts meanwhile: equations (1),
# (2), (5), (6).


# %% nbgrader={"grade_id": "layer", "solution": true}
def layer(flops, frequency, throughput, kappa):
    """Delay [s] and energy [J] of a layer: ψ [FLOP], f [Hz], CD [FLOP/cycle], κ [W/Hz³]."""
    ### BEGIN SOLUTION
    delay = flops / (frequency * throughput)
    return delay, kappa * frequency**3 * delay
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-layer", "grade": true, "points": 3}
np.testing.assert_allclose(layer(1e12, 1e9, 1000, 1e-27), (1, 1), 1e-6)
### BEGIN HIDDEN TESTS
np.testing.assert_allclose(layer(1e12, 2e9, 1000, 1e-27), (0.5, 4), 1e-6)
n = repaired
delay, energy = layer(n.flops_per_layer, 5e8, n.user_throughput, n.user_kappa)
cost = evaluate(
    n,
    replace(
        reference_decision(n, n.nearest()),
        local_layers=np.ones(n.users),
        user_frequency=np.full(n.users, 5e8),
    ),
)
np.testing.assert_allclose(delay, cost.local_delay, 1e-6)
np.testing.assert_allclose(energy, cost.local_energy, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6. A whole network (7 points)
#
# Add up what each user pays: `decision.local_layers` ($\alpha$) layers on the device, the upload
# of `network.payload` bits at power `decision.power`, and the other $\Upsilon-\alpha$ layers at
# its server `decision.association`. Take $1\le\alpha\le\Upsilon-1$. Energy counts all three parts.
# Delay counts the two computations and, **only where** `network.formulation.transmission_delay` is
# true, the upload. (`help(network)` and `help(decision)` list the fields;
# `network.link_gain(association)` is $g$.) Use your functions or, if you are unsure of them,
# `transmission_rate`, `computation_delay` and `computation_energy` of `mecllm.system.equations`.
#
# Two points are for the network as the paper prints it, five for both formulations and any
# association.


# %% nbgrader={"grade_id": "totals", "solution": true}
def totals(network, decision):
    """Energy [J] and delay [s] of each user: two arrays (N,)."""
    ### BEGIN SOLUTION
    n, m, local = network, decision.association, decision.local_layers
    device = layer(n.flops_per_layer, decision.user_frequency, n.user_throughput, n.user_kappa)
    server = layer(
        n.flops_per_layer, decision.server_frequency, n.server_throughput[m], n.server_kappa[m]
    )
    upload = n.payload / transmission_rate(
        decision.bandwidth, decision.power, n.link_gain(m), n.noise_density
    )
    delay = local * device[0] + (n.layers - local) * server[0]
    if n.formulation.transmission_delay:
        delay = delay + upload
    energy = local * device[1] + decision.power * upload + (n.layers - local) * server[1]
    return energy, delay
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-totals-literal", "grade": true, "points": 2}
decision = reference_decision(literal, literal.nearest())
energy, delay = totals(literal, decision)
cost = evaluate(literal, decision)
np.testing.assert_allclose(energy, cost.energy, 1e-6)
np.testing.assert_allclose(delay, cost.delay, 1e-6)

# %% nbgrader={"grade_id": "test-totals", "grade": true, "points": 5}
energy, delay = totals(repaired, reference_decision(repaired, repaired.nearest()))
assert energy.shape == delay.shape == (repaired.users,)
### BEGIN HIDDEN TESTS
for network in (literal, repaired):
    start = reference_decision(network, random_association(network, SEED))
    decision = replace(start, local_layers=1.0 + np.arange(network.users))
    cost = evaluate(network, decision)
    energy, delay = totals(network, decision)
    np.testing.assert_allclose(energy, cost.energy, 1e-6)
    np.testing.assert_allclose(delay, cost.delay, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7. What is -134 dBm? (4 points, graded by hand)
#
# The paper prints $\sigma^2=-134$ dBm, without "per hertz". (a) Why must the rate formula read it
# as a density? (b) Give the signal-to-noise ratio over 500 m at 1 W and 2 MHz for a density of
# -134 dBm/Hz, for the thermal -174 dBm/Hz, and for -134 dBm in total. (c) Which of the three
# leaves bandwidth, rather than power, as what limits the rate, and why does that matter for an
# allocation of bandwidth?

# %% [markdown] nbgrader={"grade_id": "written", "grade": true, "solution": true, "points": 4}
# ### BEGIN SOLUTION
# (a) The formula multiplies $\sigma^2$ by $b$, so $\sigma^2$ is in watts per hertz; a total power
# would make the noise W·Hz. (b) The gain over 500 m is
# $10^{-(128.1+37.6\log_{10}0.5)/10}\approx2.1\cdot10^{-12}$, the noise $8\cdot10^{-11}$ W,
# $8\cdot10^{-15}$ W and $4\cdot10^{-17}$ W: ratios of about 0.03, 260 and 53,000. (c) The rate is
# limited by power where the ratio is far below 1: $r\approx gp/(\sigma^2\ln2)$, whatever $b$. At
# -134 dBm/Hz the allocation of bandwidth hardly matters; with the other two the rate is nearly
# proportional to $b$, and it does.
# ### END SOLUTION
