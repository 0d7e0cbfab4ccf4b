"""Chapter 6: the KKT systems of P3 and P4, and where the equivalence breaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from mecllm.derivations import kkt
from mecllm.derivations.transform import LITERAL, NOISE, REPAIRED, Pair, Track, User, agree, snr
from mecllm.model import reference_decision
from mecllm.network import Network
from mecllm.scenario import Scenario
from mecllm.transform import (
    FractionalProgram,
    auxiliary,
    fractional_programming,
    gradient,
    surrogate_gradient,
)

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
    assert agree(kkt.lagrangian(surrogate=True), kkt.printed_lagrangian())


def test_multiplier_terms_do_not_know_the_auxiliaries() -> None:
    """Q is the same function in (33) and (40), so the multipliers carry over as they are."""
    unknown = {Pair.of(1, 1).v, Pair.of(1, 1).q, User.of(1).z}
    assert not kkt.multiplier_terms().free_symbols & unknown
    difference = kkt.lagrangian(surrogate=True) - kkt.lagrangian(surrogate=False)
    assert not {c.multiplier for c in kkt.constraints()} & sp.expand(difference).free_symbols


def test_constraints_are_affine_in_the_variables() -> None:
    """No constraint qualification is needed: KKT is necessary in P3 and P4."""
    for constraint in kkt.constraints():
        variables = list(kkt.all_variables())
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


def kkt_residual(network: Network, program: FractionalProgram) -> dict[str, float]:
    """Stationarity (42) of P3 in log-variables, relative to H, at P4's multipliers."""
    decision = program.decision
    dual = kkt.multiplier_slopes(decision.association, program.multipliers)
    slopes = gradient(network, decision)
    return {
        block: float(np.max(np.abs((slopes[block] + dual[block]) * getattr(decision, block))))
        / program.objective_history[-1]
        for block in slopes
    }


@pytest.mark.parametrize("delay", [False, True])
def test_mended_limit_is_a_kkt_point(delay: bool) -> None:
    """With p >= p_min or with the transmit delay, P4's multipliers solve P3's KKT system."""
    network = mended_network(delay)
    program = fractional_programming(network, ASSOCIATION, tolerance=0.0, max_iterations=150)
    # One more step, measured in units of the point itself, sharpens the solver's digits.
    program = fractional_programming(network, ASSOCIATION, program.decision, 0.0, 1)
    assert max(kkt_residual(network, program).values()) < 1e-6
    decision, dual = program.decision, program.multipliers
    scale = program.objective_history[-1]
    slack = {
        "layers_low": dual.layers_low * (decision.local_layers - 1),
        "layers_high": dual.layers_high * (network.layers - 1 - decision.local_layers),
        "power_low": dual.power_low * (decision.power - network.power_min),
        "power_high": dual.power_high * (network.power_max - decision.power),
        "clock": dual.user_frequency * (network.user_frequency_max - decision.user_frequency),
    }
    assert {name: gap for name, gap in slack.items() if np.max(np.abs(gap)) > 1e-6 * scale} == {}
    signed = (dual.layers_low, dual.layers_high, dual.power_low, dual.power_high)
    assert min(np.min(multiplier) for multiplier in signed) >= -1e-9
    assert np.any((decision.local_layers > 1.01) & (decision.local_layers < network.layers - 1.01))


def test_literal_problem_fails_in_the_power_alone() -> None:
    """Without a useful lower bound the slope in p stays positive and no multiplier cancels it."""
    network = replace(mended_network(delay=False), power_min=np.full(6, 1e-9))
    program = fractional_programming(network, ASSOCIATION, tolerance=0.0, max_iterations=20)
    slope = gradient(network, program.decision)["power"] * program.decision.power
    assert np.all(slope > 0)
    # Complementary slackness leaves no dual: both bounds are far away.
    assert np.all(program.decision.power > 10 * network.power_min)
    assert np.max(program.multipliers.power_low * program.decision.power) < 1e-3 * np.min(slope)
    assert np.max(program.multipliers.power_high * program.decision.power) < 1e-3 * np.min(slope)


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
        program = fractional_programming(network, own, start, 1e-11)
        assert max(kkt_residual(network, program).values()) < 1e-5
        ends.append(program.objective_history[-1])
    assert ends[0] > ends[1] * (1 + 1e-2)
