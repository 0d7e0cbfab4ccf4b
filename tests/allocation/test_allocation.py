"""Exact resources: against CVXPY, enumeration and a dynamic programme, and odd networks."""

from dataclasses import replace
from itertools import product

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import minimize_scalar

from mecllm.allocation import Uplink, Work, allocate
from mecllm.errors import ScenarioError
from mecllm.pictures.typical import Setting, typical_network
from mecllm.system.constraints import feasibility
from mecllm.system.formulation import Weights
from mecllm.system.model import evaluate, reference_decision
from mecllm.system.network import PER_USER
from mecllm.system.scenario import Scenario
from tests.examples import LITERAL, MIXED, REPAIRED, networks, small

TRACKS = {"literal": LITERAL, "repaired": REPAIRED}


def clarabel(network, decision):
    """Least cost over b at the given p and over f^E at the given α, by CVXPY, per server."""
    equal = network.formulation.capacity == "equal"
    weights = network.weights
    time = weights.delay if network.formulation.transmission_delay else 0.0
    total = 0.0
    for m in range(network.servers):
        users = np.flatnonzero(decision.association == m)
        power, gain = decision.power[users], network.gain[users, m]
        b, f = cp.Variable(len(users)), cp.Variable(len(users))
        wide, fast = network.bandwidth_max[m], network.server_frequency_max[m]
        rate = -cp.rel_entr(b, b + gain * power / (network.noise_density * wide))
        price = (time + weights.energy * power) * network.payload[users] * np.log(2) / wide
        cycles = (network.layers - decision.local_layers[users]) * network.flops_per_layer[users]
        cycles = cycles / network.server_throughput[m]
        delay = cp.multiply(weights.delay * cycles / fast, cp.inv_pos(f))
        energy = cp.multiply(
            weights.energy * network.server_kappa[m] * fast**2 * cycles, cp.square(f)
        )
        upload = cp.multiply(price, cp.inv_pos(rate))
        limits = [cp.sum(b) == 1, cp.sum(f) == 1 if equal else cp.sum(f) <= 1]
        # In units of the answer, which keeps Clarabel's tolerances meaningful.
        unit = edge_cost(network, decision)
        problem = cp.Problem(cp.Minimize(cp.sum(upload + delay + energy) / unit), limits)
        total += unit * problem.solve(solver="CLARABEL")
    return total


def edge_cost(network, decision):
    """What `clarabel` minimises, at a decision."""
    cost, weights = evaluate(network, decision), network.weights
    delay = cost.edge_delay.sum()
    if network.formulation.transmission_delay:
        delay += cost.transmission_delay.sum()
    energy = cost.edge_energy.sum() + cost.transmission_energy.sum()
    return weights.energy * energy + weights.delay * delay


@pytest.mark.parametrize("formulation", MIXED)
@pytest.mark.parametrize("seed", range(10))
def test_resources_are_those_of_a_convex_solver(formulation, seed):
    network, association = small(seed, 4, 2, formulation)
    layers = np.random.default_rng(seed).integers(1, network.layers, 4)
    decision = allocate(network, association, layers).decision
    # Clarabel's own tolerance; ours is not above it by more.
    assert edge_cost(network, decision) == pytest.approx(clarabel(network, decision), rel=2e-7)
    assert not feasibility(network, decision)


@pytest.mark.parametrize("formulation", MIXED)
@pytest.mark.parametrize("seed", range(15))
def test_layers_and_clocks_against_enumeration(formulation, seed):
    network, association = small(seed, 3, 1, formulation, layers=5)
    result = allocate(network, association)
    choices = [
        allocate(network, association, np.array(layers)).objective
        for layers in product(range(1, 5), repeat=3)
    ]
    assert result.lower_bound <= min(choices) * (1 + 1e-12)
    assert min(choices) * (1 - 1e-12) <= result.objective <= min(choices) * (1 + 1e-3)


def dynamic_programme(network, cells):
    """Joint (α, f^E) of one server on a grid of `cells` parts of its clock; an upper bound."""
    users = np.arange(network.users)
    work = Work.of(network, users, np.zeros_like(users))
    clock = network.server_frequency_max[0] * np.arange(1, cells + 1) / cells
    least = np.where(np.arange(cells + 1) == 0, 0.0, np.inf)
    for n in users:
        one = work.take(np.full(cells, n))
        options = range(1, network.layers)
        cost = np.min([one.cost(np.full(cells, a), clock) for a in options], axis=0)
        after = np.full(cells + 1, np.inf)
        for used in range(1, cells + 1):
            after[used] = np.min(least[used - 1 :: -1][: len(cost)] + cost[:used])
        least = after
        least[0] = np.inf
    return least[cells] if network.formulation.capacity == "equal" else least.min()


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
@pytest.mark.parametrize("seed", range(4))
def test_layers_and_clocks_against_a_dynamic_programme(formulation, seed):
    network, association = small(seed, 6, 1, formulation, layers=12)
    result = allocate(network, association)
    work = Work.of(network, np.arange(6), association)
    cost = work.cost(result.decision.local_layers, result.decision.server_frequency).sum()
    grid = dynamic_programme(network, 400)
    assert cost <= grid * (1 + 1e-9)
    assert cost == pytest.approx(grid, rel=2e-3)


@pytest.mark.parametrize("snr", [1e-12, 1e-6, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("formulation", TRACKS.values(), ids=TRACKS)
def test_extreme_signal_to_noise_ratios(formulation, snr):
    network, association = small(1, 5, 2, formulation)
    unit = network.gain * network.power_max[:, None] / network.noise_density / 1e6
    network = replace(network, gain=snr * network.gain / unit.mean())
    decision = allocate(network, association).decision
    uplink = Uplink.of(network, np.arange(5), association)
    worth = uplink.worth(decision.bandwidth, decision.power)
    for m in range(2):
        own = worth[association == m]
        assert own == pytest.approx(own[0], rel=1e-9)
    for n in range(5):
        # Golden-section search in ln p finds nothing better; flat where p is at a bound.
        one = Uplink.of(network, np.array([n]), association[[n]])
        found = minimize_scalar(
            lambda y, one=one, n=n: float(one.cost(decision.bandwidth[[n]], np.exp(y))[0]),
            bounds=np.log([network.power_min[n], network.power_max[n]]),
            method="bounded",
        ).fun
        at = float(one.cost(decision.bandwidth[[n]], decision.power[[n]])[0])
        assert at <= found * (1 + 1e-9)


def test_thousands_on_a_server_and_one_alone():
    network = Scenario.load("repaired").replace(users=3000, servers=2).draw(0)
    association = np.zeros(3000, dtype=int)
    association[7] = 1
    result = allocate(network, association)
    assert not feasibility(network, result.decision)
    assert result.decision.bandwidth[7] == network.bandwidth_max[1]
    assert result.gap < 1e-6


def test_never_worse_than_the_reference_point():
    for name in ("literal", "repaired"):
        network = Scenario.load(name).draw(3)
        association = np.arange(50) % 10
        reference = evaluate(network, reference_decision(network, association)).objective
        assert allocate(network, association).objective < reference


@pytest.mark.parametrize("silent", ["energy", "delay", "stability"])
@pytest.mark.parametrize("formulation", MIXED)
def test_a_weight_of_zero(formulation, silent):
    network, association = small(2, 4, 2, formulation)
    network = replace(network, weights=replace(network.weights, **{silent: 0.0}))
    result = allocate(network, association)
    assert not feasibility(network, result.decision)
    assert np.isfinite(result.objective)
    assert result.lower_bound <= result.objective


def test_no_weight_at_all_shares_equally():
    network, association = small(2, 4, 1, REPAIRED)
    result = allocate(replace(network, weights=Weights(0, 0, 0)), association)
    assert result.objective == 0
    assert np.ptp(result.decision.bandwidth) == 0


@given(st.data())
def test_odd_networks_have_feasible_bounded_solutions(data):
    network = data.draw(networks())
    association = np.array(
        [data.draw(st.integers(0, network.servers - 1)) for _ in range(network.users)]
    )
    result = allocate(network, association)
    assert not feasibility(network, result.decision)
    assert result.lower_bound <= result.objective
    assert result.objective == evaluate(network, result.decision).objective


def test_like_users_under_equalities_are_not_split_without_need():
    # Prices part users that are alike, where all of them at one α between may be better.
    network = typical_network(Setting("literal", 0.5, 7.0, 3.0, 5000.0, 96.0, 11.0))
    crowd = {name: np.repeat(getattr(network, name), 11, axis=0) for name in (*PER_USER, "gain")}
    network = replace(
        network,
        **crowd,
        user_position=np.zeros((11, 2)),
        bandwidth_max=network.bandwidth_max * 11,
        server_frequency_max=network.server_frequency_max * 11,
    )
    association = np.zeros(11, dtype=int)
    found = allocate(network, association)
    alike = min(
        allocate(network, association, np.full(11, layers)).objective
        for layers in range(1, network.layers)
    )
    assert found.objective <= alike * (1 + 1e-12)


def test_all_layers_at_home_or_at_the_edge():
    network, association = small(4, 6, 2, REPAIRED)
    home = allocate(network, association, np.full(6, network.layers))
    assert evaluate(network, home.decision).transmission_delay.sum() == 0
    mixed = np.array([0, network.layers, 0, 2, network.layers, 3])
    partly = allocate(network, association, mixed).decision
    for m in range(2):
        here = association == m
        assert partly.bandwidth[here].sum() <= network.bandwidth_max[m] * (1 + 1e-12)
        assert np.all(partly.bandwidth[here & (mixed == network.layers)] < 1e-6 * 2e6)


def test_an_empty_server_under_equalities_is_named():
    network, _ = small(0, 3, 2, LITERAL)
    with pytest.raises(ScenarioError, match="server 1"):
        allocate(network, np.zeros(3, dtype=int))


@pytest.mark.parametrize(
    "association", [np.zeros(2, dtype=int), np.array([0, 1, 2]), np.array([0.0, 1.0, 1.0])]
)
def test_bad_associations_are_refused(association):
    network, _ = small(0, 3, 2, REPAIRED)
    with pytest.raises(ScenarioError, match="association"):
        allocate(network, association)


def test_bad_layers_are_refused():
    network, association = small(0, 3, 2, REPAIRED)
    for layers in (np.full(3, 7.0), np.full(2, 1.0), np.array([1.0, np.nan, 2.0])):
        with pytest.raises(ScenarioError, match="local_layers"):
            allocate(network, association, layers)


def test_prices_are_the_marginal_costs():
    network, association = small(6, 6, 2, REPAIRED)
    decision = allocate(network, association).decision
    fixed = allocate(network, association, decision.local_layers)
    more = replace(network, bandwidth_max=network.bandwidth_max + np.array([1.0, 0.0]))
    saved = fixed.objective - allocate(more, association, decision.local_layers).objective
    assert saved == pytest.approx(fixed.bandwidth_price[0], rel=1e-4)
