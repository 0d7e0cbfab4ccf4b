"""Chapter 6: the KKT systems of P3 and P4, and where the equivalence breaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from mecllm.paper.fractional import fractional_programming
from mecllm.paper.p4_cvxpy import SurrogateProblem
from mecllm.paper.p4_newton import SeparableProblem
from mecllm.paper.surrogate_k import Multipliers, auxiliary, gradient, surrogate_gradient
from mecllm.system.model import Decision, evaluate, reference_decision
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario
from mecllm.theory import kkt
from mecllm.theory.compare import agree
from mecllm.theory.fractional import snr
from mecllm.theory.symbols import LITERAL, NOISE, REPAIRED, Pair, Track, User

ASSOCIATION = np.arange(6) % 2
X = sp.Symbol("x", positive=True)


def mended_network(delay: bool) -> Network:
    """Six users, two servers, phones so thrifty that several α are interior."""
    scenario = Scenario.load("repaired").replace(
        users=6,
        servers=2,
        user_kappa_W_per_Hz3=1e-28,
        capacity="equal",
        stability_bound="paper",
        transmission_delay=delay,
    )
    if delay:
        # Weights at which the best power of most users is inside its bounds.
        return scenario.replace(weight_energy=5.0, weight_stability=5.0).draw(1)
    return scenario.replace(power_min_W=0.05).draw(8)


def twins() -> Network:
    """Two identical users at one server, at fixed power: every constant is given here."""
    scenario = Scenario.load("repaired").replace(
        users=2,
        servers=1,
        tokens=768,
        samples=1000,
        user_cores=5,
        user_flops_per_cycle=256,
        user_frequency_max_GHz=1.338,
        user_kappa_W_per_Hz3=1e-28,
        server_cores=2560,
        server_flops_per_cycle=2,
        server_frequency_max_GHz=1.59,
        server_kappa_W_per_Hz3=1e-26,
        power_min_W=1.0,
        power_max_W=1.0,
        weight_stability=0.1,
        capacity="equal",
        stability_bound="paper",
        transmission_delay=False,
    )
    return scenario.draw(0)


@pytest.mark.parametrize("track", [LITERAL, REPAIRED])
def test_lagrangians_have_equal_gradients(track: Track) -> None:
    """(32a)-(32e) inside (38)-(41): all 14 variables of the small network."""
    true = kkt.stationarity(surrogate=False, track=track)
    model = kkt.stationarity(surrogate=True, track=track)
    assert len(true) == 14
    assert [str(v) for v in true if not agree(true[v], model[v])] == []


def test_printed_lagrangian() -> None:
    """(33) is K + Q once the doubled term of γ4 counts once; as it stands it is not."""
    printed, derived = kkt.printed_lagrangian(), kkt.lagrangian(surrogate=True)
    doubled = {g: g / 2 for g in printed.free_symbols if g.name.startswith("gamma_4")}
    assert len(doubled) == 2
    assert agree(printed.subs(doubled), derived)
    assert not agree(printed, derived)


def test_multiplier_terms_do_not_know_the_auxiliaries() -> None:
    """Q is the same function in (33) and (40), so the multipliers carry over as they are."""
    unknown = {Pair.of(1, 1).v, Pair.of(1, 1).q, User.of(1).z}
    assert not kkt._multiplier_terms().free_symbols & unknown
    difference = kkt.lagrangian(surrogate=True) - kkt.lagrangian(surrogate=False)
    assert not {c.multiplier for c in kkt.constraints()} & sp.expand(difference).free_symbols


def test_constraints_are_affine_in_the_variables() -> None:
    """No constraint qualification is needed: KKT is necessary in P3 and P4."""
    for constraint in kkt.constraints():
        variables = list(kkt._all_variables())
        assert sp.hessian(constraint.residual, variables).is_zero_matrix


def test_energy_slope_is_positive_for_every_power() -> None:
    """F1: ∂(s p/r)/∂p is positive times (1+x) ln(1+x) - x, which starts at 0 and increases."""
    slope, factor = kkt.energy_slope()
    user, pair, ratio = User.of(1), Pair.of(1, 1), snr(1, 1)
    positive = user.bits * sp.log(2) / (pair.bandwidth * (1 + ratio) * sp.log(1 + ratio) ** 2)
    assert agree(slope, positive * factor)
    shape = (1 + X) * sp.log(1 + X) - X
    assert agree(factor, shape.subs(X, ratio))
    assert shape.subs(X, 0) == 0
    assert sp.diff(shape, X) == sp.log(X + 1)


def test_infimum_of_the_energy_does_not_contain_the_bandwidth() -> None:
    infimum = kkt.energy_infimum()
    assert agree(infimum, User.of(1).bits * NOISE * sp.log(2) / Pair.of(1, 1).gain)


def test_power_step_in_signal_to_noise_ratio() -> None:
    slope, claimed = kkt.derived_snr_step()
    assert agree(slope, claimed)


def test_series_of_the_power_step() -> None:
    x = sp.Symbol("x", positive=True)
    assert kkt.snr_series(3) == x - x**2 / 8 + sp.Rational(25, 384) * x**3


def test_snr_falls_as_eight_over_t() -> None:
    path = kkt.snr_path(10.0, 4000)
    t = np.arange(1, 4001)
    assert np.all(np.diff(path) < 0)
    assert abs(path[-1] * t[-1] - 8) < 0.2
    # 1/x grows by 1/8 a step up to a term of order x
    assert np.allclose(np.diff(1 / path[2000:]), 1 / 8, rtol=5e-3)


def limit_of(network: Network, iterations: int = 300) -> tuple[Decision, Multipliers]:
    """End of the FP iteration, and CVXPY's multipliers of P4 at the auxiliaries of that point."""
    program = fractional_programming(
        network, ASSOCIATION, None, 0.0, iterations, convex_problem=SeparableProblem
    )
    aux = auxiliary(network, program.decision)
    problem = SurrogateProblem(network, program.decision)
    return program.decision, problem.solve(aux.local, aux.upload, aux.edge)[1]


def kkt_residual(network: Network, point: Decision, dual: Multipliers) -> dict[str, float]:
    """Stationarity (42) of P3 in log-variables, relative to H, at P4's multipliers."""
    added = kkt.multiplier_slopes(point.association, dual)
    slopes = gradient(network, point)
    scale = evaluate(network, point).objective
    return {
        block: float(np.max(np.abs((slopes[block] + added[block]) * getattr(point, block)))) / scale
        for block in slopes
    }


@pytest.mark.parametrize("delay", [False, True])
def test_mended_limit_is_a_kkt_point(delay: bool) -> None:
    """With p >= p_min or with the transmit delay, P4's multipliers solve P3's KKT system."""
    network = mended_network(delay)
    point, dual = limit_of(network)
    assert max(kkt_residual(network, point, dual).values()) < 1e-6
    slack = {
        "layers_low": point.local_layers - 1,
        "layers_high": network.layers - 1 - point.local_layers,
        "power_low": point.power - network.power_min,
        "power_high": network.power_max - point.power,
        "user_frequency": network.user_frequency_max - point.user_frequency,
    }
    scale = evaluate(network, point).objective
    for name, distance in slack.items():
        multiplier = getattr(dual, name)
        assert np.min(multiplier) >= -1e-9, name
        assert np.max(np.abs(multiplier * distance)) < 1e-6 * scale, name
    assert np.any((point.local_layers > 1.01) & (point.local_layers < network.layers - 1.01))
    if delay:
        assert np.sum((point.power > network.power_min) & (point.power < network.power_max)) >= 3
    else:
        assert np.allclose(point.power, network.power_min)


def test_literal_problem_fails_in_the_power_alone() -> None:
    """Without a useful lower bound the slope in p stays positive and no multiplier cancels it."""
    network = replace(mended_network(delay=False), power_min=np.full(6, 1e-12))
    point, dual = limit_of(network)
    residual = kkt_residual(network, point, dual)
    assert [block for block, left in residual.items() if left > 1e-6] == ["power"]
    slope = gradient(network, point)["power"]
    # Both bounds are far away, and so complementary slackness leaves no multiplier.
    assert np.all((point.power > 1e3 * network.power_min) & (point.power < network.power_max / 10))
    assert np.all(np.maximum(dual.power_low, dual.power_high) < 0.05 * slope)
    # The slope per watt does not fade: it tends to ω_e s ln2/(2b).
    final = network.weights.energy * network.payload * np.log(2) / (2 * point.bandwidth)
    assert np.all((slope > 0.7 * final) & (slope < final))


def test_limit_of_the_energy_slope() -> None:
    slope, _ = kkt.energy_slope()
    limit = sp.limit(slope, User.of(1).power, 0, "+")
    assert agree(limit, User.of(1).bits * sp.log(2) / (2 * Pair.of(1, 1).bandwidth))


@pytest.mark.parametrize("problem", [SurrogateProblem, SeparableProblem])
def test_solvers_follow_the_scalar_map(problem: type) -> None:
    scenario = Scenario.load("literal").replace(
        users=1, servers=1, noise_dBm_per_Hz=-174, power_min_W=1e-12
    )
    network = scenario.draw(3)
    point, seen = reference_decision(network, np.zeros(1, dtype=int)), []
    gain = network.link_gain(point.association) / network.noise_density
    for _ in range(20):
        aux = auxiliary(network, point)
        point, _ = problem(network, point).solve(aux.local, aux.upload, aux.edge)
        seen.append((gain * point.power / point.bandwidth)[0])
    assert np.allclose(seen[1:], kkt.snr_path(seen[0], 19), rtol=1e-2)


def test_shared_bandwidth_does_not_stop_the_fall() -> None:
    scenario = Scenario.load("literal").replace(
        users=3, servers=1, noise_dBm_per_Hz=-174, power_min_W=1e-12
    )
    network, own = scenario.draw(3), np.zeros(3, dtype=int)
    program = fractional_programming(network, own, None, 0.0, 1000, SeparableProblem)
    point = program.decision
    ratio = network.link_gain(own) * point.power / (network.noise_density * point.bandwidth)
    assert program.iterations == 1000
    assert np.all(np.abs(1000 * ratio - 8) < 1)
    assert np.all(np.diff(program.objective_history) < 0)


@pytest.mark.parametrize("delay", [False, True])
def test_gradients_agree_at_any_point(delay: bool) -> None:
    network = mended_network(delay)
    decision = reference_decision(network, ASSOCIATION)
    true = gradient(network, decision)
    model = surrogate_gradient(network, decision, auxiliary(network, decision))
    for block, slope in true.items():
        assert np.allclose(model[block], slope, rtol=1e-10, atol=0.0)


def test_two_starts_end_at_two_kkt_points() -> None:
    """A stationary point is all that Proposition 1 gives: the values differ."""
    network, own = twins(), np.zeros(2, dtype=int)
    ends = []
    for layers in ([16.0, 16.0], [4.0, 28.0]):
        start = replace(reference_decision(network, own), local_layers=np.array(layers))
        program = fractional_programming(network, own, start, 0.0, 300, SeparableProblem)
        residual = kkt_residual(network, program.decision, program.multipliers)
        assert max(residual.values()) < 1e-6
        ends.append(program.objective_history[-1])
    assert ends[0] > ends[1] * (1 + 1e-2)
