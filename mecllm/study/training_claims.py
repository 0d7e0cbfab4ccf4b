"""Claims about the training itself, decided from the stored measurements of `study.training`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd

from mecllm.study.ledgers import ledger
from mecllm.study.rules import FAILS, HOLDS, ONLY_IF, OPEN
from mecllm.study.statistics import Effect, effect, interval
from mecllm.study.training import stored_training
from mecllm.system.arrays import Array
from mecllm.training.corpus import LAYERS

_Outcome = tuple[str, str]

# The paper leaves out the way down as negligible; a tenth of the way up would be.
_NEGLIGIBLE = 0.1
# A formula or an exponent is met, and a throughput constant, within this share.
_CLOSE = 0.05


def values(
    frame: pd.DataFrame,
    column: str,
    reading: str,
    alpha: int,
    setting: str = "main",
    epoch: int | None = None,
) -> Array:
    """One column of the measurements by draw, after an epoch.

    Parameters
    ----------
    frame : DataFrame
        As `stored_training` reads it.
    column : str
        Such as "change".
    reading : str
        As of `mecllm.training.readings.READINGS`; the first three share their run at α = Υ.
    alpha : int
    setting : str
    epoch : int, optional
        The third by default.

    Returns
    -------
    array (draws,)
    """
    if alpha == LAYERS and reading in ("rest frozen", "relaxed"):
        reading = "as described"
    wanted = {"setting": setting, "reading": reading, "alpha": alpha, "epoch": epoch or 3}
    rows = frame.loc[(frame[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    return rows.sort_values("draw")[column].to_numpy()


def alphas(frame: pd.DataFrame, reading: str, setting: str = "main") -> list[int]:
    """Which α a reading was measured at.

    Parameters
    ----------
    frame : DataFrame
    reading : str
    setting : str

    Returns
    -------
    list of int
    """
    rows = frame[(frame["reading"] == reading) & (frame["setting"] == setting)]
    shared = {LAYERS} if reading in ("rest frozen", "relaxed") else set()
    return sorted(set(rows["alpha"]) | shared)


def _change(frame: pd.DataFrame, reading: str, low: int, high: int, setting: str) -> Effect:
    """|Δℓ| at one α over that at another."""
    one, other = (values(frame, "change", reading, alpha, setting) for alpha in (low, high))
    return effect(one, other)


def exponent(frame: pd.DataFrame, reading: str, setting: str = "main") -> tuple[float, float]:
    """Slope of log |Δℓ| against log(1 - α/Υ) over α < Υ, where Theorem 1's bound has -1.

    Parameters
    ----------
    frame : DataFrame
    reading : str
    setting : str

    Returns
    -------
    mean, half : float
        Over draws, with a 95 % Student interval.
    """
    places = [alpha for alpha in alphas(frame, reading, setting) if alpha < LAYERS]
    table = np.log([values(frame, "change", reading, alpha, setting) for alpha in places])
    x = np.log(1 - np.array(places) / LAYERS)
    x = x - x.mean()
    return interval(x @ table / (x @ x))


def _operations(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    rows = costs[costs["quantity"] == "operations"]
    rows = rows[rows["width"] == rows["width"].max()]
    ratio = dict(zip(rows["case"], rows["value"] / rows["formula"], strict=True))
    verdict = HOLDS if abs(ratio["adapters"] - 1) <= _CLOSE else FAILS
    return verdict, "; ".join(f"{case} ×{value:.3g}" for case, value in ratio.items())


def _way_down(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    rows = costs[costs["quantity"] == "bytes"]
    way = rows["case"].str.partition(", ")[0]
    up, down = (rows["value"][way == name].to_numpy() for name in ("up", "down"))
    share = down / up
    verdict = HOLDS if share.max() <= _NEGLIGIBLE else FAILS
    return verdict, f"down over up ×{share.min():.3g} to ×{share.max():.3g}, at every α"


def _throughput(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    rows = costs[costs["quantity"] == "seconds"].sort_values("width")
    rate = (rows["formula"] / rows["value"]).to_numpy()
    verdict = HOLDS if rate.max() / rate.min() <= 1 + _CLOSE else FAILS
    ends = f"from h = {rows['width'].min()} to {rows['width'].max()}"
    return verdict, f"ψ over time varies ×{rate.max() / rate.min():.2g} {ends}"


def _alpha_matters(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    found = _change(frame, "as described", 1, LAYERS, "main")
    verdict = {"tie": FAILS, "undecided": OPEN}.get(found.verdict, HOLDS)
    return verdict, f"α = 1 over α = {LAYERS}: {found}"


def _direction(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    """Less stable with every step of α, in the readings in which α changes what is trained."""
    found = {
        (setting, reading): [
            _change(frame, reading, *pair, setting).verdict
            for pair in pairwise(alphas(frame, reading, setting))
        ]
        for setting in sorted(set(frame["setting"]))
        for reading in ("rest frozen", "relaxed")
        if len(alphas(frame, reading, setting)) > 1
    }
    steps = [verdict for verdicts in found.values() for verdict in verdicts]
    grows = all(v == "lower" for key, each in found.items() if key[0] == "main" for v in each)
    described, _ = _alpha_matters(frame, costs)
    adapters = _change(frame, "adapted", LAYERS, 1, "main")
    everywhere = described == HOLDS and adapters.verdict == "higher"
    verdict = (HOLDS if everywhere else ONLY_IF) if grows else FAILS
    return verdict, (
        f"lower before {steps.count('lower')} of {len(steps)} steps of α with the rest frozen or"
        f" relaxed; with adapters at the user, α = {LAYERS} over α = 1: {adapters}"
    )


def _law(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    found = {name: exponent(frame, name) for name in ("rest frozen", "relaxed")}
    met = [abs(mean + 1) <= max(half, _CLOSE) for mean, half in found.values()]
    verdict = HOLDS if all(met) else ONLY_IF if any(met) else FAILS
    words = (f"{name} {mean:.2f} ± {half:.2f}" for name, (mean, half) in found.items())
    return verdict, f"exponent of 1-α/Υ, claimed -1: {', '.join(words)}"


def _variance(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    one, other = (values(frame, "moved", "as described", alpha) for alpha in (1, LAYERS))
    found = effect(one, other)
    order = effect(values(frame, "reordered", "as described", LAYERS), other)
    verdict = {"lower": HOLDS, "undecided": OPEN}.get(found.verdict, FAILS)
    return verdict, f"α = 1 over α = {LAYERS}: {found}; another batch order moves as much {order}"


def _overall(frame: pd.DataFrame, costs: pd.DataFrame) -> _Outcome:
    change, moved, other, training, signed = (
        values(frame, column, "as described", LAYERS)
        for column in ("change", "moved", "other", "training", "signed")
    )
    found, gap = effect(moved, change), effect(signed, other - training)
    verdict = {"tie": HOLDS, "undecided": OPEN}.get(found.verdict, FAILS)
    return verdict, f"loss on other text moves {found} of it; it is {gap} of the generalisation gap"


_CHECKS: dict[str, Callable[[pd.DataFrame, pd.DataFrame], _Outcome]] = {
    "L1": _operations,
    "L2": _way_down,
    "L3": _throughput,
    "L4": _alpha_matters,
    "L5": _direction,
    "L6": _law,
    "L7": _variance,
    "L8": _overall,
}


def training_differences() -> list[str]:
    """Say, a line each, where the stored measurements decide otherwise than the ledger records."""
    recorded = {claim.id: claim.verdict.get("both") for claim in ledger()}
    return [
        f"{name}: recorded {recorded.get(name)!r}, found {verdict!r} ({numbers})"
        for name, (verdict, numbers) in decide_training().items()
        if recorded.get(name) != verdict
    ]


def decide_training(
    frame: pd.DataFrame | None = None, costs: pd.DataFrame | None = None
) -> dict[str, _Outcome]:
    """Verdict and numbers of each claim about the training itself.

    Parameters
    ----------
    frame, costs : DataFrame, optional
        The stored ones by default.

    Returns
    -------
    dict
        Id → (verdict, numbers).
    """
    frame = stored_training() if frame is None else frame
    costs = stored_training("training-costs") if costs is None else costs
    return {name: check(frame, costs) for name, check in _CHECKS.items()}
