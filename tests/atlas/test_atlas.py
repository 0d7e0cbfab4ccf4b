"""The sensitivity atlas: its space, its file, its engine and its analysis."""

import ctypes
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given, strategies as st
from scipy.stats import qmc
from typer.testing import CliRunner

from mecllm.allocation import allocate
from mecllm.atlas import STAND_INS, Interval, Outcome, Sweep, Task, export, measure, run
from mecllm.atlas.engine import _opened
from mecllm.atlas.flips import coordinates, margin_at, nearest_flip, start_unit, threshold
from mecllm.atlas.indices import sobol_indices
from mecllm.atlas.results import CLAIMS, STATEMENTS, Results, margin, shares, wilson
from mecllm.atlas.rows import _assignment, _regime_ratio
from mecllm.cli import sweep as cli_sweep
from mecllm.errors import ScenarioError
from mecllm.pictures.atlas_page import interactive
from mecllm.study.statistics import TIE_BAND as TIE
from mecllm.system.association import greedy
from mecllm.system.files import data_path
from mecllm.system.scenario import Scenario
from tests.book import ROOT

POINTS = 64
SPEC = """
name = "small"
summary = "a few users, the quickest methods"
seed = 3
replicates = 1
methods = ["joint", "alpha_only", "local_only"]
[tracks]
literal = "paper"
repaired = "repaired"
[parameters.users]
range = [10, 12]
source = "small"
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "small.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def small(spec):
    return Sweep.load(spec)


@pytest.fixture(scope="module")
def undisturbed(small, tmp_path_factory):
    """Rows of a sweep that nothing has disturbed."""
    path = tmp_path_factory.mktemp("undisturbed") / "rows.sqlite"
    summary = run(small, POINTS, path)
    assert (summary.wanted, summary.found, summary.added) == (POINTS * 6, 0, POINTS * 6)
    return rows(path, small)


def rows(path, sweep):
    with _opened(sweep, path) as store:
        return list(store.rows())


def start(spec, path, workers, pause=0.0):
    """Sweep in a process of its own; a pause after each row leaves time to kill it in between."""
    code = (
        "import sys, time\n"
        "from mecllm.atlas import Sweep, run\n"
        "if __name__ == '__main__':\n"
        f"    wait = lambda done, wanted: time.sleep({pause})\n"
        f"    small = Sweep.load({str(spec)!r})\n"
        f"    print(run(small, {POINTS}, {str(path)!r}, {workers}, progress=wait).added)"
    )
    script = path.with_suffix(".py")  # spawned workers import the script again
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def count(path):
    """Rows in a file, seen from outside while a sweep writes it."""
    if not path.exists() or not path.stat().st_size:
        return 0
    with sqlite3.connect(path, timeout=30) as db:
        return db.execute("SELECT count(*) FROM rows").fetchone()[0]


def children(pid):
    return [child.pid for child in psutil.Process(pid).children()]


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_ended(pids):
    """Nothing is left of these processes, after a moment to fall down in."""
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids)), "a sweep that has ended left workers behind"


# --- Killed, shared, spread --------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("whole_group", [False, True])  # a terminal tells the workers too
def test_ctrl_c_ends_it_at_once_and_the_same_command_goes_on(
    spec, small, undisturbed, tmp_path, workers, whole_group
):
    path = tmp_path / "rows.sqlite"
    arguments = ["sweep", spec, "--points", "2048", "--workers", str(workers), "--out", path]
    process = subprocess.Popen(
        [sys.executable, "-m", "mecllm.cli.app", *arguments],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while count(path) < 20:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    workers_seen = children(process.pid)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert_ended(workers_seen)
    left = count(path)
    assert 20 <= left < 2048 * 6, "stopped too late to show anything"
    run(small, POINTS, path)
    assert [row for row in rows(path, small) if row[0].point < POINTS] == undisturbed


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_in_mid_sweep_it_continues_and_ends_with_the_same_rows(
    spec, small, undisturbed, tmp_path, workers
):
    path = tmp_path / "rows.sqlite"
    process = start(spec, path, workers, pause=0.01)
    while count(path) < 20:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    workers_seen = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = count(path)
    assert 20 <= left < len(undisturbed), "killed too late to show anything"
    summary = run(small, POINTS, path)
    assert summary.found == left
    assert summary.added == len(undisturbed) - left
    assert rows(path, small) == undisturbed
    assert_ended(workers_seen)


def test_two_processes_fill_one_file_together(spec, small, undisturbed, tmp_path):
    path, other = tmp_path / "rows.sqlite", tmp_path / "other"
    other.mkdir()
    (other / "rows.sqlite").symlink_to(path)  # the scripts of the two have different names
    processes = [start(spec, path, 1), start(spec, other / "rows.sqlite", 1)]
    added = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        added.append(int(out))
    assert sum(added) == len(undisturbed)
    assert rows(path, small) == undisturbed


def test_many_threads_may_create_the_same_file(small, tmp_path):
    path = tmp_path / "rows.sqlite"
    task = Task(0, "literal", 0, "joint")

    def add(number):
        with _opened(small, path) as store:
            return store.add(task, Outcome(energy=float(number)))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(16))) == 1


def test_dask_gives_the_same_rows_though_a_worker_is_killed(small, undisturbed, tmp_path):
    from distributed import Client, LocalCluster

    path = tmp_path / "rows.sqlite"
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",  # any free port
    )
    with cluster, Client(cluster) as client:
        pids = list(client.run(os.getpid).values())
        killed: list[int] = []

        def kill_one(done, wanted):
            if done > wanted // 4 and not killed:
                killed.append(done)
                os.kill(pids[0], signal.SIGKILL)

        summary = run(small, POINTS, path, dask=cluster.scheduler_address, progress=kill_one)
    assert killed
    assert summary.added == len(undisturbed)
    assert rows(path, small) == undisturbed


def test_more_points_continue_a_file_of_fewer(small, undisturbed, tmp_path):
    path = tmp_path / "rows.sqlite"
    run(small, 5, path)
    assert run(small, 9, path).found == 30
    assert rows(path, small) == undisturbed[: 9 * 6]


def test_an_unreachable_scheduler_is_one_clear_error(small, tmp_path, monkeypatch):
    monkeypatch.setattr("mecllm.study.jobs._CONNECT_SECONDS", 1)
    with pytest.raises(ScenarioError, match=r"dask = 'tcp://127.0.0.1:9' .* running Dask"):
        run(small, 2, tmp_path / "rows.sqlite", dask="tcp://127.0.0.1:9")


# --- Points that fail ---------------------------------------------------------------------------


def test_a_point_that_fails_is_a_row_with_its_error(spec, tmp_path):
    text = SPEC + '[parameters.admission_MHz]\nrange = [5, 40]\nsource = "some admit nobody"\n'
    path = tmp_path / "failing.toml"
    path.write_text(text, encoding="utf-8")
    sweep = Sweep.load(path)
    summary = run(sweep, 16, tmp_path / "rows.sqlite")
    assert summary.added == 96
    failed = [outcome for _, outcome in rows(tmp_path / "rows.sqlite", sweep) if outcome.error]
    assert 0 < len(failed) == summary.failed < 96
    assert all(o.error.startswith("ScenarioError: ") and o.energy is None for o in failed)
    assert run(sweep, 16, tmp_path / "rows.sqlite").added == 0
    export(sweep, tmp_path / "rows.sqlite", tmp_path / "rows.csv")
    frame = pd.read_csv(tmp_path / "rows.csv")
    assert frame["error"].notna().sum() == len(failed)


def test_a_number_that_is_none_is_an_error(monkeypatch):
    monkeypatch.setitem(STAND_INS, "joint", lambda network, seed: None)
    monkeypatch.setattr("mecllm.atlas.rows._outcome", lambda *_: Outcome(energy=float("nan")))
    outcome = measure(Scenario.load("paper"), {}, 0, "joint")
    assert outcome == Outcome(error="not a number: energy")


# --- Files that are not what they should be -----------------------------------------------------


def text_file(path, _):
    path.write_text("point,track\n0,literal\n", encoding="utf-8")


def other_database(path, _):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE rows (point INTEGER)")


def other_sweep(path, sweep):
    run(replace(sweep, seed=99), 1, path)


def other_code(path, sweep):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mecllm.atlas.space.fingerprint", lambda module: "older")
        run(sweep, 1, path)


def half_a_file(path, sweep):
    run(sweep, 20, path)
    path.write_bytes(path.read_bytes()[:5000])


def overwritten_page(path, sweep):
    run(sweep, 20, path)
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 4] = os.urandom(4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "make", [text_file, other_database, other_sweep, other_code, half_a_file, overwritten_page]
)
def test_a_foreign_or_damaged_file_is_refused_untouched(small, tmp_path, make):
    path = tmp_path / "rows.sqlite"
    make(path, small)
    before = path.read_bytes()
    with pytest.raises(ScenarioError, match=r"rows\.sqlite: ") as caught:
        run(small, 2, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", [os.devnull, tempfile.gettempdir()])
def test_a_path_that_is_no_file_is_refused(small, path):
    with pytest.raises(ScenarioError, match="not a regular file"):
        run(small, 2, path)


def test_a_missing_folder_is_named(small, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        run(small, 2, tmp_path / "nowhere" / "rows.sqlite")


def bound_by_permissions():
    """Take from the superuser, in a child before it starts, the right to write where none may.

    Its name stays, and with it what it may read: the checkout may be closed to everyone else.
    Only Linux divides the superuser's rights; elsewhere the tests are run as someone else.
    """
    if os.geteuid() == 0:
        PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
        assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) == 0


def test_a_file_that_may_not_be_written_says_so(spec, small, tmp_path):
    path = tmp_path / "rows.sqlite"
    run(small, 1, path)
    before = path.read_bytes()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mecllm.cli.app", "sweep", spec, "--points", "2", "--out", path],
            cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=bound_by_permissions,
        )  # fmt: skip
    finally:
        tmp_path.chmod(0o755)
    assert done.returncode == 4  # the system refused
    assert "Traceback" not in done.stderr
    said = " ".join(done.stderr.split())
    assert re.search(r"rows\.sqlite: .*(written|readonly|unable to open)", said), said
    assert path.read_bytes() == before


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(small, undisturbed, tmp_path):
    path = tmp_path / "rows.sqlite"
    run(small, 1, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # No file may grow beyond this: what a full disk does to the log.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(OSError, match=r"rows\.sqlite: .*(disk|full).* are kept"):
            run(small, POINTS, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert 6 <= count(path) < len(undisturbed)
    run(small, POINTS, path)
    assert rows(path, small) == undisturbed


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sead = 3", "sead = 3 .* one of name"),
        ("seed = 3", "", "seed = '\\(missing\\)'"),
        ("seed = 3", "seed = -3", "seed = -3 .* >= 0"),
        ("seed = 3", "seed = true", "seed = True"),
        ("replicates = 1", "replicates = 0", "replicates = 0 .* >= 1"),
        ('"local_only"', '"magic"', "methods = .* joint"),
        ('"local_only"', '"joint"', "without repetition"),
        ('"paper"', '"newspaper"', "name = 'newspaper'"),
        ('"paper"', "7", "tracks.literal = 7"),
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


@pytest.mark.parametrize("numbers", [{"points": 0}, {"workers": 0}])
def test_no_points_or_workers(small, tmp_path, numbers):
    with pytest.raises(ScenarioError, match=">= 1"):
        run(small, path=tmp_path / "rows.sqlite", **{"points": 1, **numbers})


# --- The space ----------------------------------------------------------------------------------


def test_the_points_are_scrambled_sobol_points_and_nested():
    atlas = Sweep.load("atlas")
    points = atlas.coordinates(256)
    assert np.array_equal(points[:37], atlas.coordinates(37))
    assert np.all((points >= 0) & (points < 1))
    random = np.random.default_rng(0).uniform(size=points.shape)
    assert qmc.discrepancy(points) < qmc.discrepancy(random) / 2
    # Each sixteenth of each axis holds exactly a sixteenth of the points.
    assert np.all(np.apply_along_axis(np.bincount, 0, (16 * points).astype(int)) == 16)


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
            assert (
                measure(atlas.scenarios[track], atlas.values(track, unit), 0, "joint").error == ""
            )


# --- The methods --------------------------------------------------------------------------------


def test_the_stand_ins_solve_what_they_stand_for():
    for name in ("paper", "repaired"):
        scenario = Scenario.load(name).replace(users=20)
        network = scenario.draw(5)
        found = {method: measure(scenario, {}, 5, method) for method in STAND_INS}
        cost = {method: outcome.objective or np.nan for method, outcome in found.items()}
        assert cost["joint"] == allocate(network, greedy(network)).objective
        for other in ("alternating", "alpha_only", "resource_only"):
            assert cost["joint"] <= cost[other] * (1 + 1e-9)
        assert cost["assigned"] <= cost["joint"]
        assert found["local_only"].layers == network.layers


@pytest.mark.parametrize("users", [10, 11, 19, 47])
def test_the_assignment_fills_every_server_evenly(users):
    network = Scenario.load("paper").replace(users=users).draw(1)
    load = np.bincount(_assignment(network), minlength=network.servers)
    assert set(load) <= {users // 10, -(-users // 10)}
    assert load.sum() == users


def test_the_closed_form_threshold_is_where_the_regime_ratio_is_one():
    scenario = Scenario.load("paper").replace(user_cores=5, server_cores=3840)
    scenario = scenario.replace(server_flops_per_cycle=1.5, user_flops_per_cycle=64)
    ratio = float(threshold(scenario, np.array(64.0)))
    at = scenario.replace(user_kappa_W_per_Hz3=1e-27, server_kappa_W_per_Hz3=ratio * 1e-27).draw(0)
    assert _regime_ratio(at, greedy(at)) == pytest.approx(1.0, rel=1e-12)


# --- The analysis -------------------------------------------------------------------------------


def test_an_export_has_the_same_bytes_whatever_made_the_rows(small, undisturbed, tmp_path):
    first, second = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    run(small, 4, first)
    with _opened(small, second) as store:
        for task, outcome in reversed(undisturbed[:24]):
            assert store.add(task, outcome)
            assert not store.add(task, outcome)
    assert export(small, first, tmp_path / "a.csv.gz") == 24
    export(small, second, tmp_path / "b.csv.gz")
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert len(pd.read_csv(tmp_path / "a.csv.gz")) == 24


def made_up(**metrics):
    """One point with the given (method → energy, delay, stability, load)."""
    fields = ("energy", "delay", "stability", "load")
    table = {m: dict(zip(fields, values, strict=True)) for m, values in metrics.items()}
    return lambda metric, method: pd.Series([float(table[method][metric])])


def test_margins_are_positive_where_a_claim_holds_and_negative_where_it_fails():
    get = made_up(
        joint=(10, 10, 10, 2.5),
        assigned=(9.5, 9, 10, 1),
        random=(12, 8, 10, 1),
        edge_only=(11, 12, 9, 1),
        local_only=(12, 30, 99, 1),
        alternating=(10, 10, 10, 1),
        alpha_only=(9, 11, 12, 1),
        resource_only=(14, 15, 11, 1),
    )
    expected = {
        "A1": 0.1, "A2": 1.8, "A3": 2.0, "B1": -0.1, "B2": -0.1, "B3": -5 / 14,
        "B6": 0.0, "B7": 0.0, "B8": 4 / 11, "B9": 0.0, "B10": 0.2, "B11": -1 / 12,
        "D1": 0.5 / 9.5, "D2": 2.5 / 9.5, "D3": 0.2, "D4": 0.1 - 0.5 / 9.5, "D5": -1 / 9,
        "D6": -0.2, "D7": 1.5, "E1": -0.1, "E2": -1 / 9, "E3": 0.0,
    }  # fmt: skip
    assert {c: float(margin(c, get).iloc[0]) for c in STATEMENTS} == pytest.approx(expected)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    atlas = Sweep.load("atlas")
    run(atlas, 16, folder / "rows.sqlite")
    export(atlas, folder / "rows.sqlite", folder / "rows.csv")
    return folder / "rows.csv"


def test_shares_count_what_holds_ties_and_fails(exported, tmp_path):
    atlas = Sweep.load("atlas")
    results = Results.load(atlas, exported)
    found = shares(results)
    assert len(found) == 2 * len(STATEMENTS)
    assert len(CLAIMS) + 3 == len(STATEMENTS)
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
            assert np.shape(z) == (14, 14)


def _step(unit):
    return np.minimum((unit * 12).astype(int), 11)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (3, 10), (2048, 4096), (0, 0)])
def test_wilson_s_interval(k, n):
    low, high = wilson(k, n)
    assert 0 <= low <= high <= 1
    if n and 0 < k < n:
        # The ends are where |k/n - p| is 1.96 standard errors of p (Wilson's definition).
        for p in (low, high):
            assert abs(k / n - p) == pytest.approx(1.959964 * np.sqrt(p * (1 - p) / n), rel=1e-9)


def test_indices_of_a_function_whose_indices_are_known():
    x = qmc.Sobol(5, rng=np.random.default_rng(1)).random(2048)
    units = pd.DataFrame(x, columns=list("abcde"))
    # Orthogonal terms of variance 4/12, 1/12 and 9/144: the total variance is their sum.
    y = 2 * x[:, 0] + x[:, 1] + 3 * (x[:, 2] - 0.5) * (x[:, 3] - 0.5)
    total = 4 / 12 + 1 / 12 + 9 / 144
    noise = np.random.default_rng(0).standard_normal(2048)
    found = sobol_indices(units, pd.DataFrame({"y": y, "noise": noise, "constant": 7.0}))
    first = np.array([4 / 12, 1 / 12, 0, 0, 0]) / total
    both = np.array([4 / 12, 1 / 12, 9 / 144, 9 / 144, 0]) / total
    assert found.quality["y"] == pytest.approx(1, abs=1e-6)
    assert found.first["y"].to_numpy() == pytest.approx(first, abs=2e-3)
    assert found.total["y"].to_numpy() == pytest.approx(both, abs=2e-3)
    assert found.binned["y"].to_numpy() == pytest.approx(first, abs=0.02)
    assert found.quality["noise"] < 0.05
    assert found.binned["noise"].max() < 0.05
    assert found.quality["constant"] == 1
    assert not found.total["constant"].any()
    assert not found.binned["constant"].any()


def test_the_nearest_flip_turns_the_claim_and_each_change_is_needed(exported):
    results, seeds = Results.load(Sweep.load("atlas"), exported), range(1)
    atlas, flip = results.sweep, nearest_flip(results, "repaired", "A1", seeds)
    assert flip is not None
    assert (flip.before > TIE) != (flip.after > TIE)
    assert flip.changes
    home = start_unit(atlas, "repaired")
    assert margin_at(atlas, "repaired", home, "A1", seeds) == flip.before
    # Each changed constant is needed: with it at home, the claim is as before.
    for left_out in flip.changes:
        unit = home.copy()
        for key, (_, value) in flip.changes.items():
            if key != left_out:
                unit[atlas.keys.index(key)] = atlas.intervals["repaired"][key].unit(value)
        again = margin_at(atlas, "repaired", unit, "A1", seeds)
        assert (again > TIE) == (flip.before > TIE)


def test_the_stored_atlas_is_whole():
    """What chapter 14 shows: 4,096 points of each track or more, every method, nothing failed."""
    atlas = Sweep.load("atlas")
    results = Results.load(atlas, data_path("results", "atlas.csv.gz"))
    assert results.failed == 0
    points = results.margins.groupby(level="track").size()
    assert set(points.index) == set(atlas.scenarios)
    assert points.min() >= 4096
    assert not results.margins.isna().to_numpy().any()
    # It belongs to the sweep as it is now: the same result at its first point.
    for track in atlas.scenarios:
        unit = atlas.coordinates(1)[0]
        stored = results.on(track).outcomes["objective", "joint"].iloc[0]
        again = measure(atlas.scenarios[track], atlas.values(track, unit), 0, "joint")
        assert again.objective == pytest.approx(stored, rel=1e-4)


def test_the_command_continues_and_exports(spec, small, undisturbed, tmp_path):
    import typer

    app = typer.Typer()
    app.callback()(lambda: None)
    cli_sweep.register(app)
    out, csv = tmp_path / "rows.sqlite", tmp_path / "rows.csv"
    for points, there, added in ((2, 0, 12), (3, 12, 6)):
        arguments = [str(spec), "--points", str(points), "--out", str(out), "--export", str(csv)]
        result = CliRunner().invoke(app, ["sweep", *arguments])
        assert result.exit_code == 0, result.output
        assert f"{there} were there, {added} added" in " ".join(result.output.split())
    assert rows(out, small) == undisturbed[:18]
    assert len(pd.read_csv(csv)) == 18
