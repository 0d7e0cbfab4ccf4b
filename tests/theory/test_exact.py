"""Chapter on the exact solver: each closed form derived by machine, against what `mecllm` ships."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pydoc import locate

import numpy as np
import pytest
import sympy as sp
from sympy import Expr, Symbol

from mecllm import Scenario, allocate, greedy, reference_decision
from mecllm.allocation import Uplink, Work, user_frequency
from mecllm.system.arrays import Array
from mecllm.theory import exact
from mecllm.theory.compare import agree
from mecllm.theory.derive_run import arguments, evaluate
from mecllm.theory.fractional import edge_layer_cost, local_layer_cost
from mecllm.theory.symbols import Pair, User
from tests.book import BOOK
from tests.examples import REPAIRED, small
from tests.theory.test_planted_errors import sign_errors

USER, PAIR = User.of(1), Pair.of(1, 1)
#: Newton's method ends at 1e-12 and better; the clock is a root to the last digit.
TOLERANCE = 1e-10


@cache
def forms() -> dict[str, Expr]:
    """Return the derived closed forms, and the slopes of the demand that follow from them."""
    u, b = exact.LOG_SNR, PAIR.bandwidth
    free, stopped = exact.free_price(), exact.stopped_price()

    def elasticity(width: Expr, price: Expr) -> Expr:
        return (sp.diff(width, u) / width) / (sp.diff(price, u) / price)

    return {
        "worth": -sp.diff(exact.upload_cost(), b),
        "stopped price": stopped,
        "free bandwidth": exact.free_bandwidth(),
        "free power": exact.free_power(),
        "free price": free,
        "free elasticity": elasticity(exact.free_bandwidth(), free),
        # At a given power b falls like 1/(e^u - 1).
        "stopped elasticity": elasticity(1 / (sp.exp(u) - 1), stopped),
        "clock price": exact.clock_price(),
        "device clock": exact.free_clock(local_layer_cost(1), USER.frequency),
        "server clock": exact.free_clock(edge_layer_cost(1, 1), PAIR.frequency),
    }


NETWORKS = {
    "repaired": Scenario.load("repaired").draw(0),
    "random": replace(
        small(3, 12, 2, REPAIRED)[0],
        power_min=np.full(12, 0.05),
        power_max=np.repeat([0.5, 50.0], 6),
    ),
}


@cache
def shipped(name: str) -> tuple[dict[Symbol, Array], dict[str, tuple[Array, Array]]]:
    """Values of all symbols at prices drawn by lot, and what the package computes there, where."""
    network, rng = NETWORKS[name], np.random.default_rng(0)
    n = np.arange(network.users)
    own = n % network.servers
    uplink, work = Uplink.of(network, n, own), Work.of(network, n, own)
    start = reference_decision(network, own)
    price = uplink.worth(start.bandwidth, uplink.best_power(start.bandwidth))
    price = price * 10 ** rng.uniform(-2, 2, network.users)
    bandwidth, power, slope = uplink.demand(price)
    layers = rng.integers(1, network.layers, network.users).astype(float)
    # Of either sign, and such that the clock stays below the whole server's.
    clock_price = work.worth(layers, rng.uniform(0.05, 0.95, network.users) * work.cap)[0]
    clock = work.clock(clock_price, network.layers - layers)
    fast = replace(network, normalized_by="", user_frequency_max=1e3 * network.user_frequency_max)
    point = replace(
        start, local_layers=layers, power=power, bandwidth=bandwidth, server_frequency=clock
    )
    values = arguments(network, point)
    values[exact.LOG_SNR] = np.log1p(uplink.gain * power / (uplink.noise * bandwidth))
    inside = (power > network.power_min) & (power < network.power_max)
    every = np.ones_like(inside)
    return values, {
        "worth": (uplink.worth(bandwidth, power), every),
        "stopped price": (price, every),
        "free bandwidth": (bandwidth, inside),
        "free power": (uplink.best_power(bandwidth), inside),
        "free price": (price, inside),
        "free elasticity": (slope, inside),
        "stopped elasticity": (slope, ~inside),
        "clock price": (clock_price, every),
        "device clock": (user_frequency(fast), every),
        "server clock": (work.free_clock(), every),
    }


def miss(network: str, name: str, form: Expr) -> float:
    """Largest relative difference of a form from what the package computes on a network."""
    values, run = shipped(network)
    computed, where = run[name]
    assert where.any(), f"no user to compare '{name}' on"
    try:
        derived = evaluate(form, values)
    except (TypeError, ZeroDivisionError):  # a wrong sign may lead to complex numbers or to 1/0
        return np.inf
    return float(np.max(np.abs(derived / computed - 1)[where]))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", forms())
def test_derived_form_is_what_runs(name: str, network: str) -> None:
    assert miss(network, name, forms()[name]) < TOLERANCE


@pytest.mark.parametrize("name", forms())
def test_a_wrong_sign_in_a_form_is_seen(name: str) -> None:
    mutants = list(sign_errors(forms()[name]))
    undetected = [mutant for mutant in mutants if miss("random", name, mutant) < 1e-6]
    assert undetected == []
    # A clock is a product, which has no sign to lose but the one in front.
    assert mutants or name in ("device clock", "server clock")
    assert miss("random", name, -forms()[name]) > 1


def test_the_power_has_one_change_of_sign() -> None:
    """The cost falls in p and then rises, so that a bound may cut the free minimiser off."""
    network, p = NETWORKS["repaired"], USER.power
    # Its slope is E/(T + E p), times p rising from 0 to 1, less a fraction that falls from 1 to 0.
    x, t = sp.symbols("x t", positive=True)
    fraction = x / ((1 + x) * sp.log(1 + x))
    over = sp.simplify(sp.diff(fraction, x) * ((1 + x) * sp.log(1 + x)) ** 2)
    assert agree(over, sp.log(1 + x) - x)
    assert agree(sp.diff(p / (t + p), p), t / (t + p) ** 2)
    values = arguments(network, reference_decision(network, greedy(network)))
    slope = sp.diff(exact.upload_cost(), p)
    shares = np.geomspace(1e-6, 1e6, 40)
    signs = np.sign([evaluate(slope, values | {p: x * network.power_max}) for x in shares])
    assert np.all(np.diff(signs, axis=0) >= 0)
    assert np.all(signs[0] < 0)
    assert np.all(signs[-1] > 0)


@pytest.mark.parametrize("seed", range(3))
def test_prices_of_an_allocation_are_the_derived_ones(seed: int) -> None:
    network = Scenario.load("repaired").replace(users=20, servers=3).draw(seed)
    found = allocate(network, greedy(network))
    decision, own = found.decision, found.decision.association
    values = arguments(network, decision)
    snr = network.link_gain(own) * decision.power / (network.noise_density * decision.bandwidth)
    values[exact.LOG_SNR] = np.log1p(snr)
    price = evaluate(exact.stopped_price(), values)
    np.testing.assert_allclose(price, found.bandwidth_price[own], rtol=TOLERANCE)
    scale = decision.server_frequency / found.objective
    price = evaluate(exact.clock_price(), values)
    np.testing.assert_allclose(price * scale, found.frequency_price[own] * scale, atol=TOLERANCE)


def test_best_layers_lie_beside_the_integers_taken() -> None:
    """Where no clock is short, an integer beside the real α is best, or one at a bound."""
    scenario = Scenario.load("repaired").replace(users=40, servers=20, user_kappa_W_per_Hz3=3e-28)
    network = scenario.draw(1)
    found = allocate(network, greedy(network))
    decision, own = found.decision, found.decision.association
    work = Work.of(network, np.arange(network.users), own)
    saved = work.layer_cost(decision.server_frequency) - work.local_cost
    idle = (found.frequency_price[own] == 0) & (saved > 0)
    values = arguments(network, decision) | {exact._SAVED: np.where(idle, saved, 1.0)}
    real = evaluate(exact.best_layers(), values).clip(1, network.layers - 1)
    inside = idle & (real > 1)
    assert inside.sum() > 5
    assert np.all(np.abs(decision.local_layers - real)[inside] < 1)
    wrong = evaluate(exact.best_layers().subs(exact._SAVED, 2 * exact._SAVED), values)
    assert not np.all(np.abs(decision.local_layers - wrong)[inside] < 1)


def test_the_chapter_names_code_that_there_is() -> None:
    """What the chapter calls the production code can be imported under that name."""
    chapter = (BOOK / "20-exact-solver.ipynb").read_text(encoding="utf-8")
    named = set(re.findall(r"`(mecllm(?:\.\w+)+)`", chapter))
    assert len(named) >= 5
    assert [name for name in named if locate(name) is None] == []
    for name in ("Uplink.best_power", "Uplink.demand", "Work.clock"):
        assert f"`{name}`" in chapter
        assert locate(f"mecllm.allocation.{name}") is not None
