"""Sets of users on servers: bounds however few sets are looked at, and the choice among them."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from mecllm.allocation import Groups, allocate
from mecllm.certified import partition
from mecllm.certified.dual import lower_bound
from mecllm.certified.headcount import CountPrices
from mecllm.certified.pairs import PairCosts
from mecllm.certified.partition import refined_bound
from mecllm.certified.prices import dual_prices
from mecllm.certified.pricing import priced
from mecllm.certified.sets import SetBounds, UserSets, _group_bounds, _group_costs
from mecllm.study.bench import sized
from tests.certified.test_certificate import enumerated
from tests.examples import LITERAL, REPAIRED, networks, small


@given(networks())
def test_odd_networks_are_proved_optimal(network):
    assume(network.formulation.capacity == "at_most" or network.users >= network.servers)
    result, best = priced(network), enumerated(network)
    # Resources at a given association have a gap of their own where like users part.
    own = result.allocation.gap
    assert result.lower_bound <= best * (1 + 1e-12)
    assert result.allocation.objective <= best * (1 + 1e-9 + own)


@cache
def tiny(formulation, seed):
    """A network, an association and the optimum."""
    network, association = small(seed, 6, 2, formulation)
    return network, association, enumerated(network)


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
@pytest.mark.parametrize(
    ("limit", "value"),
    [*(("_ROWS", n) for n in (6, 20, 60)), *(("_CHOICES", n) for n in (1, 5, 40))],
)
def test_few_sets_and_few_choices_give_true_bounds_too(formulation, limit, value, monkeypatch):
    monkeypatch.setattr(partition, limit, value)
    for seed in range(6):
        network, association, best = tiny(formulation, seed)
        prices = dual_prices(network)
        bound = refined_bound(network, prices, association)
        assert lower_bound(network, prices) <= bound <= best * (1 + 1e-12)


def test_the_limit_falls_no_further_than_the_choices_ask(monkeypatch):
    monkeypatch.setattr(partition, "_CHOICES", 1000)
    rng = np.random.default_rng(0)
    excess, total = np.sort(rng.exponential(size=200)), rng.exponential(size=50)

    def choices(limit):
        return np.sum(excess + total[:, None] <= limit)

    limit = partition._affordable(excess, total, 5.0)
    assert choices(5.0) > 1000 >= choices(limit)
    assert choices(limit + 5.0 / 2**partition._HALVINGS) > 1000
    assert partition._affordable(excess, total, limit) == limit
    # Without any slack left there is nothing to choose.
    assert partition._affordable(np.zeros(200), np.zeros(50), 5.0) == 0.0


@pytest.mark.parametrize("track", ["literal", "repaired"])
def test_a_better_worth_of_users_raises_the_bound(track, monkeypatch):
    network = sized(track, 50, 10).draw(1)
    prices, best = dual_prices(network), priced(network).allocation
    several = refined_bound(network, prices, best.decision.association)
    monkeypatch.setattr(partition, "_ROUNDS", 1)
    one = refined_bound(network, prices, best.decision.association)
    assert lower_bound(network, prices) < one <= several
    # On some machines the first round proves the optimum.
    assert one < several or one > best.objective * (1 - 1e-6)


@given(networks(), st.integers(0, 10**6))
def test_sets_below_a_limit_are_found_whatever_the_worth(network, seed):
    rng = np.random.default_rng(seed)
    costs, users = PairCosts.every(network), network.users
    worth = rng.normal(size=users) * costs.at(dual_prices(network))[0].mean()
    load = rng.integers(0, users, size=network.servers)
    points = CountPrices.around(network, dual_prices(network), load).points
    bounds = SetBounds.of(network, costs, points, worth)
    member = np.array(list(product([False, True], repeat=users)))
    for server in range(network.servers):
        sets = UserSets.of(network, member, np.full(len(member), server))
        reduced = sets.cost - member @ worth
        slack = 1e-9 * (1 + np.abs(worth).sum() + np.abs(bounds.paid).max())
        assert bounds.floor[server] <= reduced.min() + slack
        limit = np.where(np.arange(network.servers) == server, np.quantile(reduced, 0.3), -np.inf)
        found, home = bounds.below(limit + slack, len(member))
        assert set(home) <= {server}
        assert {tuple(m) for m in member[reduced <= limit[server]]} <= {tuple(m) for m in found}


@given(st.integers(0, 10**6))
def test_the_choice_of_sets_is_the_best(seed):
    rng = np.random.default_rng(seed)
    users, servers, count = 4, 3, 24
    member = rng.random((count, users)) < 0.4
    server, excess = rng.integers(servers, size=count), rng.random(count)
    own = [np.flatnonzero(server == m) for m in range(servers)]
    totals = [
        excess[list(choice)].sum()
        for choice in product(*own)
        if np.all(member[list(choice)].sum(axis=0) == 1)
    ]
    known = UserSets(member, server, np.zeros(count))
    total, association = partition._choice(known, excess, 3.0)
    if all(len(sets) for sets in own) and totals:
        assert total == pytest.approx(min(totals))
        assert association is not None
        assert np.all((association >= 0) & (association < servers))


def test_choices_of_more_users_than_a_word_has_bits():
    users = 150
    halves = np.arange(users) % 2 == 0
    member = np.stack([halves, ~halves, np.ones(users, bool), np.zeros(users, bool)])
    known = UserSets(member, np.array([0, 1, 0, 1]), np.zeros(4))
    total, association = partition._choice(known, np.array([0.1, 0.2, 0.2, 0.2]), 1.0)
    assert total == pytest.approx(0.3)
    np.testing.assert_array_equal(association, np.where(halves, 0, 1))
    assert partition._choice(known, np.array([0.1, 0.2, 0.2, 0.2]), 0.25) == (0.25, None)


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
def test_costs_of_groups_are_those_of_the_allocation(formulation):
    network, association = small(2, 6, 2, formulation)
    groups = Groups.of(association, 2)
    cost, bound = _group_costs(network, groups, None), _group_bounds(network, groups)
    found = allocate(network, association)
    home = network.users * [0]
    assert cost.sum() == pytest.approx(found.objective, rel=1e-12)
    assert np.all(bound <= cost)
    assert bound.sum() == pytest.approx(found.lower_bound, rel=1e-12)
    alone = Groups(np.arange(6), np.array(home), np.arange(2))
    empty = _group_costs(network, alone, None)[1]
    assert empty == (np.inf if formulation.capacity == "equal" else 0.0)
