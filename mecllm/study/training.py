"""The training itself, measured: readings, draws and settings, kept row by row while they run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mecllm.errors import ScenarioError
from mecllm.study.fingerprint import fingerprint
from mecllm.study.jobs import completed
from mecllm.study.store import Store
from mecllm.system.equations import flops_per_layer
from mecllm.system.files import data_path, write_whole
from mecllm.training.corpus import WIDTHS, pretrained, windows
from mecllm.training.costs import CASES, operations, seconds, traffic
from mecllm.training.definition1 import draw, replace_one
from mecllm.training.readings import READINGS
from mecllm.training.split import Job
from mecllm.training.tuning import Rule

_Cells = tuple[tuple[str, int], ...]
# At α = Υ the first three readings are one training, which is measured once.
_CELLS: _Cells = (
    *(("as described", alpha) for alpha in (1, 8)),
    *(("rest frozen", alpha) for alpha in (1, 2, 4, 6, 7)),
    *(("relaxed", alpha) for alpha in (0, 2, 4, 6, 7)),
    *(("adapted", alpha) for alpha in (1, 4, 8)),
    *(("last tuned", alpha) for alpha in (1, 4, 7)),
)
_FEW: _Cells = (
    ("as described", 8),
    *(("rest frozen", alpha) for alpha in (1, 4)),
    *(("relaxed", alpha) for alpha in (0, 6)),
)


_ADAM = Rule("adam", 1e-3)


@dataclass(frozen=True)
class _Setting:
    """One way to measure Definition 1.

    Parameters
    ----------
    cells : tuple of (str, int)
        Readings and α.
    draws : int
        Training sets, of seeds from 0 on.
    width : int
        h of the stored model.
    text : str
        Whose text.
    rule : Rule
    epochs : int
        Passes over the training set, of four steps each.
    rates : tuple of float
        When given, the one that is best on other text for another draw replaces the rule's.
    """

    cells: _Cells = _FEW
    draws: int = 3
    width: int = 32
    text: str = "washington"
    rule: Rule = _ADAM
    epochs: int = 3
    rates: tuple[float, ...] = ()


# The main setting, and others that differ from it in one thing each.
_SETTINGS = {
    "main": _Setting(_CELLS, draws=5),
    "longer": _Setting(_FEW[:3], epochs=8),
    "h = 64": _Setting(width=64),
    "other text": _Setting(text="python"),
    "gradient steps": _Setting(rule=Rule("sgd", 0.1)),
    "tuned rates": _Setting(rates=(3e-4, 1e-3, 3e-3)),
}
# Rows of a training set that are replaced, one at a time; more draws say more than more rows.
_REPLACEMENTS = 6
# Seed of the draw on which a rate is chosen, apart from those that are measured.
_CHOOSE = 1000
# B, d of the counted and timed layers, and their widths; 576 is that of a small public model.
_BATCH, _LENGTH, _TIMED = 8, 32, (16, 32, 64, 128, 256, 512)
_COUNTED = (32, 576)


class _Task(NamedTuple):
    setting: str
    reading: str
    alpha: int
    draw: int


class _Rows(NamedTuple):
    """Measurements of one task after each epoch, as JSON."""

    rows: str


def _measure(setting: _Setting, reading: str, alpha: int, seed: int) -> list[dict[str, float]]:
    """Replace samples of one draw and train again.

    Parameters
    ----------
    setting : _Setting
    reading : str
        One of `mecllm.training.readings.READINGS`.
    alpha : int
        α.
    seed : int

    Returns
    -------
    list of dict
        After each epoch: rate, epoch, training, other, change = mean |Δℓ|, signed = mean Δℓ,
        negative (how many Δℓ are), moved and reordered, as `replace_one.Outcome` has them.
    """
    model, text = pretrained(setting.width), windows(setting.text)
    begin = partial(READINGS[reading], model, alpha)
    rule = setting.rule
    if setting.rates:
        trial = draw(text, _CHOOSE + seed, 1, setting.epochs)
        rules = [Rule(rule.name, rate) for rate in setting.rates]
        rule = min(rules, key=lambda each: replace_one(model.ends, begin, trial, each)[-1].other)
    drawn = draw(text, seed, _REPLACEMENTS, setting.epochs)
    return [
        {
            "rate": rule.rate,
            "epoch": outcome.epoch,
            "training": outcome.training,
            "other": outcome.other,
            "change": float(np.abs(outcome.changes).mean()),
            "signed": float(outcome.changes.mean()),
            "negative": int((outcome.changes < 0).sum()),
            "moved": outcome.moved,
            "reordered": outcome.reordered,
        }
        for outcome in replace_one(model.ends, begin, drawn, rule)
    ]


def _work(task: _Task) -> list[dict[str, float]]:
    return _measure(_SETTINGS[task.setting], task.reading, task.alpha, task.draw)


def tasks(draws: int | None = None) -> list[_Task]:
    """Everything to measure, the first draw of each setting first.

    Parameters
    ----------
    draws : int, optional
        At most so many draws of each setting.
    """
    every = [
        _Task(name, *cell, seed)
        for name, setting in _SETTINGS.items()
        for cell in setting.cells
        for seed in range(setting.draws)
    ]
    return sorted((t for t in every if draws is None or t.draw < draws), key=lambda t: t.draw)


def run(
    wanted: list[_Task],
    workers: int = 1,
    part: Path | None = None,
    done: Callable[[], object] = lambda: None,
) -> pd.DataFrame:
    """Measure tasks; the table does not depend on the number of workers.

    Parameters
    ----------
    wanted : list of task
        As `tasks` gives them.
    workers : int
        Processes.
    part : Path, optional
        File that keeps each finished task, so that an interrupted run goes on where it stopped.
    done : callable
        Called once a finished task.

    Returns
    -------
    DataFrame
        Columns setting, reading, alpha, draw, and those of `_measure`.

    Raises
    ------
    ScenarioError
        For a part that belongs to another run.
    SolverError
        When a worker process dies.
    """
    found: dict[_Task, str] = {}
    with nullcontext() if part is None else Store(part, _identity(), _Task, _Rows) as store:
        if store is not None:
            found = {task: kept.rows for task, kept in store.rows() if task in set(wanted)}
        todo = [task for task in wanted if task not in found]
        for _ in found:
            done()
        for task, rows in completed(_work, todo, lambda task: (task,), workers):
            found[task] = json.dumps(rows)
            if store is not None:
                store.add(task, _Rows(found[task]))
            done()
    rows_of = (
        {**task._asdict(), **row} for task in sorted(found) for row in json.loads(found[task])
    )
    return pd.DataFrame(rows_of)


def _identity() -> str:
    names = [f"weights-{width}.npy" for width in WIDTHS] + ["washington.txt", "python.txt"]
    data = tuple(data_path("training", name) for name in names)
    return json.dumps({"run": "training", "code": fingerprint(__name__, data)})


def costs() -> pd.DataFrame:
    """Operations, bytes and times against the formulas of Section 3.

    Returns
    -------
    DataFrame
        Columns quantity, case, width, value and formula: operations against ψ(d), bytes of a step
        against s(d) = 2Bdh of half precision, and seconds of a layer against ψ(d).
    """
    rows = [*_operations(), *_traffic(), *_seconds()]
    return pd.DataFrame(rows, columns=["quantity", "case", "width", "value", "formula"])


def _psi(width: int) -> float:
    return float(flops_per_layer(np.array(_LENGTH), _BATCH, width))


def _operations() -> Iterator[tuple[Any, ...]]:
    for width in _COUNTED:
        for case in CASES:
            counted = operations(case, _BATCH, _LENGTH, width)
            yield "operations", case, width, counted, _psi(width)


def _traffic() -> Iterator[tuple[Any, ...]]:
    for alpha in (0, 1, 4, 8):
        for precision in ("float32", "float64"):
            with tempfile.TemporaryDirectory() as folder:
                ways = traffic(Job(alpha, precision=precision), Path(folder))
            for way, value in zip(("up", "down"), ways, strict=True):
                case = f"{way}, {precision}, α = {alpha}"
                yield "bytes", case, WIDTHS[0], value, 2 * _BATCH * _LENGTH * WIDTHS[0]


def _seconds() -> Iterator[tuple[Any, ...]]:
    for width in _TIMED:
        yield "seconds", "full tuning", width, seconds(_BATCH, _LENGTH, width), _psi(width)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a table with ten digits, as those of the figures.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    """
    form: dict[str, Any] = {"float_format": "%.10g", "lineterminator": "\n"}
    write_whole(path, lambda draft: frame.to_csv(draft, index=False, **form))


def stored_training(name: str = "training") -> pd.DataFrame:
    """Read `data/results/training.csv`, or `training-costs.csv`.

    Parameters
    ----------
    name : {"training", "training-costs"}

    Raises
    ------
    ScenarioError
        For another name.
    """
    if name not in ("training", "training-costs"):
        raise ScenarioError("results", "name", name, "training or training-costs")
    return pd.read_csv(data_path("results", f"{name}.csv"))
