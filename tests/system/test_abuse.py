"""Values that ended in a traceback, a warning or a foreign name: each is refused by its own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.methods import METHODS, solve
from mecllm.system.formulation import Weights
from mecllm.system.network import Network
from mecllm.system.parameters import Law
from mecllm.system.scenario import Scenario

NONE = {"weight_energy": 0.0, "weight_delay": 0.0, "weight_stability": 0.0}
# What was tried → the key that the refusal names.
ABUSE = {
    "path_loss_slope_dB": {"path_loss_slope_dB": 1e6},
    "shadowing_dB": {"shadowing_dB": 1e30},
    "lipschitz": {"lipschitz": 1e308},
    "lipschitz ": {"lipschitz": 1e-308},
    "size_km": {"size_km": 1e308},
    "weight_energy": {"weight_energy": 1e-308},
    "weight_energy ": {"weight_energy": 1e30},
    "admission_MHz": {"admission_MHz": 5e-324},
    "weight_energy, weight_delay, weight_stability": NONE,
    "admission_MHz ": {"bandwidth_MHz": 0.5},
    "strong_convexity": {"strong_convexity": 1e300},
    "users": {"users": 10**400},
    "servers": {"servers": 1.0},
    "layers": {"layers": True},
    "samples": {"samples": 0.5},
    "tokens": {"tokens": Law("fixed", (float("nan"),))},
    "tokens ": {"tokens": Law("integer", (-5.0, 5.0))},
    "noise_dBm_per_Hz": {"noise_dBm_per_Hz": 300},
    "power_min_W": {"power_min_W": 3.0},
    "shape": {"shape": ["square"]},
    "user_sites": {"shape": "sites"},
    "user_sites ": {"user_sites": 7},
}


@pytest.mark.parametrize("key", ABUSE)
def test_what_cannot_be_is_refused_by_name(key) -> None:
    scenario = Scenario.load("repaired")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ScenarioError) as caught:
            scenario.replace(**ABUSE[key])
    assert caught.value.key == key.strip()
    assert "\n" not in str(caught.value)


def test_what_products_make_of_it_is_refused_by_name() -> None:
    far = {"size_km": 2e4, "path_loss_slope_dB": 100.0, "path_loss_intercept_dB": 250.0}
    scenario = Scenario.load("repaired").replace(**far)
    for users in (50, 60_000):  # whose gains are stored, and computed when they are needed
        with pytest.raises(ScenarioError, match=r"path_loss_slope_dB.*a gain of .*-300 to 30 dB"):
            scenario.replace(users=users).draw(0)


@pytest.mark.parametrize(
    ("law", "value", "message"),
    [
        ("hardware", '[["a"]]', "samples.law = 'hardware'.*no such figure"),
        ("hardware", '["NVIDIA T4"]', "samples.law = 'hardware'.*no such figure"),
        ("uniform", '["a", "b"]', r"samples = \['a', 'b'\]"),
        ("uniform", "[[1], [2]]", r"samples = \[\[1\], \[2\]\]"),
    ],
)
def test_a_law_of_what_is_no_number(tmp_path, law, value, message) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "literal"\nsamples = {{ value = {value}, law = "{law}" }}\n')
    with pytest.raises(ScenarioError, match=message):
        Scenario.load(path)


def test_a_chip_that_is_no_name(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "literal"\nserver_device = [["a"]]\n')
    with pytest.raises(ScenarioError, match=r"server_cores = \['a'\].*NVIDIA T4"):
        Scenario.load(path)


@pytest.mark.parametrize("method", METHODS)
def test_minus_zero_is_zero(method) -> None:
    """Solvers tell them apart: a price of minus nothing ended in an inner error."""
    scenario = Scenario.load("repaired").replace(users=4, servers=2)
    minus, zero = (scenario.replace(weight_stability=x).draw(0) for x in (-0.0, 0.0))
    assert not np.signbit(minus.weights.stability)
    assert solve(minus, method).objective == solve(zero, method).objective


def test_weights_and_networks_have_bounds_of_their_own() -> None:
    for value in (np.nan, np.inf, -1.0, 1e-300, 1e300):
        with pytest.raises(ScenarioError, match="weights: delay"):
            Weights(1.0, value, 1.0)
    with pytest.raises(ScenarioError, match=r"samples\[0\] = 1e\+300"):
        Network.from_arrays(samples=[1e300])


def test_a_message_is_one_line_though_the_value_has_many() -> None:
    error = ScenarioError("here", "gain", np.ones((40, 40)), "less")
    assert "\n" not in str(error)
    assert len(str(error)) < 300
