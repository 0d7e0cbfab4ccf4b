"""The peers on small networks: feasible, and at the optimum where they can be expected to be."""

import numpy as np
import pytest

from mecllm.allocation import allocate
from mecllm.certified.pricing import priced
from mecllm.peers.headcount import _assigned, _costs, _sizes
from mecllm.peers.model import Coefficients, decided, shares
from mecllm.study.bench import sized
from mecllm.study.peers import _ENTRANTS, _OURS, AS_GOOD
from mecllm.system.association import greedy
from mecllm.system.constraints import feasibility
from mecllm.system.model import evaluate, server_load
from mecllm.system.scenario import TRACKS

# casadi and pymoo are of the extra `peers`, which the lock leaves out: a quarter of a gigabyte.
NEEDS = {"genetic": "pymoo", "swarm": "pymoo", "scip": "pyscipopt"}
PEERS = [name for name in _ENTRANTS if name not in _OURS]
# At a size at which every peer still finds the optimum of both networks.
EXACT = ("bonmin", "bonmin-perspective", "highs-ipopt", "genetic")


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_answers_within_the_constraints_and_not_above_its_start(name, track):
    pytest.importorskip(NEEDS.get(name, "casadi"), reason="the extra `peers` is not installed")
    network = sized(track, 5, 2).draw(1)
    start = allocate(network, greedy(network))
    decision, _ = _ENTRANTS[name].solve(network, start.decision, 5.0, 0)
    objective = evaluate(network, decision).objective
    assert not feasibility(network, decision)
    assert objective <= start.objective * (1 + AS_GOOD)
    best = priced(network).allocation.objective
    assert objective >= best * (1 - AS_GOOD)
    if name in EXACT:
        assert objective <= best * (1 + AS_GOOD)
    if track == "repaired":
        # The network leaves something to find.
        assert best < 0.95 * start.objective


@pytest.mark.parametrize("track", TRACKS)
def test_shares_of_a_decision_lead_back_to_it(track):
    network = sized(track, 8, 3).draw(0)
    start = allocate(network, greedy(network)).decision
    back = decided(network, start.association, start.local_layers, *shares(network, start))
    np.testing.assert_allclose(back.bandwidth, start.bandwidth, rtol=1e-12)
    np.testing.assert_allclose(back.server_frequency, start.server_frequency, rtol=1e-12)
    np.testing.assert_allclose(back.power, start.power, rtol=1e-12)
    # What a solver overdraws by its last digits is taken back.
    power, band, clock = shares(network, start)
    over = decided(network, start.association, start.local_layers, power, 1.001 * band, clock)
    assert not feasibility(network, over)


@pytest.mark.parametrize("track", TRACKS)
def test_costs_of_equal_shares_are_those_of_the_model(track):
    network = sized(track, 8, 3).draw(0)
    c, size = Coefficients.of(network), _sizes(network)
    costs = _costs(network, c, size)
    best = allocate(network, greedy(network)).decision
    load = server_load(network, best.association)[best.association]
    # The sum over users at equal shares: more than the best resources by little, never less.
    place = np.searchsorted(size, load)
    total = costs[np.arange(network.users), best.association, place].sum()
    objective = evaluate(network, best).objective
    assert objective * (1 - 1e-3) < total < 1.2 * objective


@pytest.mark.parametrize("track", TRACKS)
def test_the_programme_of_headcounts_chooses_an_association_that_fits(track):
    network = sized(track, 8, 3).draw(0)
    c, size = Coefficients.of(network), _sizes(network)
    costs = _costs(network, c, size)
    chi = _assigned(network, costs, size, 10.0)
    load = server_load(network, chi)
    value = costs[np.arange(8), chi, load[chi].astype(int) - 1].sum()
    own = greedy(network)
    other = costs[np.arange(8), own, server_load(network, own)[own].astype(int) - 1].sum()
    assert value <= other * (1 + 1e-4)
    if track == "literal":
        assert load.min() >= 1
