"""Claims about the training itself: stored measurements, and checks that can say yes and no."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mecllm.errors import ScenarioError
from mecllm.study import training
from mecllm.study.ledgers import ledger
from mecllm.study.store import Store
from mecllm.study.training import _SETTINGS, _measure, run, stored_training, tasks
from mecllm.study.training_claims import alphas, decide_training, exponent, values
from mecllm.training.corpus import LAYERS
from mecllm.training.readings import READINGS
from tests.book import ROOT

# Ten digits are stored. Twelve steps of Adam amplify the last bits of another linear algebra.
TOLERANCE = 1e-6


# -- What is stored --------------------------------------------------------------------------------


def test_every_task_is_stored_for_every_draw():
    frame, key = stored_training(), ["setting", "reading", "alpha", "draw"]
    wanted = tasks()
    assert set(frame[key].itertuples(index=False, name=None)) == set(wanted)
    assert len(frame) == sum(_SETTINGS[task.setting].epochs for task in wanted)


@pytest.mark.parametrize(
    ("setting", "reading", "alpha", "draw"),
    [("main", "rest frozen", 1, 0), ("gradient steps", "relaxed", 6, 0)],
)
def test_stored_measurements_are_what_a_fresh_run_gives(setting, reading, alpha, draw):
    frame = stored_training()
    here = (frame["setting"] == setting) & (frame["reading"] == reading)
    kept = frame[here & (frame["alpha"] == alpha) & (frame["draw"] == draw)]
    fresh = pd.DataFrame(_measure(_SETTINGS[setting], reading, alpha, draw))
    np.testing.assert_allclose(fresh, kept[fresh.columns], rtol=TOLERANCE)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(fresh * (1 + 2 * TOLERANCE), kept[fresh.columns], rtol=TOLERANCE)


def test_stored_counts_are_what_is_counted_now():
    kept = stored_training("training-costs")
    fresh = pd.DataFrame(
        [*training._operations(), *training._traffic()], columns=kept.columns
    ).astype(kept.dtypes)
    pd.testing.assert_frame_equal(fresh, kept[kept["quantity"] != "seconds"])
    with pytest.raises(ScenarioError, match="name"):
        stored_training("elsewhere")


@pytest.mark.parametrize("row", [c for c in ledger() if c.id[0] == "L"], ids=lambda c: c.id)
def test_the_ledger_says_what_the_stored_measurements_say(row):
    verdict, numbers = decide_training()[row.id]
    assert row.verdict == {"both": verdict}, numbers


def test_every_check_has_its_row():
    assert {c.id for c in ledger() if c.id[0] == "L"} == set(decide_training())


# -- The checks, on made-up measurements -----------------------------------------------------------

NOISE = np.random.default_rng(0).normal(0, 0.01, 8)


def made(change, moved=0.02, reordered=0.05, gap=0.5):
    """Measurements whose |Δℓ| is a function of reading and α, with a little noise over draws."""
    cells = {(r, a) for r in READINGS for a in range(1, LAYERS + 1)}
    rows = [
        {
            "setting": "main",
            "reading": reading,
            "alpha": alpha,
            "draw": draw,
            "epoch": 3,
            "training": 1.5,
            "other": 1.5 + gap,
            "change": change(reading, alpha) * (1 + noise),
            "signed": change(reading, alpha) * (1 + noise),
            "moved": (moved(alpha) if callable(moved) else moved) * (1 + noise),
            "reordered": reordered,
        }
        for reading, alpha in sorted(cells)
        if alpha < LAYERS or reading not in ("rest frozen", "relaxed")
        for draw, noise in enumerate(NOISE)
    ]
    return pd.DataFrame(rows)


def constant(reading, alpha):
    return 0.4


def bound(reading, alpha):
    """As Theorem 1's bound; at α = Υ, where that is infinite, twice the last."""
    return 0.05 / (1 - alpha / LAYERS) if alpha < LAYERS else 0.8


def as_measured(reading, alpha):
    if reading == "adapted":
        return 0.5 - 0.04 * alpha
    return 0.4 if reading == "as described" else 0.2 + 0.025 * alpha - 1e-4


def paid(**changes):
    """Costs as the formulas of Section 3 have them, or otherwise."""
    quantity = {"adapters": 1.0, "down": 0.05, "time": 1.0} | changes
    rows = [
        ("operations", "full tuning", 576, 1.0, 1.0),
        ("operations", "adapters", 576, quantity["adapters"], 1.0),
        ("bytes", "up, float32, α = 1", 32, 100, 100),
        ("bytes", "down, float32, α = 1", 32, 100 * quantity["down"], 100),
        ("seconds", "full tuning", 32, 1.0, 1.0),
        ("seconds", "full tuning", 64, 4.0 * quantity["time"], 4.0),
    ]
    return pd.DataFrame(rows, columns=["quantity", "case", "width", "value", "formula"])


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("L1", {}, "holds"),
        ("L1", {"adapters": 0.7}, "does not hold"),
        ("L2", {}, "holds"),
        ("L2", {"down": 1.0}, "does not hold"),
        ("L3", {}, "holds"),
        ("L3", {"time": 0.5}, "does not hold"),
    ],
)
def test_claims_about_costs_can_be_true_and_false(claim, changes, verdict):
    assert decide_training(made(constant), paid(**changes))[claim][0] == verdict


@pytest.mark.parametrize(
    ("claim", "frame", "verdict"),
    [
        ("L4", made(constant), "does not hold"),
        ("L4", made(bound), "holds"),
        ("L5", made(constant), "does not hold"),
        ("L5", made(as_measured), "holds only if"),
        ("L5", made(bound), "holds"),
        ("L6", made(as_measured), "does not hold"),
        ("L6", made(bound), "holds"),
        ("L7", made(constant), "does not hold"),
        ("L7", made(constant, moved=lambda alpha: 0.01 * alpha), "holds"),
        ("L8", made(constant), "does not hold"),
        ("L8", made(constant, moved=0.4), "holds"),
    ],
)
def test_claims_about_stability_can_be_true_and_false(claim, frame, verdict):
    found, numbers = decide_training(frame, paid())[claim]
    assert found == verdict, numbers


def test_readings_share_the_run_in_which_all_layers_move():
    frame = made(as_measured)
    assert alphas(frame, "relaxed")[-1] == LAYERS
    shared = values(frame, "change", "rest frozen", LAYERS)
    assert np.array_equal(shared, values(frame, "change", "as described", LAYERS))
    slope, half = exponent(made(bound), "rest frozen")
    assert slope == pytest.approx(-1, abs=half + 1e-9)


# -- The run ---------------------------------------------------------------------------------------


def stub(task):
    if task.draw == 1 and os.environ.get("MECLLM_STOP"):
        raise KeyboardInterrupt
    return [{"epoch": 1, "change": 0.1 * task.alpha + task.draw}]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    part, wanted = tmp_path / "training.part", tasks(2)
    monkeypatch.setattr(training, "_work", stub)
    monkeypatch.setenv("MECLLM_STOP", "1")
    with pytest.raises(KeyboardInterrupt):
        run(wanted, part=part)
    with Store(part, training._identity(), training._Task, training._Rows) as store:
        kept = dict(store.rows())
    assert kept.keys() == {task for task in wanted if task.draw == 0}
    monkeypatch.delenv("MECLLM_STOP")
    ticks, computed = [], []
    monkeypatch.setattr(training, "_work", lambda task: computed.append(task) or stub(task))
    frame = run(wanted, part=part, done=lambda: ticks.append(1))
    assert {task.draw for task in computed} == {1}
    assert len(ticks) == len(wanted) == len(frame)
    assert frame.equals(run(wanted[::-1]))


def test_the_file_of_another_code_is_refused(tmp_path, monkeypatch):
    part = tmp_path / "training.part"
    monkeypatch.setattr(training, "_work", stub)
    run(tasks(1)[:1], part=part)
    monkeypatch.setattr(training, "_identity", lambda: json.dumps({"run": "training", "code": "x"}))
    with pytest.raises(ScenarioError, match=r"run\.code"):
        run(tasks(1)[:1], part=part)


def test_the_command_says_what_it_takes():
    told = subprocess.run(
        [sys.executable, "-m", "mecllm.cli.app", "train", "--help"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout
    assert "--workers" in told
    assert "--draws" in told
