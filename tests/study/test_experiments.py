"""The experiments: paired, tidy, resumable, and the same for any number of workers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from mecllm.errors import ScenarioError
from mecllm.study import figures as studies, run as runner
from mecllm.study.ledgers import TOLERANCE, deviation
from mecllm.study.records import _COLUMNS, Record, stored
from mecllm.study.run import SEEDS, STUDIES, experiment, save_table
from mecllm.study.statistics import compare, curve, effect, interval, select
from mecllm.system.scenario import TRACKS, Scenario


def small(scenario: Scenario, seed: int) -> list[Record]:
    """A study that takes no time: what it returns says who asked."""
    network = scenario.replace(users=12, servers=2).draw(seed)
    return [Record("a", "m", 1.0, "energy", float(network.gain.sum()), "J")]


CALLS: list[int] = []


def counted(scenario: Scenario, seed: int) -> list[Record]:
    CALLS.append(seed)
    return small(scenario, seed)


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("figure", ["2", "5"])
def test_stored_tables_are_what_a_fresh_run_gives(figure, track) -> None:
    assert deviation(experiment(figure, track, seeds=[29]), stored(figure, track)) < TOLERANCE


@pytest.mark.parametrize("track", TRACKS)
def test_the_stored_convergence_is_what_a_fresh_run_gives(track) -> None:
    assert deviation(experiment("4", track, seeds=[5]), stored("4", track)) < TOLERANCE


@pytest.mark.parametrize("track", TRACKS)
def test_the_ends_of_the_stored_sweeps_are_what_a_fresh_run_gives(track) -> None:
    ends = (1.0, 10.0)
    weights = dict.fromkeys("abc", ends)
    again = runner.run("3", partial(studies.figure_3, weights=weights), track, [7])
    kept = stored("3", track)
    assert deviation(again, kept[kept["x"].isin((*ends, studies.FAR))]) < TOLERANCE


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("figure", STUDIES)
def test_stored_tables_are_tidy_and_complete(figure, track) -> None:
    frame = stored(figure, track)
    assert tuple(frame.columns) == _COLUMNS
    assert set(frame["seed"]) == set(range(SEEDS))
    assert np.isfinite(frame["value"]).all()
    assert not frame.duplicated(["panel", "method", "x", "seed", "metric"]).any()
    sizes = frame.groupby(["panel", "method", "x", "metric"]).size()
    # A run of Figure 4 has an objective for each of its rounds and no more.
    assert (
        sizes.drop("objective", level="metric", errors="ignore") == SEEDS
    ).all() or figure != "4"
    assert (sizes == SEEDS).all() or figure == "4"
    assert frame.groupby("metric")["unit"].nunique().eq(1).all()


def test_every_axis_is_complete() -> None:
    for track in TRACKS:
        weights = {x for values in studies._WEIGHTS.values() for x in values}
        assert set(stored(3, track)["x"]) == {*map(float, weights), studies.FAR}
        assert set(stored(5, track)["x"]) == set(map(float, studies.USERS))
        assert set(stored(4, track)["method"]) == {f"M={m}" for m in studies.SERVERS}


def test_the_number_of_workers_does_not_matter() -> None:
    one, two = (experiment("2", "repaired", seeds=2, workers=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_an_interrupted_run_goes_on(tmp_path) -> None:
    part = tmp_path / "run.part"
    CALLS.clear()

    def stop() -> None:
        if len(CALLS) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run("x", counted, "literal", range(4), part=part, done=stop)
    again = runner.run("x", counted, "literal", range(4), part=part)
    assert CALLS == [0, 1, 2, 3]
    runner.run("x", counted, "literal", range(4), part=part)
    assert CALLS == [0, 1, 2, 3]
    whole = runner.run("x", counted, "literal", range(4))
    pd.testing.assert_frame_equal(whole, again, check_exact=True)


def test_the_part_of_another_run_is_refused_and_kept(tmp_path, monkeypatch) -> None:
    part = tmp_path / "run.part"
    runner.run("x", counted, "literal", range(2), part=part)
    before = part.read_bytes()
    with pytest.raises(ScenarioError, match=r"run\.run"):
        runner.run("x", counted, "repaired", range(2), part=part)
    smaller = Scenario.load("literal").replace(users=20)
    with pytest.raises(ScenarioError, match=r"run\.run"):
        runner.run("x", counted, "literal", range(2), part=part, scenario=smaller)
    monkeypatch.setattr(runner, "fingerprint", lambda *_: "other code")
    with pytest.raises(ScenarioError, match=r"run\.code"):
        runner.run("x", counted, "literal", range(2), part=part)
    assert part.read_bytes() == before


def test_progress_is_told_once_a_seed() -> None:
    told: list[int] = []
    runner.run("x", small, "literal", [5, 3, 5], done=lambda: told.append(1))
    assert len(told) == 2


def test_store_and_read_back(tmp_path) -> None:
    frame = runner.run("2", small, "literal", range(3))
    path = save_table(frame, tmp_path / "table.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    np.testing.assert_allclose(pd.read_csv(path)["value"], frame["value"], rtol=1e-9)


@pytest.mark.parametrize(
    ("figure", "track", "seeds"), [("6", "literal", 1), ("2", "printed", 1), ("2", "literal", [])]
)
def test_bad_requests_are_refused(figure, track, seeds) -> None:
    with pytest.raises(ScenarioError):
        experiment(figure, track, seeds)


def test_deviation_sees_a_changed_value_and_a_missing_row() -> None:
    frame = runner.run("2", small, "literal", range(3))
    assert deviation(frame, frame) == 0
    assert deviation(frame.assign(value=frame["value"] * 1.01), frame) == pytest.approx(0.01)
    with pytest.raises(ScenarioError):
        deviation(frame, frame.iloc[1:])


def test_interval_is_students() -> None:
    mean, half = interval(np.array([1.0, 2.0, 3.0]))
    assert (mean, half) == (2.0, pytest.approx(4.302653 / 3**0.5, rel=1e-6))
    assert interval(np.array([4.0])) == (4.0, 0.0)


def test_effect_of_a_constant_factor_is_exact() -> None:
    other = np.array([9.0, 10.0, 12.0, 11.0])
    found = effect(0.5 * other, other)
    assert (found.ratio, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    assert found.verdict == "lower"
    assert effect(other, 0.5 * other).verdict == "higher"
    assert effect(1.001 * other, other).verdict == "tie"
    assert effect(other[::-1], other).verdict == "undecided"
    assert effect(other[:1], other[:1]).verdict == "undecided"


def test_the_interval_covers_the_true_ratio() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        other = rng.lognormal(2, 1, 30)
        found = effect(0.8 * other * rng.lognormal(0, 0.1, 30), other)
        covered += found.low <= 0.8 <= found.high
    assert 0.92 < covered / 400 < 0.98


def test_select_names_what_is_missing() -> None:
    with pytest.raises(ScenarioError, match=r"nobody"):
        select(stored(2, "literal"), "energy", "nobody")


def test_compare_and_curve_agree_with_pandas() -> None:
    frame = stored(5, "repaired")
    means = frame[frame.metric == "energy"].groupby(["method", "x"]).value.mean()
    for x, found in compare(frame, "energy", "proposed", "random").items():
        assert found.means == pytest.approx(means["proposed", x] / means["random", x])
    table = curve(frame, "energy", "greedy").set_index("x")
    assert table["mean"][60.0] == pytest.approx(means["greedy", 60.0])
