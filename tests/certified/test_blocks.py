"""Networks solved in blocks: the same bound, decision and digits whoever computes them."""

from dataclasses import replace

import numpy as np
import pytest

from mecllm.allocation import allocate
from mecllm.certified import blocks
from mecllm.certified.dual import lower_bound
from mecllm.certified.pricing import priced
from mecllm.errors import ScenarioError
from mecllm.system.constraints import feasibility
from mecllm.system.model import evaluate
from mecllm.system.scenario import TRACKS
from tests.examples import by_distance

BLOCK = 270


def backwards(work, jobs, arguments):
    """Compute blocks from the last to the first, each from copies."""
    for job in reversed(jobs):
        yield job, work(*arguments(job))


@pytest.fixture(scope="module", params=TRACKS)
def network(request):
    return by_distance(request.param, 800, 16)


@pytest.fixture(scope="module")
def in_blocks(network):
    return blocks.priced_in_blocks(network, BLOCK)


def test_the_decision_is_feasible_and_costs_what_is_said(network, in_blocks):
    decision = in_blocks.allocation.decision
    assert not feasibility(network, decision)
    assert evaluate(network, decision).objective == pytest.approx(
        in_blocks.allocation.objective, rel=1e-12
    )
    whole = allocate(network, decision.association)
    assert in_blocks.allocation.objective == pytest.approx(whole.objective, rel=1e-12)
    assert in_blocks.allocation.lower_bound == pytest.approx(whole.lower_bound, rel=1e-12)


def test_the_bound_is_the_one_of_the_whole_network_at_these_prices(network, in_blocks):
    whole = lower_bound(network, in_blocks.prices)
    assert in_blocks.lower_bound == pytest.approx(whole, rel=1e-12)
    assert whole != pytest.approx(in_blocks.allocation.objective, rel=1e-9)


def test_it_is_the_answer_of_one_piece_but_for_the_borders(network, in_blocks):
    one = priced(network)
    assert in_blocks.lower_bound <= one.allocation.objective
    assert in_blocks.allocation.objective >= one.lower_bound
    # Borders of 200 servers reach over all of this network.
    assert in_blocks.allocation.objective == pytest.approx(one.allocation.objective, rel=1e-4)
    assert in_blocks.gap < 2 * one.gap + 1e-5


def test_without_borders_the_certificate_tells(network, in_blocks, monkeypatch):
    monkeypatch.setattr(blocks, "_BORDER", 1)
    assert blocks.priced_in_blocks(network, BLOCK).gap > 2 * in_blocks.gap


def test_the_order_of_the_blocks_does_not_matter(network, in_blocks):
    again = blocks.priced_in_blocks(network, BLOCK, backwards)
    for key in ("bandwidth", "frequency"):
        assert getattr(again.prices, key).tobytes() == getattr(in_blocks.prices, key).tobytes()
    for key, value in vars(in_blocks.allocation.decision).items():
        assert getattr(again.allocation.decision, key).tobytes() == value.tobytes()
    assert again.lower_bound == in_blocks.lower_bound
    assert again.allocation.objective == in_blocks.allocation.objective


@pytest.mark.parametrize("most", [1, 50, 400, 5000])
def test_every_server_is_of_one_block_and_blocks_are_small(most):
    rng = np.random.default_rng(0)
    place, weight = rng.uniform(size=(40, 2)), rng.integers(0, 60, 40)
    tiles = blocks._tiles(place, weight, most)
    assert sorted(np.concatenate(tiles)) == list(range(40))
    assert all(weight[tile].sum() <= most or len(tile) == 1 for tile in tiles)
    assert len(tiles) == 1 or most < weight.sum()
    # Neighbours: no two blocks' boxes cover each other's centre.
    for one in tiles:
        centre = place[one].mean(axis=0)
        for other in tiles:
            low, high = place[other].min(axis=0), place[other].max(axis=0)
            assert one is other or not np.all((low < centre) & (centre < high))


def test_servers_at_one_place_are_cut_as_well():
    tiles = blocks._tiles(np.zeros((5, 2)), np.full(5, 10), 25)
    assert sorted(map(len, tiles)) == [1, 2, 2]


def test_a_matrix_of_gains_has_no_neighbours(network):
    matrix = network.gain[np.arange(network.users)]
    with pytest.raises(ScenarioError, match=r"gain = 'a matrix' .* planar distances"):
        blocks.priced_in_blocks(replace(network, gain=matrix))


@pytest.mark.parametrize("track", TRACKS)
def test_users_in_one_corner_leave_blocks_without_any(track):
    network = by_distance(track, 60, 6)
    corner = np.random.default_rng(1).uniform(-1, 1, (60, 2))
    crowded = replace(network.gain, users=corner)
    network = replace(network, gain=crowded, user_position=corner)
    found = blocks.priced_in_blocks(network, 20)
    assert not feasibility(network, found.allocation.decision)
    assert found.lower_bound <= found.allocation.objective
