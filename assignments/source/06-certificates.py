# %% [markdown]
# # 6. Association, penalty and certificates
#
# **Aims.** Associate users and servers by an exact linear problem; see what an exact penalty does
# to it; bound the optimum from below; hand in a decision with a certificate that nobody has to
# trust you for.
#
# **Points** 35. **Time** about 6 hours. **Read first** chapters 7 and 15 of the book.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

from mecllm import Decision, Scenario, solve
from mecllm.allocation import allocate
from mecllm.certified.certificate import verify
from mecllm.certified.pairs import PairCosts, Prices
from mecllm.system.association import greedy

SEED = ...

network = Scenario.load("repaired").replace(users=10, servers=3).draw(SEED)
rng = np.random.default_rng(SEED)

# Costs of ten users at three servers that admit at most four each.
COSTS, SLOTS = rng.uniform(1, 2, (10, 3)), np.array([4, 4, 4])


def total(costs, association):
    """Sum of the users' costs at their servers."""
    return costs[np.arange(len(costs)), association].sum()


# %% [markdown]
# ## Task 1. How far from binary? (3 points)
#
# Equation (47) demands $\sum_{n,m}\chi_{nm}(1-\chi_{nm})\le0$. Write the left-hand side.


# %% nbgrader={"grade_id": "violation", "solution": true}
def violation(chi):
    """Left side of (47) for χ, an array (N, M) with entries in [0, 1]."""
    ### BEGIN SOLUTION
    return np.sum(chi * (1 - chi))
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-violation", "grade": true, "points": 3}
assert abs(violation(np.eye(3))) < 1e-12
assert violation(np.full((2, 2), 0.5)) > 0
### BEGIN HIDDEN TESTS
from mecllm.paper.concave_convex import violation as reference

chi = rng.dirichlet(np.ones(4), 7)
np.testing.assert_allclose(violation(chi), reference(chi.ravel()), 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2. The best association at given costs (5 points)
#
# User $n$ costs $c_{nm}$ at server $m$, which admits at most a given number of users. Find an
# association of least total cost, exactly. (`scipy.optimize` has two solvers that do it.) Two
# points are for servers that admit everyone, three for servers that do not.


# %% nbgrader={"grade_id": "assign", "solution": true}
def assign(costs, slots):
    """Server (N,), integers, of each user; costs (N, M), slots (M,) integers."""
    ### BEGIN SOLUTION
    from scipy.optimize import linear_sum_assignment

    server = np.repeat(np.arange(len(slots)), slots)  # one column for each slot
    return server[linear_sum_assignment(costs[:, server])[1]]
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-assign-free", "grade": true, "points": 2}
answer = np.asarray(assign(COSTS, np.array([10, 10, 10])))
np.testing.assert_allclose(total(COSTS, answer), COSTS.min(axis=1).sum(), 1e-6)

# %% nbgrader={"grade_id": "test-assign", "grade": true, "points": 3}
answer = np.asarray(assign(COSTS, SLOTS))
assert answer.shape == (10,)
### BEGIN HIDDEN TESTS
from mecllm.paper.concave_convex import Polytope

for slots in ([4, 4, 4], [5, 5, 0], [1, 2, 7]):
    costs = rng.uniform(1, 2, (10, 3)) + np.array([0.0, 0.3, 0.6])
    answer = np.asarray(assign(costs, np.array(slots)))
    assert np.all(np.bincount(answer, minlength=3) <= slots)
    open_costs = np.where(np.array(slots) > 0, costs, np.inf)
    shares = np.broadcast_to(1 / np.maximum(slots, 1), (1, 10, 3))
    best = Polytope.of_shares(shares, equal=False).minimise(open_costs.ravel(), binary=True)
    np.testing.assert_allclose(total(costs, answer), costs.ravel() @ best, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3. One step of CCCP (5 points)
#
# The paper adds $\varrho\sum\chi(1-\chi)$ to the costs and linearises it at the current $\chi$,
# equation (51): up to a constant, a pair then costs $c_{nm}+\varrho(1-2\chi_{nm})$. Write these
# costs for an association given as server indices. The tests minimise them and watch what the next
# association is.


# %% nbgrader={"grade_id": "linearised", "solution": true}
def linearised(costs, penalty, association):
    """Costs (N, M) of the linear problem of one step; association (N,) is the current one."""
    ### BEGIN SOLUTION
    chi = np.eye(costs.shape[1])[association]
    return costs + penalty * (1 - 2 * chi)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-linearised", "grade": true, "points": 5}
start = np.arange(10) % 3
np.testing.assert_allclose(linearised(COSTS, 0.0, start), COSTS, 1e-6)
assert np.argmin(linearised(COSTS, 10.0, start), axis=1).tolist() == start.tolist()
### BEGIN HIDDEN TESTS
from mecllm.paper.concave_convex import indicator, linearised as reference

for penalty in (0.01, 0.3, 4.0):
    expected = reference(COSTS.ravel(), penalty, indicator(start, 3)).reshape(COSTS.shape)
    answer = np.asarray(linearised(COSTS, penalty, start))
    # A constant for each user changes nothing.
    np.testing.assert_allclose(np.diff(answer, axis=1) + 100, np.diff(expected, axis=1) + 100, 1e-9)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4. A bound from below (6 points)
#
# At prices $\lambda_m$ of bandwidth and $\nu_m$ of clock the users fall apart, and
#
# $$D(\lambda,\nu)=\sum_n\min_m\,[V_{nm}(\lambda_m)+J_{nm}(\nu_m)]
# -\sum_m(\lambda_mb_m^{\max}+\nu_mF_m)$$
#
# is a lower bound on the optimum of P2. `PairCosts.every(network).at(Prices(λ, ν))[0]` gives the
# $V_{nm}+J_{nm}$ of all pairs, user by user. Write $D$.


# %% nbgrader={"grade_id": "bound", "solution": true}
def dual(network, bandwidth_price, frequency_price):
    """D for prices (M,) [1/Hz]."""
    ### BEGIN SOLUTION
    pairs = PairCosts.every(network).at(Prices(bandwidth_price, frequency_price))[0]
    least = pairs.reshape(network.users, network.servers).min(axis=1)
    paid = bandwidth_price * network.bandwidth_max
    return least.sum() - paid.sum() - np.sum(frequency_price * network.server_frequency_max)
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-bound", "grade": true, "points": 3}
allocation = allocate(network, greedy(network))
prices = allocation.bandwidth_price, allocation.frequency_price
assert dual(network, *prices) <= allocation.objective

# %% nbgrader={"grade_id": "test-bound-value", "grade": true, "points": 3}
allocation = allocate(network, greedy(network))
assert np.isfinite(dual(network, allocation.bandwidth_price, allocation.frequency_price))
### BEGIN HIDDEN TESTS
from mecllm.certified.dual import lower_bound

# Prices at which bandwidth and clock of all servers cost as much as a fifth of the objective.
scale = 0.1 * allocation.objective / network.servers
for factor in rng.uniform(0.3, 3, (5, network.servers)):
    trial = factor * scale / network.bandwidth_max, scale / factor / network.server_frequency_max
    expected = lower_bound(network, Prices(*trial))
    assert abs(dual(network, *trial) - expected) <= 1e-6 * allocation.objective
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5. A decision with a certificate (11 points)
#
# Return a decision for a network of this size and the objective that you claim for it. Build it
# from what you have learnt (`allocate` finds the best resources for an association; search the
# associations), not by `mecllm.solve`. It must be feasible, with integer $\alpha$, and your claim
# must be true to $10^{-9}$: `verify` recomputes both (4 points). Its objective may exceed that of
# the method `priced` by 25 % (3 points) or by 2 % (4 points). A minute is all it may take.


# %% nbgrader={"grade_id": "design", "solution": true}
def design(network):
    """A Decision and its claimed objective."""
    ### BEGIN SOLUTION
    best = allocate(network, greedy(network))
    improved = True
    while improved:
        improved = False
        for trial in neighbours(best.decision.association, network.servers):
            candidate = allocate(network, trial)
            if candidate.objective < best.objective * (1 - 1e-9):
                best, improved = candidate, True
                break
    return best.decision, best.objective


def neighbours(association, servers):
    """Every association with one user moved, then with two users swapped."""
    for user in range(len(association)):
        for server in range(servers):
            if server != association[user]:
                trial = association.copy()
                trial[user] = server
                yield trial
    for one in range(len(association)):
        for two in range(one):
            if association[one] != association[two]:
                trial = association.copy()
                trial[[one, two]] = trial[[two, one]]
                yield trial
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-design", "grade": true, "points": 4}
decision, claim = design(network)
certificate = verify(network, decision, objective=float(claim))
for found in certificate.violations:
    print(found.equation, found.text)
print(f"objective {certificate.objective:.4f}, certified gap {certificate.gap:.2%}")
assert isinstance(decision, Decision)
assert certificate.feasible
assert certificate.honest

# %% nbgrader={"grade_id": "test-design-good", "grade": true, "points": 3}
certificate = verify(network, design(network)[0])
assert certificate.feasible
assert certificate.objective <= 1.25 * solve(network, "priced").objective

# %% nbgrader={"grade_id": "test-design-best", "grade": true, "points": 4}
certificate = verify(network, design(network)[0])
assert certificate.feasible
assert certificate.objective <= 1.02 * solve(network, "priced").objective
### BEGIN HIDDEN TESTS
# Not only on the network that is known.
other = Scenario.load("repaired").replace(users=10, servers=3).draw(SEED + 1)
certificate = verify(other, design(other)[0])
assert certificate.feasible
assert certificate.objective <= 1.02 * solve(other, "priced").objective
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6. What is proved? (5 points, graded by hand)
#
# (a) From a binary start, for constraints whose vertices are binary as in Task 2, show that CCCP
# stops after its first step, whatever $\varrho$. (Write $c\cdot\chi+\varrho\,d(\chi,\chi')$ with
# the number $d$ of entries in which two binary points differ.) (b) What does a large $\varrho$ do
# to the result? (c) `verify` gave you a gap. What does it prove that the status "optimal" of a
# solver does not, and where can the gap come from even if your decision is optimal?

# %% [markdown] nbgrader={"grade_id": "written", "grade": true, "solution": true, "points": 5}
# ### BEGIN SOLUTION
# (a) At a binary $x$ the linearised penalty of a binary $\chi$ is $\varrho\,d(\chi,x)$, so the
# step gives a $y$ with $c\cdot y+\varrho d(y,x)\le c\cdot z+\varrho d(z,x)$ for every vertex $z$.
# By the triangle inequality $d(z,x)\le d(z,y)+d(y,x)$, hence $c\cdot y\le c\cdot z+\varrho
# d(z,y)$: $y$ minimises its own linearised problem, and the next step stays. (b) It makes every
# move costly: the start is kept, good or bad; at $\varrho=0$ the same linear problem is exact. (c)
# The gap bounds the distance to the optimum of the whole mixed-integer problem, recomputed from
# the decision and the prices; a status speaks of the convex subproblem that the solver saw, at its
# tolerance. A gap remains where the bound is weak: the duality gap of a non-convex problem with
# few users, or prices that are not the best.
# ### END SOLUTION
