"""`mecllm results`: one command that may be killed, goes on where it was, and says what it cost."""

from __future__ import annotations

import csv

import pytest
import typer
from typer.testing import CliRunner

from mecllm.cli import regenerate
from mecllm.errors import ScenarioError

MADE: list[str] = []


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command with three quick jobs, the second of which fails the first time."""
    MADE.clear()
    (tmp_path / "results").mkdir()
    monkeypatch.setattr("mecllm.system.files.data_path", tmp_path.joinpath)

    def job(name):
        def make(workers, parts, done):
            MADE.append(name)
            if MADE.count("second") == 1 and name == "second":
                raise KeyboardInterrupt
            done()

        return regenerate._Job(name, 1, make)

    monkeypatch.setattr(regenerate, "_jobs", lambda: iter(map(job, ("first", "second", "third"))))
    app = typer.Typer()
    regenerate.register(app)
    return lambda *words: CliRunner().invoke(app, list(words))


def log(tmp_path):
    with (tmp_path / "results" / "log.csv").open(encoding="utf-8", newline="") as file:
        return [row["table"] for row in csv.DictReader(file)]


def test_an_interrupted_run_goes_on(run, tmp_path) -> None:
    assert run().exit_code != 0
    assert MADE == ["first", "second"]
    assert (tmp_path / "results" / "parts" / "log.sqlite").exists()
    ended = run()
    assert ended.exit_code == 0, ended.output
    assert MADE == ["first", "second", "second", "third"]
    assert log(tmp_path) == ["first", "second", "third"]
    assert not (tmp_path / "results" / "parts").exists()


def test_what_other_code_began_is_refused(run, monkeypatch) -> None:
    assert run().exit_code != 0
    monkeypatch.setattr("mecllm.study.fingerprint.fingerprint", lambda *_: "other code")
    ended = run()
    assert isinstance(ended.exception, ScenarioError)
    assert MADE == ["first", "second"]


def test_a_part_keeps_the_log_of_the_rest(run, tmp_path) -> None:
    run()
    run()
    assert run("--only", "th").exit_code == 0
    assert MADE[-1] == "third"
    assert log(tmp_path) == ["first", "second", "third"]


def test_every_stored_table_has_its_job() -> None:
    names = [job.name for job in regenerate._jobs()]
    assert len(names) == len(set(names))
    for start in ("figure-2-literal", "figure-5-repaired", "settings-literal: ", "settings"):
        assert any(name.startswith(start) for name in names)
    assert names[-4:] == ["certificates", "atlas", "shares", "flips"]
