"""The space of the atlas: its intervals, its points, and specifications that are wrong."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import qmc

from mecllm.atlas import Interval, Sweep, measure
from mecllm.errors import ScenarioError
from tests.atlas.sweeps import SPEC


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sead = 3", "sead = 3 .* one of name"),
        ("seed = 3", "", "seed = '\\(missing\\)'"),
        ("seed = 3", "seed = -3", "seed = -3 .* >= 0"),
        ("seed = 3", "seed = true", "seed = True"),
        ("replicates = 1", "replicates = 0", "replicates = 0 .* >= 1"),
        ('"local_only"', '"magic"', "methods = .* proposed"),
        ('"local_only"', '"proposed"', "without repetition"),
        ('literal = "literal"', 'literal = "newspaper"', "name = 'newspaper'"),
        ('literal = "literal"', "literal = 7", "tracks.literal = 7"),
        ("parameters.users", "parameters.user", "parameters.user = .* numeric key"),
        ("parameters.users", "parameters.shape", "parameters.shape = .* numeric key"),
        ("[10, 12]", "[12, 10]", r"users.range = \[12, 10\] .* low <= high"),
        ("[10, 12]", "[0, 12]", r"users.range = \[0, 12\]"),
        ("[10, 12]", "[10, nan]", r"users.range = \[10, nan\]"),
        ("[10, 12]", "{ literal = [10, 12] }", r"users.range = '\(missing\)'"),
        ('source = "small"', 'source = ""', "users.source = ''"),
        ('source = "small"', "", "with range and source"),
        ("[tracks]", "[tracks", "a readable TOML file"),
    ],
)
def test_a_wrong_specification_names_the_key(tmp_path, old, new, message):
    path = tmp_path / "wrong.toml"
    assert old in SPEC
    path.write_text(SPEC.replace(old, new), encoding="utf-8")
    with pytest.raises(ScenarioError, match=message):
        Sweep.load(path)


def test_the_points_are_scrambled_sobol_points_and_nested():
    atlas = Sweep.load("atlas")
    points = atlas.coordinates(1024)
    assert np.array_equal(points[:37], atlas.coordinates(37))
    assert np.all((points >= 0) & (points < 1))
    random = np.random.default_rng(0).uniform(size=points.shape)
    # The more constants, the fewer points there are to be even in all of them at once.
    assert qmc.discrepancy(points[:, :10]) < qmc.discrepancy(random[:, :10]) / 5
    assert qmc.discrepancy(points) < qmc.discrepancy(random) / 1.5
    # Each sixteenth of each axis holds exactly a sixteenth of the points.
    assert np.all(np.apply_along_axis(np.bincount, 0, (16 * points).astype(int)) == 64)


def test_the_atlas_sweeps_every_constant_that_has_a_range():
    atlas = Sweep.load("atlas")
    for track, scenario in atlas.scenarios.items():
        assumed = {k for k, fact in scenario.provenance.items() if fact.range is not None}
        assert assumed <= set(atlas.intervals[track])
    assert atlas.intervals["literal"]["server_kappa_W_per_Hz3"].law == "log-uniform"
    assert atlas.intervals["literal"]["noise_dBm_per_Hz"].law == "uniform"
    assert "noise_dBm_per_Hz" not in atlas.values("repaired", atlas.coordinates(1)[0])


@given(
    st.floats(1e-30, 1e9),
    st.floats(1.0, 1e6),
    st.floats(0, 1),
    st.booleans(),
)
def test_a_value_stays_in_its_interval_and_leads_back_to_its_coordinate(low, factor, unit, whole):
    if whole:
        low = float(np.ceil(low))
    interval = Interval(low, float(np.floor(low * factor)) if whole else low * factor, "", whole)
    value = interval.value(unit)
    assert interval.low <= value <= interval.high
    assert isinstance(value, int) == whole
    if not whole and factor > 1.001:
        assert interval.unit(value) == pytest.approx(unit, abs=1e-9)


def test_the_full_size_atlas_fits_the_paper_s_networks():
    """Every point has a network: no claim's share is taken over what happened to run."""
    atlas = Sweep.load("atlas")
    corners = np.vstack([np.zeros(len(atlas.keys)), np.ones(len(atlas.keys))])
    for track in atlas.scenarios:
        for unit in corners:
            values = atlas.values(track, unit)
            assert not measure(atlas.scenarios[track], values, 0, "proposed").error
