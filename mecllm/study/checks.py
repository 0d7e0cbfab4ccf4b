"""Checks of the claims of Section 5: tidy tables of one track → a verdict with its numbers.

What is compared with what stands in `mecllm.study.claims`; claims about the shape of a curve are
functions here.

A claim of superiority "at every weight" or "at every N" is decided at each of them, over paired
seeds. It holds when every interval lies beyond the tie band on the claimed side, does not hold when
one lies beyond it on the other side or within it (a tie), and is undecided otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from mecllm.study.claims import COMPARISONS, SUMMARIES, Comparison, Distance, side
from mecllm.study.statistics import TIE_BAND, Effect, effect, interval, select

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be decided"

# What the paper's "nearly identical" is taken to mean, and its 13 iterations.
_NEARLY, _MOST_ITERATIONS = 0.05, 13

Frames = Mapping[str, pd.DataFrame]
Outcome = tuple[str, str]


def _samples(claim: Comparison, frames: Frames) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Place, and the values over seeds of the lower and the higher side, of every comparison."""
    frame = frames[claim.figure]

    def get(metric: str, method: str) -> pd.DataFrame:
        return select(frame, metric, method, claim.panel)

    several = len(claim.orders) > 1 and len({order.higher for order in claim.orders}) == 1
    for order in claim.orders:
        low, high = (side(get, claim.metric, what) for what in order)
        low, high = low.align(high, join="inner")
        for x in low.columns:
            at = f" at {x:g}" if x else ""
            yield _place(*order, several) + at, low[x].to_numpy(), high[x].to_numpy()


def _place(lower: str | Distance, higher: str | Distance, several: bool) -> str:
    if isinstance(lower, Distance) and isinstance(higher, Distance):
        one, other = (what.other.removesuffix("_only") for what in (lower, higher))
        return f"distance to {one} over distance to {other}"
    return f"{lower} against {higher}" if several else f"against {higher}"


def _compare(claim: Comparison, frames: Frames) -> Outcome:
    """Whether the lower side of every order is lower at every point."""
    return _decide({place: effect(low, high) for place, low, high in _samples(claim, frames)})


def _decide(effects: Mapping[str, Effect]) -> Outcome:
    """Whether every effect is "lower": verdict, and the weakest numbers."""
    verdicts = [e.verdict for e in effects.values()]
    if all(v == "lower" for v in verdicts):
        verdict = HOLDS
    elif any(v in ("higher", "tie") for v in verdicts):
        verdict = FAILS
    else:
        verdict = OPEN
    lower = verdicts.count("lower")
    place, worst = max(effects.items(), key=lambda item: item[1].ratio)
    count = f"lower in {lower} of {len(verdicts)}; " if len(verdicts) > 1 else ""
    tie = f" ({worst.verdict})" if worst.verdict != "lower" else ""
    return verdict, f"{count}worst {place} {worst}{tie}"


def _at_most(values: np.ndarray, limit: float) -> Outcome:
    top = float(np.max(values))
    return (HOLDS if top <= limit else FAILS), f"largest {top:g}, claimed at most {limit:g}"


def _b4(frames: Frames) -> Outcome:
    """Energy of the proposed falls with its weight, by less and less."""
    table = select(frames["3"], "energy", "proposed", "a").to_numpy()
    weights = select(frames["3"], "energy", "proposed", "a").columns.to_numpy()
    slope = np.diff(table, axis=1) / np.diff(weights)
    bend = np.diff(slope, axis=1)
    # Positive when as claimed.
    signs = [interval(-column) for column in slope.T] + [interval(column) for column in bend.T]
    low = min(mean - half for mean, half in signs)
    total = table[:, -1].mean() / table[:, 0].mean()
    verdict = HOLDS if low > 0 else FAILS if any(m + h < 0 for m, h in signs) else OPEN
    return verdict, f"×{total:.3g} from weight {weights[0]:g} to {weights[-1]:g}"


def _b5(frames: Frames) -> Outcome:
    """Energy of the proposed settles: its last step is within the tie band."""
    table = select(frames["3"], "energy", "proposed", "a")
    before, last = table.columns[-2:]
    step = effect(table[last].to_numpy(), table[before].to_numpy())
    verdict = {"tie": HOLDS, "undecided": OPEN}.get(step.verdict, FAILS)
    return verdict, f"last step, weight {before:g} to {last:g}, {step}"


def _b10(frames: Frames) -> Outcome:
    """Alternating is a little below α-only, and both end nearly alike."""
    effects = [effect(low, high) for _, low, high in _samples(COMPARISONS["B10"], frames)]
    first, last = effects[0], effects[-1]
    near = last.low >= 1 - _NEARLY and last.high <= 1 + _NEARLY
    if first.verdict == "undecided":
        verdict = OPEN
    else:
        verdict = HOLDS if first.verdict == "lower" and near else FAILS
    tie = " (tie)" if first.verdict == "tie" else ""
    return verdict, f"first {first}{tie}, last {last}; nearly alike: within {_NEARLY:.0%}"


def _counts(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = frame[frame["metric"] == metric]
    table = rows.pivot_table(index="seed", columns="method", values="value")
    return table[sorted(table.columns, key=lambda name: int(str(name).rpartition("=")[2]))]


def _c1(frames: Frames) -> Outcome:
    """Objective stops changing."""
    table = frames["4"][frames["4"]["metric"] == "objective"]
    last = table["x"].max()
    wide = table.pivot_table(index=["method", "seed"], columns="x", values="value")
    change = float((1 - wide[last] / wide[last - 1]).abs().max())
    most = _counts(frames["4"], "iterations").to_numpy().max()
    return (HOLDS if change == 0 else FAILS), f"every run ends, after {most:g} iterations at most"


def _c2(frames: Frames) -> Outcome:
    """Fewer servers need fewer iterations: from the least to the most, and no step backwards."""
    table = _counts(frames["4"], "iterations")
    names = list(table.columns)
    ends = effect(table[names[0]].to_numpy(), table[names[-1]].to_numpy())
    steps = [effect(table[a].to_numpy(), table[b].to_numpy()) for a, b in pairwise(names)]
    means = ", ".join(f"{name}: {table[name].mean():.2f}" for name in names)
    if any(step.verdict == "higher" for step in steps):
        return FAILS, f"{means}; ends {ends}"
    verdict = {"lower": HOLDS, "undecided": OPEN}.get(ends.verdict, FAILS)
    return verdict, f"{means}; ends {ends}"


def _c3(frames: Frames) -> Outcome:
    """At most 13 iterations in every configuration, of the algorithm and of a run of CCCP."""
    rounds = _counts(frames["4"], "iterations").to_numpy()
    steps = _counts(frames["4"], "steps").to_numpy()
    verdict, text = _at_most(np.concatenate([rounds, steps]), _MOST_ITERATIONS)
    return verdict, f"{text}; rounds up to {rounds.max():g}, CCCP steps up to {steps.max():g}"


def _d4(frames: Frames) -> Outcome:
    """Greedy needs a little more energy than the proposed: more, by at most a tenth, at every N."""
    claim = COMPARISONS["D4"]
    most = claim.at_most or 0.0
    effects = {place: effect(high, low) for place, low, high in _samples(claim, frames)}
    verdicts = [
        HOLDS
        if e.verdict == "higher" and e.high <= 1 + most
        else OPEN
        if e.high > 1 + TIE_BAND and e.low < 1 + most
        else FAILS
        for e in effects.values()
    ]
    verdict = FAILS if FAILS in verdicts else OPEN if OPEN in verdicts else HOLDS
    places = (place.rpartition(" ")[2] for place in effects)
    text = ", ".join(f"N={x} ×{e.ratio:.3g}" for x, e in zip(places, effects.values(), strict=True))
    return verdict, f"{text}; marginal: at most {most:.0%} more"


def _together(names: tuple[str, ...]) -> Callable[[Frames], Outcome]:
    """All of several claims: fails with any, holds with all."""

    def check(frames: Frames) -> Outcome:
        outcomes = {name: CHECKS[name](frames)[0] for name in names}
        found = outcomes.values()
        verdict = FAILS if FAILS in found else OPEN if OPEN in found else HOLDS
        return verdict, ", ".join(f"{name} {v}" for name, v in outcomes.items())

    return check


_SHAPES = {f.__name__[1:].upper(): f for f in (_b4, _b5, _b10, _c1, _c2, _c3, _d4)}
_ORDERS = {name: partial(_compare, claim) for name, claim in COMPARISONS.items()}
_ALL = {name: _together(parts) for name, (_, parts) in SUMMARIES.items()}
# In the order of the ledger: by figure, then by number.
CHECKS: dict[str, Callable[[Frames], Outcome]] = dict(
    sorted((_ORDERS | _SHAPES | _ALL).items(), key=lambda item: (item[0][0], int(item[0][1:])))
)
