"""The pieces of exact resources: closed-form clocks, roots, bandwidth, and narrowed layers."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, strategies as st

from mecllm.allocation import Groups, Uplink, Work, user_frequency
from mecllm.allocation.communication import share_bandwidth
from mecllm.allocation.computation import _cubic, share_clock
from mecllm.allocation.enumeration import narrowed, priced_layers, unpriced_layers
from mecllm.allocation.logarithm import free_price, free_ratio, root, stopped_price
from mecllm.study.bench import sized
from tests.examples import LITERAL, MIXED, REPAIRED, networks, small


@pytest.mark.parametrize("formulation", MIXED)
@pytest.mark.parametrize("seed", range(20))
def test_power_and_bandwidth_against_a_grid(formulation, seed):
    network, association = small(seed, 2, 1, formulation)
    uplink = Uplink.of(network, np.arange(2), association)
    groups = Groups.of(association, 1)
    bandwidth, _ = share_bandwidth(uplink, groups, network.bandwidth_max)
    best = uplink.cost(bandwidth, uplink.best_power(bandwidth)).sum()
    share = np.linspace(0.001, 0.999, 1999)[:, None]
    wide = network.bandwidth_max[0] * np.hstack([share, 1 - share])
    power = np.geomspace(network.power_min, network.power_max, 400)
    grid = min(uplink.cost(wide[:, None], power[None]).min(axis=1).sum(axis=1))
    assert best <= grid * (1 + 1e-12)
    assert best == pytest.approx(grid, rel=1e-4)


@given(networks())
def test_without_a_price_convexity_gives_what_enumeration_gives(network):
    users = np.arange(network.users)
    work = Work.of(network, users, users % network.servers)
    layers, clock, value = unpriced_layers(work)
    expected = priced_layers(work, np.zeros(network.users))
    np.testing.assert_allclose(value, expected[2], rtol=1e-14)
    np.testing.assert_array_equal(clock, expected[1])
    # Two α may cost the same but for rounding.
    np.testing.assert_allclose(work.cost(layers, clock), value, rtol=0, atol=0)


@given(st.data(), networks(), st.floats(-20, 3), st.booleans())
def test_narrowing_loses_no_best_layers(data, network, exponent, dumped):
    users = np.arange(network.users)
    work = Work.of(network, users, users % network.servers)
    # Prices around those at which half the clock at a server would be asked for.
    price = work.worth(1, work.cap / 2)[1] * 10**exponent * (-1 if dumped else 1)
    # The best α of all may lie outside the bounds.
    first, last = sorted(data.draw(st.tuples(*2 * [st.integers(1, network.layers - 1)])))
    one = np.ones(network.users, dtype=int)
    low, high = narrowed(work, price, first * one, last * one)
    assert np.all((first <= low) & (low <= high) & (high <= last))
    every = np.arange(first, last + 1)[:, None]
    clock = work.clock(price, network.layers - every)
    value = work.cost(every, clock) + price * clock
    inside = np.where((every >= low) & (every <= high), value, np.inf)
    np.testing.assert_allclose(inside.min(axis=0), value.min(axis=0), rtol=1e-13)


def test_narrowing_leaves_little_to_enumerate():
    network = sized("repaired", 500, 10).draw(0)
    groups = Groups.of(network.nearest(), network.servers)
    work = Work.of(network, groups.users, groups.server)
    layers, _, _ = unpriced_layers(work)
    _, price = share_clock(work, groups, layers, network.server_frequency_max, equal=False)
    one = np.ones(network.users, dtype=int)
    low, high = narrowed(work, price[groups.index], one, one * (network.layers - 1))
    assert np.mean(high - low + 1) < 2.5


def test_clocks_in_closed_form_to_the_last_digit():
    eta = np.concatenate([np.linspace(-10, 10, 401), np.logspace(-20, 80, 201)])
    eta = np.concatenate([eta, -np.logspace(-20, 80, 201)])
    found = _cubic(eta)
    with mpmath.workdps(300):
        for x, t in zip(mpmath.matrix(eta), mpmath.matrix(found), strict=True):
            error = (t**3 + x * t**2 - 1) / (3 * t**3 + 2 * x * t**2)
            assert abs(error) < 5e-16
    assert np.all(np.isfinite(_cubic(np.array([-np.inf, np.inf, -1e300, 1e300]))))


@pytest.mark.parametrize("forward", [free_ratio, free_price, stopped_price])
def test_roots_inside_the_table_and_far_beyond_it(forward):
    target = np.concatenate([np.linspace(-60, 60, 2001), [-900.0, -300.0, 300.0, 900.0, 1e4]])
    value, _ = forward(root(target, forward))
    np.testing.assert_allclose(value, target, rtol=1e-14, atol=1e-14)


@given(st.floats(-1e4, 1e6), st.floats(1e-3, 1e3))
def test_clock_is_the_minimiser(price, remaining):
    network, _ = small(0, 1, 1, LITERAL)
    work = replace(Work.of(network, np.array([0]), np.array([0])), cap=np.array([1e15]))
    price = price * 1e-12
    f = work.clock(np.array([price]), np.array([remaining]))

    def value(f):
        return (remaining * work.layer_cost(f) + price * f)[0]

    assert value(f) <= min(value(f * 1.001), value(f * 0.999)) + 1e-12 * abs(value(f))


def test_user_clock_is_the_stationary_point_or_the_cap():
    network, _ = small(5, 8, 1, REPAIRED)
    free = np.cbrt(network.weights.delay / (2 * network.weights.energy * network.user_kappa))
    assert user_frequency(network) == pytest.approx(np.minimum(free, network.user_frequency_max))


def test_shares_of_a_group_need_no_other_group():
    network, association = small(7, 8, 2, REPAIRED)
    groups = Groups.of(association, 2)
    work = Work.of(network, np.arange(8), association)
    layers = np.ones(8)
    together, price = share_clock(work, groups, layers, network.server_frequency_max, True)
    for m in range(2):
        rows = np.flatnonzero(association == m)
        alone, one = share_clock(
            work.take(rows),
            Groups(rows, np.zeros(len(rows), dtype=int), np.array([m])),
            layers[rows],
            network.server_frequency_max[[m]],
            True,
        )
        assert together[rows] == pytest.approx(alone, rel=1e-12)
        assert price[m] == pytest.approx(one[0], rel=1e-10)
