"""Claims over the atlas: margins, shares, flips, the picture, and the stored table."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from mecllm.atlas import Sweep, measure
from mecllm.atlas.flips import _margin_at, _start_unit, coordinates, nearest_flip
from mecllm.atlas.results import STATEMENTS, Results, margin, shares
from mecllm.pictures.atlas_page import interactive
from mecllm.study.statistics import TIE_BAND as TIE
from mecllm.system.files import data_path


def made_up(**metrics):
    """One point with the given (method → energy, delay, stability, load)."""
    fields = ("energy", "delay", "stability", "load")
    table = {m: dict(zip(fields, values, strict=True)) for m, values in metrics.items()}
    return lambda metric, method: pd.Series([float(table[method][metric])])


def test_margins_are_positive_where_a_claim_holds_and_negative_where_it_fails():
    get = made_up(
        proposed=(10, 10, 10, 2),
        greedy=(10.5, 11, 10, 2.5),
        random=(12, 8, 10, 1),
        edge_only=(11, 12, 9, 1),
        local_only=(12, 30, 99, 1),
        alternating=(10, 10, 10, 1),
        alpha_only=(9, 11, 12, 1),
        resource_only=(14, 15, 11, 1),
        edge_only_chi=(9, 12, 9, 1),
        alternating_chi=(9.5, 10, 10, 1),
        alpha_only_chi=(9, 11, 12, 1),
        resource_only_chi=(14, 15, 11, 1),
    )
    expected = {
        "A1": 0.1, "A2": 9.0, "A3": 2.0, "B1": -0.1, "B2": -0.1, "B3": -5 / 14,
        "B6": 0.0, "B7": 0.0, "B8": 4 / 11, "B9": 0.0, "B10": 0.2, "B11": -1 / 12,
        "D1": 0.05, "D2": 0.2, "D3": 1.5 / 10.5, "D4": 0.05, "D5": -0.2,
        "D6": -3 / 11, "D7": 0.25, "E1": -0.1, "E2": -0.2, "E3": 0.0,
    }  # fmt: skip
    assert {c: float(margin(c, get).iloc[0]) for c in STATEMENTS} == pytest.approx(expected)
    equal = {c: float(margin(c, get, equal=True).iloc[0]) for c in STATEMENTS}
    assert equal == pytest.approx(expected | {"A1": -0.1, "B2": -0.5 / 9.5})


def test_shares_count_what_holds_ties_and_fails(exported, tmp_path):
    atlas = Sweep.load("atlas")
    results = Results.load(atlas, exported)
    found = shares(results)
    assert len(found) == 2 * len(STATEMENTS)
    for row in found.to_dict("records"):
        part = results.on(row["track"]).margins[row["claim"]]
        assert row["holds"] == np.mean(part > TIE)
        assert row["holds"] + row["ties"] + row["fails"] == pytest.approx(1)
        assert row["low"] <= row["holds"] <= row["high"]
    # A failed method takes its point out of the count, and only its point.
    frame = pd.read_csv(exported)
    frame["error"] = [None] * 5 + ["ScenarioError: planted"] + [None] * (len(frame) - 6)
    frame.to_csv(tmp_path / "planted.csv", index=False)
    planted = Results.load(atlas, tmp_path / "planted.csv")
    assert planted.failed == 1
    assert set(shares(planted)["points"]) == {15, 16}


def test_coordinates_lead_back_to_the_sobol_points(exported):
    results = Results.load(Sweep.load("atlas"), exported)
    for track in ("literal", "repaired"):
        units = coordinates(results, track).drop(columns="users")
        place = [results.sweep.keys.index(key) for key in units.columns]
        wanted = results.sweep.coordinates(16)[:, place]
        assert units.to_numpy() == pytest.approx(wanted, abs=2e-5)


def test_the_picture_to_explore_holds_the_data_and_fetches_nothing(exported):
    results = Results.load(Sweep.load("atlas"), exported)
    labels = {key: key for key in results.sweep.keys}
    html = interactive(results, labels)
    assert html == interactive(results, labels)
    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["_static/plotly/plotly.min.js"]
    assert "http" not in html
    data = json.loads(html.split("const data = ")[1].split(";\n")[0])
    for track in ("literal", "repaired"):
        shown, part = data["tracks"][track], results.on(track)
        assert shown["constants"] == list(coordinates(results, track).columns)
        # Every point is in a cell: the mean over cells, each by its count, is the share.
        counts = part.margins.groupby(_step(coordinates(results, track)["lipschitz"])).size()
        cells = shown["against"]["A2"][shown["constants"].index("lipschitz")]
        total = sum(cells[step] * count for step, count in counts.items())
        assert total == pytest.approx((part.margins["A2"] > TIE).sum(), abs=0.01 * 16)
        for z in (shown["maps"][name]["z"]["interior"] for name in shown["maps"]):
            assert np.shape(z) == (8, 8)


def _step(unit):
    return np.minimum((unit * 12).astype(int), 11)


def test_the_nearest_flip_turns_the_claim_and_each_change_is_needed(exported):
    results, seeds = Results.load(Sweep.load("atlas"), exported), range(1)
    atlas, flip = results.sweep, nearest_flip(results, "repaired", "A1", seeds)
    assert flip is not None
    assert (flip.before > TIE) != (flip.after > TIE)
    assert flip.changes
    home = _start_unit(atlas, "repaired")
    assert _margin_at(atlas, "repaired", home, "A1", seeds) == flip.before
    # Each changed constant is needed: with it at home, the claim is as before.
    for left_out in flip.changes:
        unit = home.copy()
        for key, (_, value) in flip.changes.items():
            if key != left_out:
                unit[atlas.keys.index(key)] = atlas.intervals["repaired"][key].unit(value)
        again = _margin_at(atlas, "repaired", unit, "A1", seeds)
        assert (again > TIE) == (flip.before > TIE)


def test_the_stored_atlas_is_whole():
    """What chapter 14 shows: 512 points of each track or more, every method, nothing failed."""
    atlas = Sweep.load("atlas")
    results = Results.load(atlas, data_path("results", "atlas.csv.gz"))
    assert results.failed == 0
    points = results.margins.groupby(level="track").size()
    assert set(points.index) == set(atlas.scenarios)
    assert points.min() >= 512
    assert not results.margins.isna().to_numpy().any()
    # It belongs to the sweep as it is now: the same result at its first point.
    for track in atlas.scenarios:
        unit = atlas.coordinates(1)[0]
        stored = results.on(track).outcomes["objective", "proposed"].iloc[0]
        again = measure(atlas.scenarios[track], atlas.values(track, unit), 0, "proposed")
        assert again.objective == pytest.approx(stored, rel=1e-4)
