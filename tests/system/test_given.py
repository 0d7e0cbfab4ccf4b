"""A network of one's own: what arrays and files may say, and what of it is refused by name."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.system.files import data_path
from mecllm.system.network import Network
from mecllm.system.normalization import normalize_weights
from mecllm.system.parameters import hardware
from mecllm.system.scenario import Scenario

GAIN = np.array([[1e-10, 1e-12], [1e-11, 1e-9], [2e-10, 1e-10]])
TOKENS = [90, 2000, 700]
CHIPS = ["NVIDIA T4", "NVIDIA V100 PCIe"]
BASE = Scenario.load("repaired").replace(users=3, servers=2)


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_arrays_take_the_place_of_laws_and_the_rest_is_drawn() -> None:
    network = Network.from_arrays(seed=4, gain=GAIN, tokens=TOKENS, server_device=CHIPS)
    law = BASE.draw(4)
    np.testing.assert_array_equal(network.gain, GAIN)
    np.testing.assert_array_equal(network.power_max, law.power_max)
    np.testing.assert_array_equal(network.payload, 16 * 512 * 1024 * np.array(TOKENS, dtype=float))
    figures = [hardware()[chip] for chip in CHIPS]
    clocks = [1e9 * figure["frequency_max_GHz"] for figure in figures]
    np.testing.assert_array_equal(network.server_frequency_max, clocks)
    assert np.isnan(network.user_position).all()


def test_weights_are_normalised_by_what_was_given() -> None:
    network = Network.from_arrays(gain=GAIN, tokens=TOKENS, servers=2, weight_delay=3.0)
    bare = Network.from_arrays(
        gain=GAIN, tokens=TOKENS, servers=2, weight_delay=3.0, normalization="none"
    )
    assert bare.weights.delay == 3.0
    assert network.weights == normalize_weights(bare).weights
    assert network.weights.delay != BASE.draw(0).weights.delay


def test_stale_weights_are_refused() -> None:
    network = BASE.draw(0)
    for change in ({"gain": GAIN}, {"samples": np.full(3, 9.0)}, {"layers": 8}):
        with pytest.raises(ScenarioError, match="weights = 'normalised by others'"):
            replace(network, **change)
        assert replace(network, normalized_by="", **change).weights == network.weights
        plain = network.with_weights(1, 2, 3)
        assert replace(plain, **change).weights == plain.weights
    # What the terms of the objective do not depend on may change.
    assert replace(network, server_slots=np.full(2, 9.0)).weights == network.weights


@pytest.mark.parametrize("unit", ["linear", "dB", "loss_dB"])
def test_a_gain_may_be_given_in_three_units(unit) -> None:
    level = 10 * np.log10(GAIN)
    given = {"linear": GAIN, "dB": level, "loss_dB": -level}[unit]
    network = Network.from_arrays(gain=given, gain_unit=unit)
    np.testing.assert_allclose(network.gain, GAIN, rtol=1e-12)


def test_positions_on_the_globe_are_great_circles() -> None:
    here, there = [[52.0, 5.0]], [[52.01, 5.0]]
    network = Network.from_arrays(user_position=here, server_position=there, geographic=True)
    loss = -10 * np.log10(network.gain[0, 0])
    assert loss == pytest.approx(128.1 + 37.6 * np.log10(1.11195), abs=1e-3)


REFUSED = {
    "a loss read as a gain": ({"gain": [[100.0]], "gain_unit": "dB"}, r"gain\[0, 0\].*loss_dB"),
    "a blocked link": ({"gain": [[1e-9, 0.0]]}, r"gain\[0, 1\] \[linear\] = 0.0.*floor"),
    "a link that is nan": ({"gain": [[np.nan]], "gain_unit": "dB"}, r"gain\[0, 0\].*= nan"),
    "amplitudes": ({"gain": [[1e-5 + 1e-5j]]}, r"complex128.*abs\(h\)"),
    "a gain for each user only": ({"gain": [1e-9]}, r"gain = 'shape \(1,\)'.*column"),
    "ragged rows": ({"gain": [[1e-9], [1e-9, 1e-9]]}, "gain = 'list'.*array of numbers"),
    "an unknown unit": ({"gain": GAIN, "gain_unit": "dBm"}, "gain_unit = 'dBm'.*linear, dB"),
    "servers first": ({"gain": GAIN.T, "tokens": TOKENS}, "users = .*the same number"),
    "text": ({"tokens": ["long", "short"]}, "tokens = .*real numbers"),
    "no tokens": ({"tokens": [5, 0]}, r"tokens\[1\] = 0.0.*whole number >= 1"),
    "a fraction of a token": ({"tokens": [5, 2.5]}, r"tokens\[1\] = 2.5"),
    "hertz": ({"user_frequency_max_GHz": [1e9]}, r"user_frequency_max_GHz\[0\] = 1000000000.0"),
    "an unknown chip": ({"user_device": ["Z80"]}, r"device\[0\] = 'Z80'.*NVIDIA T4"),
    "an unknown key": ({"colour": [1, 2]}, r"colour = \[1, 2\].*one of"),
    "an array of what is shared": ({"layers": [3, 4]}, r"layers = \[3, 4\].*whole number"),
    "half of the globe": (
        {"user_position": [[1, 2]], "geographic": True},
        "latitude, longitude = 'of users only'",
    ),
    "a pole beyond": (
        {"user_position": [[91, 2]], "server_position": [[1, 2]], "geographic": True},
        "users position = 91.0",
    ),
    "less than is reserved": ({"bandwidth_MHz": [20, 0.5]}, "admission_MHz = 1.0.*bandwidth_MHz"),
    "a power that cannot be": (
        {"power_min_W": [1.0, 1.0], "power_max_W": [2.0, 0.5]},
        "power_min_W = 1.0.*power_max_W",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_arrays_may_not_say_is_refused_in_a_line(fault) -> None:
    arrays, message = REFUSED[fault]
    with pytest.raises(ScenarioError, match=message) as caught:
        Network.from_arrays(**arrays)
    assert "\n" not in str(caught.value)


@pytest.fixture
def town(tmp_path):
    """A scenario in files: three users, two servers, a chip and a matrix."""
    write(
        tmp_path,
        "users.csv",
        "who,tokens,device,x_m,y_m\na,90,Own,0,0\nb,2000,Own,9,9\n"
        "c,700,Apple A15 (5-core GPU),5,5\n",
    )
    write(tmp_path, "servers.csv", "device,x_m,y_m\nNVIDIA T4,0,9\nNVIDIA V100 PCIe,9,0\n")
    head = data_path("hardware.csv").read_text(encoding="utf-8").splitlines()[0]
    write(tmp_path, "chips.csv", f"{head}\nOwn,3,128,1.0,4,1.0,measured,mine\n")
    np.savez(tmp_path / "gain.npz", loss=-10 * np.log10(GAIN), other=GAIN)
    text = 'base = "repaired"\n\n[files]\nusers = "users.csv"\nservers = "servers.csv"\n'
    text += 'gain = "gain.npz"\ngain_name = "loss"\ngain_unit = "loss_dB"\nchips = "chips.csv"\n'
    return write(tmp_path, "town.toml", text)


def test_files_say_what_arrays_say(town) -> None:
    scenario = Scenario.load(town)
    assert (scenario.users, scenario.servers) == (3, 2)
    assert scenario.given.ignored == ("users.csv: who",)
    network = scenario.draw(0)
    again = Network.from_arrays(
        gain=GAIN,
        tokens=TOKENS,
        user_device=["Own", "Own", "Apple A15 (5-core GPU)"],
        server_device=CHIPS,
        chips=town.with_name("chips.csv"),
    )
    np.testing.assert_allclose(network.gain, again.gain, rtol=1e-12)
    np.testing.assert_array_equal(network.user_kappa, again.user_kappa)
    assert network.user_kappa[0] == pytest.approx(4e-27)
    np.testing.assert_array_equal(network.user_position, [[0, 0], [9, 9], [5, 5]])


def test_other_numbers_of_users_are_drawn_from_the_rows(town) -> None:
    scenario = Scenario.load(town)
    many = scenario.replace(users=200).draw(1)
    rows = {(p, *g) for p, g in zip(many.payload, many.gain, strict=True)}
    assert rows == {(p, *g) for p, g in zip(*_pairs(scenario.draw(1)), strict=True)}
    np.testing.assert_array_equal(scenario.replace(users=150).draw(1).payload, many.payload[:150])
    resampled = scenario.replace(given=replace(scenario.given, resampled=True))
    draws = {tuple(resampled.draw(seed).payload) for seed in range(9)}
    assert len(draws) > 1
    assert repr(resampled) != repr(scenario)


def _pairs(network):
    return network.payload, network.gain


def test_a_key_replaces_its_column(town) -> None:
    scenario = Scenario.load(town).replace(tokens=512)
    assert set(scenario.draw(0).payload) == {16.0 * 512 * 512 * 1024}
    below = write(town.parent, "below.toml", 'base = "town.toml"\ntokens = [512, 512]\n')
    np.testing.assert_array_equal(Scenario.load(below).draw(0).gain, scenario.draw(0).gain)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n\n", "\ntokens = 5\n", r"town\.toml: tokens = 5.*said once"),
        ("users.csv", "absent.csv", r"absent\.csv: file = 'FileNotFoundError'"),
        ("gain.npz", "town.toml", r"town\.toml: gain = "),
        ('gain_name = "loss"\n', "", r"gain_name = None.*loss, other"),
        ('"loss"', '"power"', "gain_name = 'power'.*loss, other"),
        ("loss_dB", "dBm", "gain_unit = 'dBm'"),
        ("gain_unit =", "gain_units =", r"town\.toml: files = "),
        ('base = "repaired"', 'base = "town.toml"', "base = 'town.toml'.*circle"),
        ('base = "repaired"', 'base = "mended"', "name = 'mended'.*literal, repaired"),
    ],
)
def test_a_faulty_file_is_told(town, old, new, message) -> None:
    text = town.read_text(encoding="utf-8")
    assert old in text
    town.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError, match=message):
        Scenario.load(town)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("users.csv", "tokens\n1\nmany\n2\n", r"users\.csv: line 3, tokens = 'many'"),
        ("users.csv", "tokens,tokens\n1,2\n", r"columns = .*exactly one column 'tokens'"),
        ("users.csv", "tokens\n5\n", "users = .*the same number"),
        ("chips.csv", "name,cores\nOwn,3\n", "exactly one column 'flops_per_cycle'"),
    ],
)
def test_a_faulty_table_is_told(town, name, text, message) -> None:
    write(town.parent, name, text)
    with pytest.raises(ScenarioError, match=message):
        Scenario.load(town)


@pytest.mark.parametrize(
    "text", ["1e-9,2e-9\n3e-9,4e-9\n", "site a,site b\n1e-9,2e-9\n3e-9,4e-9\n"]
)
def test_a_matrix_may_have_a_line_of_names(tmp_path, text) -> None:
    write(tmp_path, "gain.csv", text)
    path = write(tmp_path, "mine.toml", 'base = "literal"\n[files]\ngain = "gain.csv"\n')
    np.testing.assert_array_equal(Scenario.load(path).draw(0).gain, [[1e-9, 2e-9], [3e-9, 4e-9]])


def test_all_faults_are_told_at_once(tmp_path) -> None:
    text = 'base = "repaired"\nlayers = 1\ntokens = [9, 5]\ncolour = 3\npower_min_W = 5\n'
    text += 'admission_MHz = "much"\n[formulation]\ncapacity = "some"\n'
    faults = Scenario.faults(write(tmp_path, "bad.toml", text))
    keys = [fault.key for fault in faults]
    assert keys == [
        "colour", "formulation.capacity", "layers", "tokens", "admission_MHz", "power_min_W",
    ]  # fmt: skip
    assert Scenario.faults("repaired") == ()
    assert re.search("readable", str(Scenario.faults(tmp_path / "none.toml")[0]))


def test_tables_have_a_row_a_user_and_units() -> None:
    network = BASE.draw(0)
    table = network.to_frame()
    assert list(table.index) == [0, 1, 2]
    np.testing.assert_array_equal(table["payload_bit"], network.payload)
    best = network.gain.max(axis=1)
    np.testing.assert_allclose(10 ** (table["best_gain_dB"] / 10), best, rtol=1e-12)
    assert all(name.rpartition("_")[2] in UNITS for name in table.columns), table.columns


UNITS = {"FLOP", "bit", "cycle", "Hz3", "Hz", "W", "1", "0", "server", "dB"}
