"""Sweeps that run, are killed, shared and spread over processes, and the files they write."""

import ctypes
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

import pandas as pd
import psutil
import pytest
from typer.testing import CliRunner

from mecllm.atlas import Outcome, Sweep, Task, export, run
from mecllm.atlas.engine import _opened
from mecllm.cli import sweep as cli_sweep
from mecllm.errors import ScenarioError
from tests.atlas.sweeps import POINTS, SPEC, count, rows
from tests.book import ROOT


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
    task = Task(0, "literal", 0, "proposed")

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


@pytest.mark.parametrize("numbers", [{"points": 0}, {"workers": 0}])
def test_no_points_or_workers(small, tmp_path, numbers):
    with pytest.raises(ScenarioError, match=">= 1"):
        run(small, path=tmp_path / "rows.sqlite", **{"points": 1, **numbers})


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
