"""What makes `priced` scale: screening, nearest servers, tables; none of it changes an answer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from mecllm.allocation import allocate
from mecllm.allocation.logarithm import hermite
from mecllm.certified import prices, screening
from mecllm.certified.dual import lower_bound
from mecllm.certified.moves import descend
from mecllm.certified.pairs import PairCosts, Pairs, Prices
from mecllm.certified.prices import dual_prices
from mecllm.certified.pricing import priced
from mecllm.certified.screening import candidates, near
from mecllm.certified.tables import CostTables
from mecllm.study.bench import sized
from mecllm.system.geometry import DistanceGain
from mecllm.system.scenario import Scenario
from tests.examples import networks

TRACKS = ["literal", "repaired"]


def stored_and_lazy(track, users, servers, seed=0):
    """A network, and the same one whose gains are computed on demand."""
    network = sized(track, users, servers).draw(seed)
    scenario = Scenario.load("repaired")
    gain = DistanceGain(
        network.user_position,
        network.server_position,
        scenario.path_loss_intercept_dB,
        scenario.path_loss_slope_dB,
        scenario.distance_min_m,
    )
    np.testing.assert_allclose(gain[np.arange(users)], network.gain, rtol=1e-9)
    return network, replace(network, normalized_by="", gain=gain)


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("first", [1, 4, 32])
def test_asking_for_the_nearest_servers_misses_no_pair(track, first, monkeypatch):
    stored, lazy = stored_and_lazy(track, 240, 40)
    prices = dual_prices(stored)
    monkeypatch.setattr(screening, "_FIRST", first)
    for reach in (0.0, 0.1, 0.5):
        expected, cost = near(stored, prices, reach)
        found, same = near(lazy, prices, reach)
        np.testing.assert_array_equal(found.users, expected.users)
        np.testing.assert_array_equal(found.servers, expected.servers)
        np.testing.assert_allclose(same, cost, rtol=1e-9)
    assert lower_bound(lazy, prices) == pytest.approx(lower_bound(stored, prices), rel=1e-12)


def test_quick_bounds_let_few_pairs_through_that_do_not_matter():
    network = sized("repaired", 2000, 20).draw(0)
    prices = dual_prices(network)
    looked, kept = candidates(network, prices, 0.03), near(network, prices, 0.03)[0]
    assert len(kept.users) <= len(looked.users) <= 1.1 * len(kept.users)


def test_prices_of_nothing_make_every_server_worth_a_look(monkeypatch):
    stored, lazy = stored_and_lazy("repaired", 60, 20)
    monkeypatch.setattr(screening, "_FIRST", 2)
    free = Prices(np.zeros(20), np.zeros(20))
    assert lower_bound(lazy, free) == pytest.approx(lower_bound(stored, free), rel=1e-12)


def test_the_most_promising_pairs_are_kept_where_there_are_too_many():
    network, _ = stored_and_lazy("repaired", 200, 30)
    prices = dual_prices(network)
    every = candidates(network, prices, 1.0)
    few = candidates(network, prices, 1.0, most=5)
    assert np.bincount(every.users).max() > 5
    # Equal lower bounds are kept together.
    assert 1 <= np.bincount(few.users).min() <= np.bincount(few.users).max() <= 6
    best, _ = near(network, prices, 0.0)
    kept = set(zip(few.users, few.servers, strict=True))
    assert sum(pair not in kept for pair in zip(best.users, best.servers, strict=True)) < 5


@pytest.mark.parametrize("track", TRACKS)
def test_tables_interpolate_costs_and_their_slopes(track):
    network = sized(track, 60, 10).draw(1)
    pairs = PairCosts.every(network)
    at = dual_prices(network)
    # Some clocks are free, and a box around nothing has no width.
    level = 0.1 * np.abs(at.frequency).mean()
    at = Prices(at.bandwidth, np.where(at.frequency == 0, level, at.frequency))
    box = 1.2
    ends = [[price / box, price * box] for price in (at.bandwidth, at.frequency)]
    low, high = (
        Prices(*(np.minimum(*end) if side == 0 else np.maximum(*end) for end in ends))
        for side in (0, 1)
    )
    tables = CostTables.of(network, Pairs(pairs.users, pairs.servers), low, high, 5)
    rng = np.random.default_rng(0)
    for _ in range(5):
        share = rng.uniform(size=(2, network.servers))
        inside = Prices(
            low.bandwidth + share[0] * (high.bandwidth - low.bandwidth),
            low.frequency + share[1] * (high.frequency - low.frequency),
        )
        exact, found = pairs.at(inside), tables.at(inside)
        # Where α changes within a cell the slope jumps, and the cubic cannot follow.
        np.testing.assert_allclose(found[0], exact[0], rtol=1e-3)
        assert np.median(np.abs(found[0] / exact[0] - 1)) < 1e-6
        assert np.median(np.abs(found[1] / exact[1] - 1)) < 1e-4
        assert np.median(np.abs(found[2] / exact[2] - 1)) < 1e-2


@pytest.mark.parametrize(("users", "servers", "seed"), [(500, 10, 3), (2000, 40, 0)])
def test_prices_far_from_the_start_are_reached_under_equalities(users, servers, seed):
    # Forced clocks have prices of both signs, which lie outside the first boxes.
    result = priced(sized("literal", users, servers).draw(seed))
    assert 0 <= result.gap < 1e-5


@given(networks())
def test_odd_networks_are_no_trouble_to_rounds_and_tables(network):
    assume(network.formulation.capacity == "at_most" or network.users >= network.servers)
    with pytest.MonkeyPatch.context() as patch:
        # Even the smallest network goes the way of the large ones.
        patch.setattr(prices, "_SMALL", 0)
        result = priced(network)
    assert np.isfinite(result.dual_bound)
    objective = result.allocation.objective
    assert result.lower_bound <= objective * (1 + 1e-9) + 1e-12


def test_moves_made_together_leave_no_server_empty_under_equalities():
    network = sized("literal", 40, 8).draw(2)
    crowded = np.r_[np.arange(8), np.zeros(32, dtype=int)]
    start = allocate(network, crowded)
    end = descend(network, start)
    assert np.bincount(end.decision.association, minlength=8).min() >= 1
    assert end.objective < start.objective


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(1, 40))
def test_parts_hold_all_pairs_and_cut_no_user(counts, size):
    users = np.repeat(np.arange(len(counts)), counts)
    pairs = Pairs(users, np.arange(len(users)))
    parts = pairs.parts(size)
    np.testing.assert_array_equal(np.concatenate([part.servers for part in parts]), pairs.servers)
    assert sum(len(part.start) for part in parts) == len(counts)
    # The last user of a part may be one too many.
    assert all(len(part.users) < size + 2 * max(counts) for part in parts)
    np.testing.assert_array_equal(pairs.least(pairs.servers)[pairs.row], pairs.start[users])


def test_prices_do_not_depend_on_how_pairs_are_cut(monkeypatch):
    network = sized("repaired", 1000, 10).draw(0)
    whole = lower_bound(network, dual_prices(network))
    monkeypatch.setattr(prices, "_PART", 700)
    assert lower_bound(network, dual_prices(network)) == pytest.approx(whole, rel=1e-6)


def test_cubics_give_back_a_cubic():
    nodes = np.array([0.0, 0.5, 2.0, 3.0])
    cubic = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0])
    for cell, step in enumerate(np.diff(nodes)):
        ends = nodes[cell : cell + 2]
        power = hermite(cubic(ends), cubic.deriv()(ends) * step)[:, 0]
        share = np.linspace(0, 1, 7)
        found = np.polynomial.polynomial.polyval(share, power)
        np.testing.assert_allclose(found, cubic(ends[0] + share * step), rtol=1e-12)


def test_a_large_network_is_solved_without_its_pairs():
    network = sized("repaired", 8000, 80).draw(0)
    assert isinstance(network.gain, DistanceGain)
    result = priced(network)
    assert 0 <= result.gap < 1e-4
