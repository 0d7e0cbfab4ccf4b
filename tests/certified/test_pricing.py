"""The certified method: near-optimal on networks small enough to enumerate, honest on others."""

import numpy as np
import pytest

from mecllm.certified.certificate import verify
from mecllm.certified.pricing import priced
from mecllm.study.bench import sized
from mecllm.system.scenario import Scenario
from tests.certified.knockouts import PARTS, main
from tests.certified.test_certificate import enumerated
from tests.examples import LITERAL, REPAIRED, small


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_of_tiny_networks(formulation, seed):
    network, _ = small(seed, 5, 2, formulation)
    result = priced(network)
    best = enumerated(network)
    # By default the search ends at a gap of 1e-6; asked for less, where no more is known of α.
    bound = priced(network, gap=0.0).lower_bound
    assert enumerated(network, "lower_bound") * (1 - 1e-9) <= bound <= best
    assert bound * (1 - 1e-6) <= result.lower_bound <= best
    assert best * (1 - 1e-9) <= result.allocation.objective <= best * (1 + 1e-9)


@pytest.mark.parametrize("track", ["literal", "repaired"])
@pytest.mark.parametrize(("users", "servers"), [(5, 2), (10, 3), (20, 5)])
def test_small_networks_end_proved_optimal(track, users, servers):
    for seed in range(3):
        assert 0 <= priced(sized(track, users, servers).draw(seed)).gap <= 1e-6


def test_a_gap_that_is_small_enough_ends_the_search():
    network = sized("repaired", 20, 5).draw(0)
    quick, proved = priced(network, gap=0.01), priced(network)
    assert quick.lower_bound == quick.dual_bound < proved.lower_bound
    assert 1e-6 < quick.gap <= 0.01


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_certified_gap_at_the_default_size(name):
    network = Scenario.load(name).draw(0)
    result = priced(network)
    certificate = verify(
        network, result.allocation.decision, result.allocation.objective, result.prices
    )
    assert certificate.accepted
    assert certificate.dual_bound == result.dual_bound
    assert 0 <= result.gap < 1e-3
    assert result.lower_bound >= result.dual_bound


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_certified_gap_of_a_larger_network(name):
    network = Scenario.load(name).replace(users=600, servers=6).draw(0)
    result = priced(network)
    assert 0 <= result.gap < 1e-4


def test_same_network_same_result():
    network = Scenario.load("repaired").replace(users=20, servers=4).draw(0)
    one, two = priced(network), priced(network)
    assert one.lower_bound == two.lower_bound
    assert np.array_equal(one.allocation.decision.bandwidth, two.allocation.decision.bandwidth)
    assert list(one.history) == sorted(one.history, reverse=True)


def test_every_part_can_be_knocked_out_and_its_price_is_told(capsys):
    main(users=6, servers=2, seeds=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(PARTS)
    without_sets = [line for line in lines if " sets  " in line]
    # The proof of optimality is lost with them.
    assert all(float(line.split("bound -")[1]) > 1e-6 for line in without_sets)


def test_where_the_prices_close_the_gap_nothing_else_is_tried(monkeypatch):
    whole = priced(sized("literal", 5, 2).draw(1))
    monkeypatch.setattr("mecllm.certified.pricing.descend", None)
    alone = priced(sized("literal", 5, 2).draw(1))
    assert alone.gap <= 1e-6
    assert alone.allocation.objective == whole.allocation.objective
    with pytest.raises(TypeError, match="not callable"):
        priced(sized("literal", 5, 2).draw(0))
