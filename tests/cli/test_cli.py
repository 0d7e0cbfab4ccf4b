"""The command line: what it prints, what it saves, and how it ends on bad input."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mecllm import methods
from mecllm.cli import app as cli
from mecllm.errors import SolverError
from mecllm.methods import solve
from mecllm.system.files import data_path
from mecllm.system.scenario import Scenario
from mecllm.system.solution import load_decision


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `mecllm` with some words; returns exit code, standard output and error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["mecllm", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


def test_table(run) -> None:
    code, out, err = run("solve", "literal", "--seed", "1", "--method", "edge_only")
    assert (code, err) == (0, "")
    solution = solve(Scenario.load("literal").draw(1), "edge_only")
    assert "edge_only on literal, seed 1" in out
    assert f"{solution.objective:.6g}" in out
    assert "energy, all users [J]" in out
    assert f"{solution.energy:.6g}" in out
    assert "0 / 0 / 0" in out


def test_json(run) -> None:
    code, out, err = run("solve", "repaired", "--method", "local_only", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    expected = solve(Scenario.load("repaired").draw(0), "local_only").summary()
    assert found == {"scenario": "repaired", "seed": 0} | expected


def test_json_has_no_infinity(run) -> None:
    code, out, _ = run("solve", "literal", "--method", "local_only", "--json")
    assert code == 0
    assert json.loads(out, parse_constant=pytest.fail)["objective"] is None


def test_save(run, tmp_path) -> None:
    path = tmp_path / "a decision.json"
    code, _, err = run("solve", "literal", "--method", "edge_only", "--save", path)
    assert (code, err) == (0, "")
    expected = solve(Scenario.load("literal").draw(0), "edge_only").decision
    assert load_decision(path).bandwidth.tobytes() == expected.bandwidth.tobytes()
    assert list(tmp_path.iterdir()) == [path]


def test_own_scenario_file(run, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    text = data_path("scenarios", "literal.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("value = 50\n", "value = 12\n", 1), encoding="utf-8")
    code, out, _ = run("solve", path, "--method", "edge_only", "--json")
    assert code == 0
    expected = solve(Scenario.load("literal").replace(users=12).draw(0), "edge_only")
    assert json.loads(out)["objective"] == expected.objective


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["papre"], "name = 'papre'"),
        (["absent.toml"], "absent.toml: file"),
        (["literal", "--method", "best"], "method = 'best'"),
    ],
)
def test_bad_input_ends_in_one_line(run, tmp_path, words, part) -> None:
    path = tmp_path / "decision.json"
    code, out, err = run("solve", *words, "--save", path)
    assert (code, out) == (2, "")
    assert err.startswith("mecllm: ")
    assert err.count("\n") == 1
    assert part in err
    assert not list(tmp_path.iterdir())


def test_a_failed_solver_ends_in_one_line(run, tmp_path, monkeypatch) -> None:
    def failing(*_, **__):
        raise SolverError("Clarabel ended P4 with status infeasible")

    monkeypatch.setattr(methods, "solve", failing)
    code, out, err = run("solve", "literal", "--save", tmp_path / "decision.json")
    assert (code, out) == (3, "")
    assert err == "mecllm: Clarabel ended P4 with status infeasible\n"
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_ends_in_one_line(run, tmp_path) -> None:
    path = tmp_path / "absent" / "decision.json"
    code, out, err = run("solve", "literal", "--method", "edge_only", "--save", path)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert not path.parent.exists()


def test_an_interrupted_save_leaves_the_old_file(run, tmp_path, monkeypatch) -> None:
    path = tmp_path / "decision.json"
    path.write_text("old", encoding="utf-8")
    real = type(path).write_text

    def full_disk(self, text, **options):
        real(self, text[: len(text) // 2], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_text", full_disk)
    code, _, err = run("solve", "literal", "--method", "edge_only", "--save", path)
    assert (code, err.count("\n")) == (4, 1)
    assert path.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("words", [["--seed", "-1"], ["--seed", "one"], ["--colour"]])
def test_a_wrong_option_is_refused(run, words) -> None:
    code, out, err = run("solve", "literal", *words)
    assert (code, out) == (2, "")
    assert words[0] in err


def test_as_a_program() -> None:
    """Bad input in a process of its own: exit code, one line, no traceback."""
    command = [sys.executable, "-m", "mecllm.cli.app", "solve", "papre"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


HEAVY = [
    "cvxpy",
    "sympy",
    "matplotlib",
    "pandas",
    "joblib",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
]


@pytest.mark.parametrize(
    ("start", "absent"),
    [
        ("import mecllm", ["numpy", "rich", "typer", *HEAVY]),
        ("import mecllm.cli.app", ["numpy", "rich", *HEAVY]),
        ("import mecllm.system.model", HEAVY),
        ("from mecllm import *", HEAVY),
        ("import mecllm.atlas", HEAVY),
    ],
)
def test_starting_does_not_load_what_it_does_not_need(start, absent) -> None:
    """SciPy, Matplotlib, pandas and CVXPY take a second each to import."""
    code = f"{start}; import sys; print(set({absent}) & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_help_comes_at_once(tmp_path) -> None:
    """It draws no picture and needs no NumPy; 0.3 s on an idle machine."""
    times = tmp_path / "imports"
    command = [sys.executable, "-X", "importtime", "-m", "mecllm.cli.app", "--help"]
    with times.open("w") as file:
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=file, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in times.read_text().splitlines()}
    assert "solve" in ended.stdout
    assert not {"numpy", "rich", *HEAVY} & loaded


def test_importing_reads_and_derives_nothing() -> None:
    """Tables and derivations are made when they are asked for."""
    code = """
import pathlib, pkgutil
import matplotlib, pandas, scipy.stats, sympy, typer
import mecllm

def refuse(*words, **more):
    raise AssertionError(f"read or derived while importing: {words}")

pathlib.Path.read_text = pathlib.Path.read_bytes = pathlib.Path.open = refuse
sympy.diff = sympy.solve = sympy.factor = refuse
for module in pkgutil.walk_packages(mecllm.__path__, "mecllm."):
    __import__(module.name)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_help_names_every_method() -> None:
    assert methods.METHODS == cli._METHOD_NAMES


def test_peers_that_are_not_installed_end_in_one_line(run, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("mecllm.study.peers._EXTRA", ("no_such_solver",))
    code, out, err = run("bench", "peers", "--out", tmp_path / "peers.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no_such_solver" in err
    assert "pip install -e .[peers]" in err
