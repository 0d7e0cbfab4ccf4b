"""The comparison with peers: nothing that a method says is believed, and none can stop the rest."""

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mecllm.allocation import allocate
from mecllm.errors import ScenarioError, SolverError
from mecllm.study import peers
from mecllm.study.apart import Apart, Attempt, Place, _attempt, drawn
from mecllm.system.scenario import TRACKS

PLACE = Place("repaired", 6, 2, 1)


def honest(network, start, limit, seed):
    return start, "ended"


def greedy_for_more(network, start, limit, seed):
    return replace(start, bandwidth=2 * start.bandwidth), "optimal"


def boastful(network, start, limit, seed):
    return allocate(network, 1 - start.association).decision, "optimal"


def undefined(network, start, limit, seed):
    return replace(start, power=np.full(len(start.power), np.nan)), "optimal"


def helpless(network, start, limit, seed):
    raise SolverError("no point\nand a second line")


def busy(network, start, limit, seed):
    while network.users != 4:
        pass
    return start, "warm"


def asleep(network, start, limit, seed):
    if network.users != 4:
        time.sleep(60)
    return start, "warm"


def mortal(network, start, limit, seed):
    os._exit(3)


@pytest.mark.parametrize("track", ["literal", "repaired"])
def test_an_answer_within_the_constraints_gets_the_recomputed_objective(track):
    place = PLACE._replace(track=track)
    start = drawn(place)[1]
    row = peers._judged(place, _attempt(honest, place, 1.0))
    assert (row["failure"], row["objective"]) == ("", start.objective)
    assert 0 <= row["cpu_seconds"] < 1


def test_an_answer_outside_is_a_failure_whatever_it_says_of_itself():
    row = peers._judged(PLACE, _attempt(greedy_for_more, PLACE, 1.0))
    assert row["failure"] == "violates (9e)"
    assert row["status"] == "optimal"
    assert np.isnan(row["objective"])


def test_a_worse_answer_that_is_called_optimal_has_its_own_objective():
    network, start = drawn(PLACE)
    row = peers._judged(PLACE, _attempt(boastful, PLACE, 1.0))
    worse = allocate(network, 1 - start.decision.association).objective
    assert row["objective"] == pytest.approx(worse, rel=1e-12)
    assert worse != pytest.approx(start.objective, rel=1e-3)


def test_errors_and_numbers_that_are_none_are_failures():
    assert (
        peers._judged(PLACE, _attempt(undefined, PLACE, 1.0))["failure"] == "no decision: power[0]"
    )
    row = peers._judged(PLACE, _attempt(helpless, PLACE, 1.0))
    assert (row["failure"], row["status"]) == ("no answer", "SolverError: no point")


def test_who_overruns_sleeps_or_dies_stops_nobody_else():
    with Apart() as process:
        first = process.run("honest", honest, PLACE, 5.0)
        late = process.run("busy", busy, PLACE, 0.5)
        idle = process.run("asleep", asleep, PLACE, 0.05)
        dead = process.run("mortal", mortal, PLACE, 5.0)
        last = process.run("honest", honest, PLACE, 5.0)
    assert (late.decision, late.status) == (None, "overran its limit")
    assert (idle.decision, idle.status) == (None, "slept")
    # Twenty times the limit, and not the minute that it would sleep.
    assert 0.9 < idle.seconds < 30
    assert (dead.decision, dead.status) == (None, "its process died")
    for found in (first, last):
        assert found.status == "ended"
        assert found.decision.bandwidth.tobytes() == drawn(PLACE)[1].decision.bandwidth.tobytes()


@pytest.fixture
def few(monkeypatch):
    """Two measurements, of methods that need no extra; returns the calls that were made."""
    calls = []

    class Here:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def run(self, name, method, place, limit):
            calls.append(name)
            return _attempt(method, place, limit)

    monkeypatch.setattr(peers, "Apart", Here)
    monkeypatch.setattr(peers, "_EXTRA", ())
    entrants = {
        name: peers._Entrant(method, ("numpy",))
        for name, method in (("priced", honest), ("other", helpless))
    }
    monkeypatch.setattr(peers, "_ENTRANTS", entrants)
    monkeypatch.setattr(peers, "jobs", lambda quick: [(name, PLACE) for name in entrants])
    return calls


def test_a_run_goes_on_where_it_was_stopped_and_not_on_rows_of_other_code(few, tmp_path):
    path = tmp_path / "peers.csv"
    table = peers.run(path)
    assert few == ["priced", "other"]
    assert {"machine", "versions", "date", "limit"} <= set(table.columns)
    assert table.versions.str.contains("numpy").all()
    pd.testing.assert_frame_equal(peers.run(path), table)
    assert few == ["priced", "other"]
    table.iloc[:1].to_csv(path, index=False)
    assert len(peers.run(path)) == 2
    assert few == ["priced", "other", "other"]
    table.assign(code="other").to_csv(path, index=False)
    assert len(peers.run(path)) == 2
    assert few[3:] == ["priced", "other"]


def test_a_missing_extra_is_one_clear_error(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "_EXTRA", ("no_such_package",))
    with pytest.raises(ScenarioError, match=r"no_such_package.*pip install -e \.\[peers\]"):
        peers.run(tmp_path / "peers.csv")
    assert not (tmp_path / "peers.csv").exists()


def test_jobs_are_paired_balanced_and_fewer_when_quick():
    every, quick = list(peers.jobs()), list(peers.jobs(quick=True))
    assert len(set(every)) == len(every)
    assert set(quick) < set(every)
    places = {place for _, place in every}
    # Wherever somebody is measured so is `priced`; and there are fifty networks up to 50 users.
    assert {place for name, place in every if name == "priced"} == places
    for users in (5, 10, 20, 50):
        assert sum(place.users == users for place in places) == 50
    first = [place for _, place in every[: len(every) // 20]]
    assert abs(sum(place.track == "literal" for place in first) / len(first) - 0.5) < 0.1


def measured(method, seed, seconds, objective, failure=""):
    row = {"track": "repaired", "users": 5, "servers": 2, "seed": seed, "method": method}
    return row | {"cpu_seconds": seconds, "objective": objective, "failure": failure}


def test_ratios_are_to_priced_on_the_same_network_and_failures_count():
    table = pd.DataFrame(
        [
            measured("priced", 0, 1.0, 10.0),
            measured("priced", 1, 2.0, 20.0),
            measured("quick", 0, 0.1, 10.0 * (1 + 1e-7)),
            measured("quick", 1, 0.2, 21.0),
            measured("sound", 0, 4.0, 10.0),
            measured("sound", 1, 18.0, 19.0),
            measured("lost", 0, np.nan, np.nan, "no answer"),
            measured("lost", 1, 0.1, np.nan, "violates (9e)"),
        ]
    )
    ratio = peers.ratios(table).set_index("method")
    assert ratio.slower["quick"] == pytest.approx(0.1)
    assert ratio.slower["sound"] == pytest.approx(6.0)
    assert ratio.failures.to_dict() == {"priced": 0, "quick": 0, "sound": 0, "lost": 2}
    assert ratio.as_good.to_dict() == {"priced": 1.0, "quick": 0.5, "sound": 1.0, "lost": 0.0}
    # As good and faster on one network; better on the other, if slower; a failure never.
    assert ratio.wins.to_dict() == {"priced": 0, "quick": 1, "sound": 1, "lost": 0}
    (best,) = peers.best_peer(table).itertuples()
    assert (best.networks, best.reached, best.wins) == (2, 2, 2)
    assert best.slower == pytest.approx(np.sqrt(0.1 * 9.0))
    assert best.least == pytest.approx(0.1)


def test_where_no_peer_is_as_good_none_is_the_best():
    table = pd.DataFrame([measured("priced", 0, 1.0, 10.0), measured("quick", 0, 0.1, 11.0)])
    (best,) = peers.best_peer(table).itertuples()
    assert (best.networks, best.reached, best.wins) == (1, 0, 0)
    assert np.isnan(best.slower)


def test_an_attempt_without_a_decision_is_no_number():
    row = peers._judged(PLACE, Attempt(None, np.nan, 9.0, "overran its limit"))
    assert np.isnan(row["objective"])
    assert row["failure"] == "no answer"


def test_the_readme_says_what_the_stored_table_says():
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| ([\d,]+), (\d+) \| (.+?) \| (.+?) \|$", readme, re.MULTILINE)
    best = peers.best_peer(peers.stored_peers())
    sizes = best[["users", "servers"]].drop_duplicates().itertuples(index=False)
    assert [(int(n.replace(",", "")), int(m)) for n, m, *_ in told] == [tuple(s) for s in sizes]
    for n, m, *cells in told:
        for track, cell in zip(TRACKS, cells, strict=True):
            own = best[(best.track == track) & (best.users == int(n.replace(",", "")))]
            (row,) = own[own.servers == int(m)].itertuples()
            few = f"{row.slower:.3g} [{row.least:.2g}]"
            assert cell == ("–" if row.reached == 0 else few)
