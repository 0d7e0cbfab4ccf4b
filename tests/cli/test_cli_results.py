"""`mecllm figure`, `mecllm results` and `mecllm claims`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from mecllm.cli.results import register
from mecllm.errors import ScenarioError
from mecllm.study import ledgers as claims, stored


@pytest.fixture
def run():
    app = typer.Typer()
    register(app)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_figure_runs_and_draws(run, tmp_path) -> None:
    picture = tmp_path / "two.png"
    ended = run("figure", 2, "--track", "repaired", "--seeds", 2, "--save", picture, "--workers", 1)
    assert ended.exit_code == 0, ended.output
    assert "2 seeds" in ended.output
    assert [path.name for path in tmp_path.iterdir()] == ["two.png"]
    assert picture.stat().st_size > 10_000


def test_figure_draws_what_is_stored(run, tmp_path) -> None:
    ended = run("figure", 4, "--stored", "--save", tmp_path / "four.pdf")
    assert ended.exit_code == 0, ended.output
    assert "60 seeds" in ended.output


@pytest.mark.parametrize("words", [("6",), ("2", "--track", "printed")])
def test_bad_input_is_refused(run, tmp_path, words) -> None:
    ended = run("figure", *words, "--seeds", 1, "--save", tmp_path / "x.png")
    assert isinstance(ended.exception, ScenarioError)
    assert not list(tmp_path.iterdir())


def kept(track, seeds, workers=1, done=None):
    """Tables as a fresh run of the first seed would give them, without the run."""
    return {f: (frame := stored(f, track))[frame["seed"] < seeds] for f in claims.FIGURES}


def test_claims_agree(run, monkeypatch) -> None:
    monkeypatch.setattr(claims, "fresh", kept)
    ended = run("claims")
    assert ended.exit_code == 0, ended.output
    assert "0 differences" in ended.output


def test_claims_fail_on_another_verdict(run, monkeypatch) -> None:
    monkeypatch.setattr(claims, "fresh", kept)
    recorded = claims.ledger()
    changed = [
        replace(c, verdict=dict.fromkeys(c.verdict, "holds only if")) if c.id == "A2" else c
        for c in recorded
    ]
    monkeypatch.setattr(claims, "ledger", lambda: tuple(changed))
    ended = run("claims")
    assert ended.exit_code == 1
    assert "A2 on the literal track" in ended.output


def test_claims_fail_on_another_number(run, monkeypatch) -> None:
    def off(*arguments, **options):
        tables = kept(*arguments, **options)
        tables["5"] = tables["5"].assign(value=tables["5"]["value"] * 1.01)
        return tables

    monkeypatch.setattr(claims, "fresh", off)
    ended = run("claims")
    assert ended.exit_code == 1
    assert "figure 5" in ended.output
