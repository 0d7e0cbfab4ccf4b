"""`mecllm scenario`, `compare`, and the others on scenarios and networks of one's own."""

from __future__ import annotations

import re
import sys

import pandas as pd
import pytest

from mecllm.cli import app as cli
from mecllm.methods import METHODS, solve
from mecllm.study.checks import CHECKED
from mecllm.system.network import Network
from mecllm.system.parameters import Law
from mecllm.system.scenario import TRACKS, Scenario

SMALL = 'base = "repaired"\nusers = 4\nservers = 2\n'


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run `mecllm` in an empty folder; returns exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["mecllm", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.mark.parametrize("base", TRACKS)
def test_a_new_scenario_is_its_base_also_with_every_key_said(run, tmp_path, base) -> None:
    assert run("scenario", "new", "mine.toml", "--base", base)[0] == 0
    code, out, _ = run("scenario", "check", "mine.toml")
    assert (code, "mine.toml: no fault; 50 users, 10 servers" in out) == (0, True)
    text = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    # Every key and flag said, the files not.
    said = re.sub(r"^# (?=\w+ = |\[formulation\])", "", text.partition("# [files]")[0], flags=re.M)
    said = "\n".join(line for line in said.splitlines() if "_device = " not in line)
    (tmp_path / "said.toml").write_text(said, encoding="utf-8")
    one, other = Scenario.load(base), Scenario.load("said.toml")
    for key, spec in Scenario.specs().items():
        values = [getattr(scenario, key) for scenario in (one, other)]
        assert values[0] == values[1], key
        assert isinstance(values[0], Law) == spec.drawn
    assert one.formulation == other.formulation


def test_a_file_that_is_there_is_not_written_over(run, tmp_path) -> None:
    (tmp_path / "mine.toml").write_text(SMALL)
    code, _, err = run("scenario", "new", "mine.toml")
    assert (code, err.count("\n"), "a new file" in err) == (2, 1, True)
    assert (tmp_path / "mine.toml").read_text() == SMALL


def test_check_lists_all_faults_with_their_lines(run, tmp_path) -> None:
    lines = ['base = "repaired"', "", "layers = 1", "colour = 3", "[tokens]", "value = 5",
             'law = "normal"', "[formulation]", 'capacity = "[some]"']  # fmt: skip
    (tmp_path / "bad.toml").write_text("\n".join(lines))
    code, out, _ = run("scenario", "check", "bad.toml")
    assert code == 2
    for line, key in ((3, "layers"), (4, "colour"), (7, "tokens.law"), (9, "formulation.capacity")):
        assert f"bad.toml, line {line}: {key} = " in out
    assert "'[some]'" in out
    assert "4 faults" in out
    assert "allowed: a whole number >= 2" in out


def test_units_in_brackets_stay_on_the_terminal(run) -> None:
    _, out, _ = run("solve", "repaired", "--method", "edge_only")
    assert "delay, mean of users [s]" in out
    assert "energy, all users [J]" in out


def test_solve_writes_a_table_a_network_and_a_decision_that_verify_reads(run, tmp_path) -> None:
    (tmp_path / "[s]mall.toml").write_text(SMALL)
    words = ("--method", "priced", "--table", "t.csv", "--save", "d.json", "--network", "n.npz")
    code, out, _ = run("solve", "[s]mall.toml", "--seed", 3, *words)
    assert (code, "priced on [s]mall.toml, seed 3" in out) == (0, True)
    network = Network.load("n.npz")
    found = solve(network, "priced", 3)
    table = pd.read_csv("t.csv", index_col="user")
    pd.testing.assert_frame_equal(table, found.to_frame(), check_dtype=False)
    code, out, _ = run("verify", "n.npz", "d.json", "--claimed", found.objective)
    assert (code, "accepted" in out) == (0, True)
    assert run("verify", "literal", "d.json")[0] == 2
    assert {p.name for p in tmp_path.iterdir()} == {"[s]mall.toml", "t.csv", "d.json", "n.npz"}


def test_compare_tells_of_every_method(run, tmp_path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    code, out, _ = run("compare", "small.toml", "--table", "t.csv", "--save", "c.png")
    assert code == 0
    table = pd.read_csv("t.csv", index_col="method")
    assert list(table.index) == list(METHODS)
    for method in METHODS:
        assert method in out
    network = Scenario.load("small.toml").draw(0)
    assert table.loc["priced", "objective"] == solve(network, "priced").objective
    assert 0 <= table.loc["priced", "gap"] == table["gap"].min()
    assert "edge_only: outside (9a): no gap" in out
    assert (tmp_path / "c.png").stat().st_size > 10_000


def test_a_method_that_cannot_solve_it_says_why(run, tmp_path) -> None:
    text = SMALL + "weight_energy = 0\nweight_delay = 0\n"
    (tmp_path / "stable.toml").write_text(text)
    code, out, _ = run("compare", "stable.toml")
    assert code == 0
    assert "proposed: weights: (energy, delay)" in out


def test_claims_are_decided_on_networks_of_a_scenario(run, tmp_path, monkeypatch) -> None:
    """Ten users a server: 20 are left of Figure 5, and Figure 4 has 100 on 5 servers."""
    from mecllm.study import own

    (tmp_path / "small.toml").write_text(f"{SMALL}admission_MHz = 2\n")
    words = ("claims", "small.toml", "--seeds", 2, "--workers", 1)

    def stopped(figure, *rest):
        return study(figure, *rest) if figure == "2" else 1 / 0

    study = own.run
    with monkeypatch.context() as patch:
        patch.setattr(own, "run", stopped)
        with pytest.raises(ZeroDivisionError):
            run(*words)
    # What is finished is kept, and gone once all is.
    assert [path.name for path in tmp_path.glob("*.part")] == ["small.toml.claims-2.part"]
    code, out, _ = run(*words)
    assert code == 0
    assert not list(tmp_path.glob("*.part"))
    text = " ".join(out.split())
    for claim in CHECKED:
        assert re.search(rf"^{claim} +[a-z]", out, re.MULTILINE)
        untested = re.search(rf"^{claim} +not tested", out, re.MULTILINE)
        assert bool(untested) == claim.startswith("C"), claim
    assert re.search(r"C1, C2, C3: not tested with 100 users on 5.* servers: .*users = 100", text)
    left_out = "40, 60, 80, 100 users on 2 servers: association: users = 40 .*expected <= 20,"
    assert re.search(rf"D1, .*D7, E1, E2: not tested with {left_out}", text)
    assert "small.toml, 2 networks: " in text


def test_a_figure_that_no_network_can_be_drawn_for_is_not_tested(run, tmp_path) -> None:
    """Servers are drawn with replacement: all may be those that admit one user."""
    (tmp_path / "servers.csv").write_text("bandwidth_MHz\n1\n3\n")
    (tmp_path / "two.toml").write_text(
        'base = "repaired"\nusers = 4\n[files]\nservers = "servers.csv"\n'
    )
    code, out, _ = run("claims", "two.toml", "--seeds", 3)
    assert code == 0
    assert f"two.toml, 3 networks: {len(CHECKED)} not tested" in out
