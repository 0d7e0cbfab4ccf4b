"""Scenarios: what is refused and how it is said, provenance, and paired draws."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.system.equations import flops_per_layer
from mecllm.system.files import data_path
from mecllm.system.network import Network
from mecllm.system.parameters import Law, hardware
from mecllm.system.scenario import Scenario

PAPER = data_path("scenarios", "literal.toml").read_text(encoding="utf-8")
TRACKS = ("literal", "repaired")
SITES = '[shape]\nvalue = "sites"\nstatus = "assumed"\nsource = "test"\n'


def load(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return Scenario.load(path)


def changed(key, old, new):
    """Replace a line of one table of literal.toml; the table must be there as expected."""
    before = f"[{key}]\n"
    head, tail = PAPER.split(before)
    assert old in tail.partition("\n[")[0]
    return head + before + tail.replace(old, new, 1)


REFUSED = {
    "unknown key": (PAPER + "\n[colour]\nvalue = 1\n", "colour", "one of"),
    "missing key": (PAPER.replace("[tokens]", "[token]"), "token", "one of"),
    "mistyped number": (
        changed("users", "50", '"fifty"'),
        "users = 'fifty'",
        "a whole number >= 1",
    ),
    "truth value": (changed("users", "50", "true"), "users = True", "a whole number >= 1"),
    "fraction": (changed("layers", "32", "32.5"), "layers = 32.5", "a whole number >= 2"),
    "NaN": (changed("size_km", "1.0", "nan"), "size_km = nan", "a number >= 0.001"),
    "infinity": (
        changed("noise_dBm_per_Hz", "-134", "-inf"),
        "noise_dBm_per_Hz = -inf",
        ">= -210 and <= -80",
    ),
    "NaN in an interval": (
        changed("power_max_W", "2.0", "nan"),
        r"power_max_W = \[1.0, nan\]",
        ">= 1e-09",
    ),
    "negative": (
        changed("bandwidth_MHz", "20", "-20"),
        "bandwidth_MHz = -20",
        "a number >= 0.001",
    ),
    "negative weight": (changed("weight_delay", "1.0", "-1"), "weight_delay = -1", "or 0"),
    "empty interval": (
        changed("user_frequency_max_GHz", "[0.5, 1.0]", "[1.0, 0.5]"),
        r"user_frequency_max_GHz = \[1.0, 0.5\]",
        "low <= high",
    ),
    "interval of one": (
        changed("tokens", "[512, 1024]", "[512]"),
        r"tokens = \[512\]",
        "low, high",
    ),
    "empty list": (changed("tokens", "[512, 1024]", "[]"), r"tokens = \[\]", "a list"),
    "interval without law": (
        changed("tokens", 'law = "integer"\n', ""),
        r"tokens = \[512, 1024\]",
        "an interval needs law",
    ),
    "unknown law": (
        changed("tokens", '"integer"', '"normal"'),
        "tokens.law = 'normal'",
        "'uniform'",
    ),
    "fractional ends": (changed("server_flops_per_cycle", "2]", "2.5]"), r"2.5\]", "whole ends"),
    "law of a shared value": (
        changed("users", "value = 50", 'value = [1, 50]\nlaw = "integer"'),
        r"users = \[1, 50\]",
        "a whole number",
    ),
    "unknown chip": (
        changed(
            "server_cores",
            'value = [2560, 5120]\nlaw = "integer"',
            'value = ["Z80"]\nlaw = "hardware"',
        ),
        "server_cores = 'Z80'",
        "NVIDIA T4",
    ),
    "unknown choice": (
        changed("shape", '"square"', '"cube"'),
        "shape = 'cube'",
        "'square', 'disk'",
    ),
    "status": (changed("users", '"stated"', '"guessed"'), "users.status = 'guessed'", "inferred"),
    "no source": (
        changed("users", 'source = "Section', 'source = ""\n# "'),
        "users.source = ''",
        "text",
    ),
    "empty range": (changed("size_km", "[0.5, 1.0]", "[1.0, 0.5]"), "size_km.range", "low <= high"),
    "range of texts": (
        changed("size_km", "[0.5, 1.0]", '["a", "b"]'),
        "size_km.range",
        "low <= high",
    ),
    "unknown field": (
        changed("users", "value", "vlaue = 1\nvalue"),
        "users.vlaue = 1",
        "value, law",
    ),
    "value left out": (changed("users", "value = 50\n", ""), "users = ", "a table with value"),
    "bare value": ("users = 50\n" + PAPER.replace("[users]", "[users_]"), "users_", "one of"),
    "name left out": (PAPER.replace('name = "literal"', ""), r"name = '\(missing\)'", "a text"),
    "flag": (PAPER.replace('"equal"', '"about"'), "formulation.capacity = 'about'", "'at_most'"),
    "flag as text": (
        PAPER.replace("transmission_delay = false", 'transmission_delay = "no"'),
        "formulation.transmission_delay = 'no'",
        "True, False",
    ),
    "flag left out": (PAPER.replace('capacity = "equal"\n', ""), "formulation = ", "capacity"),
    "no users": (changed("users", "50", "0"), "users = 0", "a whole number >= 1"),
    "N < M": (changed("users", "50", "9"), "users = 9", "servers = 10"),
    "power bounds": (changed("power_min_W", "0.001", "1.5"), "power_min_W = 1.5", "power_max_W"),
    "no TOML": ("users = = 50", "file = ", "a readable TOML file"),
    "key twice": (PAPER + "\n[users]\nvalue = 1\n", "file = ", "a readable TOML file"),
    "sites without files": (
        PAPER.replace(PAPER[PAPER.index("[shape]") : PAPER.index("[size_km]")], SITES),
        "user_sites",
        "value",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_faulty_file_is_refused_by_name(tmp_path, fault) -> None:
    text, key_and_value, allowed = REFUSED[fault]
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, text)
    assert re.search(rf"mine\.toml: .*{key_and_value}", str(caught.value))
    assert re.search(f"expected .*{re.escape(allowed)}", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", [k for k in Scenario.specs() if "sites" not in k])
def test_every_key_is_required(tmp_path, key) -> None:
    start = PAPER.index(f"[{key}]")
    end = PAPER.find("\n[", start)
    with pytest.raises(ScenarioError, match=rf"mine\.toml: {key} = '\(missing\)'"):
        load(tmp_path, PAPER[:start] + (PAPER[end + 1 :] if end > 0 else ""))


def test_the_faultless_file_is_accepted(tmp_path) -> None:
    again = load(tmp_path, PAPER).draw(2)
    np.testing.assert_array_equal(again.gain, Scenario.load("literal").draw(2).gain)


def test_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(ScenarioError, match=r"absent\.toml: file"):
        Scenario.load(tmp_path / "absent.toml")
    with pytest.raises(ScenarioError, match=r"name = 'papre'.*literal, repaired"):
        Scenario.load("papre")


def test_tracks_differ_as_declared() -> None:
    literal, repaired = map(Scenario.load, TRACKS)
    assert (literal.formulation.transmission_delay, literal.formulation.capacity) == (
        False,
        "equal",
    )
    assert (repaired.formulation.transmission_delay, repaired.formulation.capacity) == (
        True,
        "at_most",
    )
    assert (literal.formulation.stability_bound, repaired.formulation.stability_bound) == (
        "paper",
        "sharp",
    )


@pytest.mark.parametrize("track", TRACKS)
def test_every_parameter_has_its_provenance(track) -> None:
    scenario = Scenario.load(track)
    assert set(scenario.provenance) == set(Scenario.specs()) - {"user_sites", "server_sites"}
    for key, origin in scenario.provenance.items():
        if origin.status == "stated":
            assert "Section 5" in origin.source
        value = getattr(scenario, key)
        if origin.status == "assumed" and not isinstance(value, str):
            assert origin.range is not None, key
            values = value.values if isinstance(value, Law) else (value,)
            assert all(origin.range[0] <= v <= origin.range[1] for v in values), key


def test_a_chip_gives_all_its_figures_to_one_user() -> None:
    network = Scenario.load("repaired").replace(users=40).draw(0)
    chips = {
        (c["cores"] * c["flops_per_cycle"], 1e9 * c["frequency_max_GHz"], c["kappa_W_per_Hz3"])
        for c in hardware().values()
    }
    figures = zip(
        network.user_throughput, network.user_frequency_max, network.user_kappa, strict=True
    )
    dealt = set(figures)
    assert dealt <= chips
    assert len(dealt) == 2


def test_different_decks_for_one_side_are_refused() -> None:
    other = Law("hardware", (1.0, 2.0), ("NVIDIA V100 PCIe", "NVIDIA T4"))
    with pytest.raises(ScenarioError, match=r"server_\*.*the same chips"):
        Scenario.load("repaired").replace(server_cores=other)


@pytest.mark.parametrize("track", TRACKS)
def test_same_seed_same_network(track) -> None:
    first, second = Scenario.load(track).draw(5), Scenario.load(track).draw(5)
    for key in ("gain", "flops_per_layer", "samples", "user_kappa", "server_throughput"):
        assert getattr(first, key).tobytes() == getattr(second, key).tobytes()
    assert first.weights == second.weights
    assert not np.array_equal(first.samples, Scenario.load(track).draw(6).samples)


@pytest.mark.parametrize("shape", ["square", "disk"])
@pytest.mark.parametrize("track", TRACKS)
def test_more_users_extend_the_network(track, shape) -> None:
    scenario = Scenario.load(track).replace(shape=shape, shadowing_dB=8.0, normalization="none")
    small, large = (scenario.replace(users=n).draw(3) for n in (20, 50))
    for key in (
        "gain",
        "user_position",
        "flops_per_layer",
        "payload",
        "user_throughput",
        "user_kappa",
        "user_frequency_max",
        "power_max",
        "samples",
    ):
        np.testing.assert_array_equal(getattr(large, key)[:20], getattr(small, key))
    for key in ("server_position", "server_throughput", "server_frequency_max"):
        np.testing.assert_array_equal(getattr(large, key), getattr(small, key))


def test_tracks_share_what_they_do_not_change() -> None:
    literal, repaired = (Scenario.load(track).draw(1) for track in TRACKS)
    for key in ("gain", "flops_per_layer", "power_max", "samples", "bandwidth_max"):
        np.testing.assert_array_equal(getattr(literal, key), getattr(repaired, key))


def test_draws_stay_within_what_the_paper_states() -> None:
    network = Scenario.load("literal").replace(users=2000).draw(0)
    inside: dict[str, Any] = {
        "user_throughput": (4, 6),
        "user_frequency_max": (0.5e9, 1e9),
        "power_max": (1, 2),
        "server_frequency_max": (1e9, 3e9),
        "server_throughput": (2560, 2 * 5120),
        "flops_per_layer": flops_per_layer(np.array([512, 1024]), 512, 1024),
    }
    for key, (low, high) in inside.items():
        values = getattr(network, key)
        assert values.min() >= low
        assert values.max() <= high
    assert set(network.user_throughput) == {4, 5, 6}
    np.testing.assert_allclose(network.bandwidth_max, 20e6)
    # -134 dBm is 10^-16.4 W
    assert network.noise_density == pytest.approx(3.98e-17, rel=1e-3)
    assert network.payload.max() <= 16 * 512 * 1024 * 1024


def test_users_and_servers_from_coordinates(tmp_path) -> None:
    users, servers = tmp_path / "users.csv", tmp_path / "servers.csv"
    users.write_text("ID,Latitude,LONGITUDE\n1,-37.81,144.96\n2,-37.82,144.97\n", encoding="utf-8")
    servers.write_text("latitude,longitude\n-37.80,144.95\n", encoding="utf-8")
    files = "".join(
        f'[{side}_sites]\nvalue = "{side}s.csv"\nstatus = "assumed"\nsource = "test"\n'
        for side in ("user", "server")
    )
    text = PAPER[: PAPER.index("[shape]")] + SITES + PAPER[PAPER.index("[size_km]") :] + files
    scenario = load(tmp_path, text)
    network = scenario.draw(0)
    assert {tuple(p) for p in network.user_position} == {(-37.81, 144.96), (-37.82, 144.97)}
    np.testing.assert_array_equal(network.gain, network.gain[:, :1] * np.ones(10))
    # 0.01° of latitude and of longitude at that latitude: 1.112 km and 0.879 km.
    loss = -10 * np.log10(network.gain[network.user_position[:, 0] == -37.81])
    np.testing.assert_allclose(loss, 128.1 + 37.6 * np.log10(np.hypot(1.112, 0.879)), rtol=1e-3)
    servers.write_text("latitude,longitude\n91,144.95\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"servers\.csv: line 2, latitude = '91'"):
        scenario.draw(0)


def test_replace_checks_as_load_does() -> None:
    scenario = Scenario.load("literal")
    assert scenario.replace(power_max_W=(0.5, 0.6)).draw(0).power_max.max() <= 0.6
    assert scenario.replace(capacity="at_most", users=3).formulation.capacity == "at_most"
    for change in (
        {"user": 3},
        {"users": 0},
        {"users": 3},
        {"power_max_W": (2.0, 1.0)},
        {"size_km": float("nan")},
        {"capacity": "some"},
        {"tokens": -1},
    ):
        with pytest.raises(ScenarioError, match=next(iter(change)).split("_")[0]):
            scenario.replace(**change)


@pytest.mark.parametrize("noise", [-174.0, -134.0])
def test_noise_reading_only_scales_the_noise(noise) -> None:
    network = Scenario.load("literal").replace(noise_dBm_per_Hz=noise, normalization="none").draw(0)
    other = Scenario.load("literal").replace(normalization="none").draw(0)
    assert network.noise_density == pytest.approx(10 ** ((noise - 30) / 10), rel=1e-12)
    assert isinstance(replace(network, noise_density=other.noise_density), Network)
    np.testing.assert_array_equal(network.gain, other.gain)
