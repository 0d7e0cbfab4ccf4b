"""A network accepts what the model can use, and comes back from a file bit for bit."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.system.formulation import Formulation, Weights
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario
from tests.examples import LITERAL, REPAIRED, pencil_network

ARRAYS = [
    f.name for f in fields(Network) if isinstance(getattr(pencil_network(), f.name), np.ndarray)
]


@pytest.mark.parametrize("track", ["literal", "repaired"])
def test_saved_network_comes_back_bit_for_bit(tmp_path, track) -> None:
    network = Scenario.load(track).replace(shadowing_dB=8.0).draw(11)
    network.save(tmp_path / "network.npz")
    again = Network.load(tmp_path / "network.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["network.npz"]
    for key in (f.name for f in fields(Network)):
        old, new = getattr(network, key), getattr(again, key)
        if key in ARRAYS:
            assert old.dtype == new.dtype
            assert old.shape == new.shape
            assert old.tobytes() == new.tobytes()
        else:
            assert old == new


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "network.npz"
    pencil_network().save(path)
    before = path.read_bytes()

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pencil_network(REPAIRED).save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip", b"not a network", None])
def test_what_is_no_network_file_is_refused(tmp_path, content) -> None:
    path = tmp_path / "broken.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"broken\.npz.*Network\.save"):
        Network.load(path)


def test_pickled_arrays_are_refused(tmp_path) -> None:
    path = tmp_path / "pickled.npz"
    np.savez(path, header=np.array({"a": object}, dtype=object))
    with pytest.raises(ScenarioError, match=r"pickled\.npz"):
        Network.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
@pytest.mark.parametrize("key", [key for key in ARRAYS if "position" not in key])
def test_every_constant_is_finite_and_positive(key, value) -> None:
    array: Any = np.array(getattr(pencil_network(), key))
    array.flat[-1] = value
    with pytest.raises(ScenarioError, match=rf"network: {key}\[.*a finite number > 0"):
        replace(pencil_network(), **{key: array})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": np.ones((1, 2))}, r"gain = 'shape \(1, 2\)'.*shape \(2, 1\)"),
        ({"layers": 1}, "layers = 1"),
        ({"noise_density": np.nan}, "noise_density = nan"),
        ({"strong_convexity": -0.1}, "strong_convexity = -0.1"),
        ({"power_min": np.array([2.0, 1e-3])}, "power_min = 2.0"),
    ],
)
def test_a_wrong_network_is_refused(change, message) -> None:
    with pytest.raises(ScenarioError, match=message):
        replace(pencil_network(), **change)


def test_no_users_is_refused() -> None:
    network = pencil_network()
    empty = {
        key: getattr(network, key)[:0]
        for key in ARRAYS
        if not key.startswith("server") and key != "bandwidth_max"
    }
    with pytest.raises(ScenarioError, match=r"\(N, M\) = \(0, 1\)"):
        replace(network, **empty)


def test_fewer_users_than_servers_only_without_equalities() -> None:
    network = Scenario.load("repaired").replace(users=2, servers=3).draw(0)
    assert (network.users, network.servers) == (2, 3)
    with pytest.raises(ScenarioError, match=r"users = 2.*at least the 3 servers"):
        replace(network, formulation=LITERAL)


@pytest.mark.parametrize(
    "flags",
    [
        {"transmission_delay": 1, "capacity": "equal", "stability_bound": "paper"},
        {"transmission_delay": True, "capacity": "exactly", "stability_bound": "paper"},
        {"transmission_delay": True, "capacity": "equal", "stability_bound": None},
    ],
)
def test_a_formulation_is_one_of_those_declared(flags) -> None:
    with pytest.raises(ScenarioError, match="formulation"):
        Formulation(**flags)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_are_finite_and_not_negative(bad) -> None:
    with pytest.raises(ScenarioError, match="weights: delay"):
        Weights(1.0, bad, 1.0)


def test_arrays_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        pencil_network().samples[0] = 1.0


def test_an_array_given_is_copied() -> None:
    gain = np.array([[3e-10], [2e-10]])
    network = replace(pencil_network(), gain=gain)
    gain[0, 0] = 1.0
    assert network.gain[0, 0] == 3e-10
    assert network.link_gain(np.array([0, 0])).tolist() == [3e-10, 2e-10]
