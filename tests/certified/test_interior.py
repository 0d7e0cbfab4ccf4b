"""Prices by an interior point: as good as a descent finds, and told where they are not."""

from dataclasses import replace

import numpy as np
import pytest

from mecllm.certified import prices as search
from mecllm.certified.dual import lower_bound
from mecllm.certified.interior import interior_prices
from mecllm.certified.pairs import PairCosts, Prices
from mecllm.system.formulation import Weights
from mecllm.system.scenario import TRACKS, Scenario


def problem(network):
    """What `dual_solution` gives to the interior point."""
    start = search._uniform(network)
    return PairCosts.every(network), start, search._signs(network, start)


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(
    ("users", "servers"), [(1, 1), (2, 1), (5, 2), (20, 5), (60, 10), (300, 4)]
)
def test_prices_are_as_good_as_a_long_descent_finds(track, users, servers):
    for seed in range(3):
        network = Scenario.load(track).replace(users=users, servers=servers).draw(seed)
        every, start, limits = problem(network)
        found, favourite = interior_prices(network, every, start, limits[0])
        slow = search._maximize(network, [every], start, limits, (0.03, 0.003, 3e-4, 3e-5))
        bound = lower_bound(network, slow)
        assert favourite is not None
        assert lower_bound(network, found) >= bound - 1e-5 * abs(bound)


@pytest.mark.parametrize("track", TRACKS)
def test_no_price_by_itself_raises_the_dual(track):
    network = Scenario.load(track).replace(users=20, servers=5).draw(0)
    found = search.dual_prices(network)
    best = lower_bound(network, found)
    raised = []
    for row, name in enumerate(("bandwidth", "frequency")):
        price = getattr(found, name)
        unit = np.maximum(np.abs(price), np.abs(price).mean())
        for server in range(5):
            for factor in (-0.1, 0.1):
                change = np.where(np.arange(5) == server, factor * unit, 0.0)
                other = price + change
                if network.formulation.capacity == "at_most" or row == 0:
                    other = np.maximum(other, 0.0)
                raised.append(lower_bound(network, replace(found, **{name: other})) - best)
    assert max(raised) < 1e-5 * abs(best)
    # The same change of all is felt, so that a dual flat in every direction would not pass.
    assert min(raised) < -1e-4 * abs(best)


@pytest.mark.parametrize("track", TRACKS)
def test_bends_are_how_the_amounts_answer_to_their_prices(track):
    network = Scenario.load(track).replace(users=30, servers=4).draw(1)
    every = PairCosts.every(network)
    start = search._uniform(network)
    prices = replace(start, frequency=np.full(4, 0.1 / network.server_frequency_max.mean()))
    _, amounts, bends = every.curved(prices)
    step = 1e-5
    for row, name in enumerate(("bandwidth", "frequency")):
        price = getattr(prices, name)
        low, high = (
            every.curved(replace(prices, **{name: price * (1 + sign * step)}))[1][row]
            for sign in (-1, 1)
        )
        slope = (low - high) / (2 * step * price[every.servers])
        # Where the clock is at the server's limit, or another α becomes best, there is no slope.
        smooth = np.ones(len(slope), dtype=bool)
        if row == 1:
            smooth = (amounts[1] < 0.99 * every.work.cap) & (np.abs(low / high - 1) < 1e-3)
        assert smooth.sum() > 60
        np.testing.assert_allclose(bends[row][smooth], slope[smooth], rtol=1e-4)
    assert np.all(bends >= 0)


def test_a_network_of_one_user_a_server_is_told_to_be_unsettled_and_solved_by_the_descent():
    unsettled = 0
    for seed in range(6):
        network = Scenario.load("literal").replace(users=30, servers=30).draw(seed)
        every, start, limits = problem(network)
        _, favourite = interior_prices(network, every, start, limits[0])
        prices = search.dual_prices(network)
        unsettled += favourite is None
        slow = search._maximize(network, [every], start, limits, search._TEMPERATURES)
        bound = lower_bound(network, slow)
        assert lower_bound(network, prices) >= bound - 1e-4 * abs(bound)
    assert unsettled


def test_a_step_never_solves_thousands_of_equations(monkeypatch):
    network = Scenario.load("repaired").replace(users=3, servers=400).draw(0)
    monkeypatch.setattr(search, "interior_prices", None)
    prices, favourite = search.dual_solution(network)
    assert favourite is None
    assert np.isfinite(lower_bound(network, prices))
    monkeypatch.setattr(search, "_SERVERS", 400)
    with pytest.raises(TypeError, match="not callable"):
        search.dual_solution(network)


def test_users_that_cost_nothing_leave_any_prices():
    scenario = Scenario.load("repaired").replace(users=6, servers=2)
    network = replace(scenario.draw(0), weights=Weights(energy=0.0, delay=0.0, stability=0.0))
    every, start, limits = problem(network)
    found, _ = interior_prices(network, every, start, limits[0])
    assert isinstance(found, Prices)
    assert np.all(np.isfinite(found.both))
