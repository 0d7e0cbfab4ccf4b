"""Checks of the claims of Section 5: tidy tables of one track → a verdict with its numbers.

A claim of superiority "at every weight" or "at every N" is decided at each of them, over paired
seeds. It holds when every interval lies beyond the tie band on the claimed side, does not hold when
one lies beyond it on the other side or within it (a tie), and is undecided otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from mecllm.study.statistics import TIE_BAND, Effect, compare, effect, interval, select

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be decided"

# What the paper's "nearly identical" and "marginal" are taken to mean, and its 13 iterations.
NEARLY, MARGINAL, MOST_ITERATIONS = 0.05, 0.10, 13

BASELINES = ("alternating", "alpha_only", "resource_only")

Frames = Mapping[str, pd.DataFrame]
Outcome = tuple[str, str]


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


def _all_lower(
    frame: pd.DataFrame, metric: str, one: str, others: tuple[str, ...], panel: str | None = None
) -> dict[str, Effect]:
    return {
        f"against {other}" + (f" at {x:g}" if x else ""): e
        for other in others
        for x, e in compare(frame, metric, one, other, panel).items()
    }


def _worst(frame: pd.DataFrame, metric: str, worst: str, panel: str | None = None) -> Outcome:
    """Whether every other method of the figure is below one."""
    others = [m for m in ("proposed", *BASELINES, "greedy", "random") if m != worst]
    present = set(frame["method"])
    return _decide(
        {
            f"{one} {place}": e
            for one in others
            if one in present
            for place, e in _all_lower(frame, metric, one, (worst,), panel).items()
        }
    )


def _at_most(values: np.ndarray, limit: float) -> Outcome:
    top = float(np.max(values))
    return (HOLDS if top <= limit else FAILS), f"largest {top:g}, claimed at most {limit:g}"


def a1(frames: Frames) -> Outcome:
    """Proposed has less energy than edge-only and than local-only training."""
    return _decide(_all_lower(frames["2"], "energy", "proposed", ("edge_only", "local_only")))


def a2(frames: Frames) -> Outcome:
    """Delay of the proposed is nearer to edge-only than to local-only."""
    proposed, edge, local = (
        select(frames["2"], "delay", m)[0.0] for m in ("proposed", "edge_only", "local_only")
    )
    near, far = (proposed - edge).abs().to_numpy(), (proposed - local).abs().to_numpy()
    return _decide({"distance to edge over distance to local": effect(near, far)})


def a3(frames: Frames) -> Outcome:
    """Delay of the proposed is below local-only."""
    return _decide(_all_lower(frames["2"], "delay", "proposed", ("local_only",)))


def b1(frames: Frames) -> Outcome:
    """Proposed has the least energy at every weight of the energy."""
    return _decide(_all_lower(frames["3"], "energy", "proposed", BASELINES, "a"))


def b2(frames: Frames) -> Outcome:
    """Alternating is second: above the proposed, below the other two."""
    f = frames["3"]
    return _decide(
        _all_lower(f, "energy", "proposed", ("alternating",), "a")
        | _all_lower(f, "energy", "alternating", ("alpha_only", "resource_only"), "a")
    )


def b3(frames: Frames) -> Outcome:
    """α-only has the most energy."""
    return _worst(frames["3"], "energy", "alpha_only", "a")


def b4(frames: Frames) -> Outcome:
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


def b5(frames: Frames) -> Outcome:
    """Energy of the proposed settles: its last step is within the tie band."""
    table = select(frames["3"], "energy", "proposed", "a")
    before, last = table.columns[-2:]
    step = effect(table[last].to_numpy(), table[before].to_numpy())
    verdict = {"tie": HOLDS, "undecided": OPEN}.get(step.verdict, FAILS)
    return verdict, f"last step, weight {before:g} to {last:g}, {step}"


def b6(frames: Frames) -> Outcome:
    """Proposed has the least delay at every weight of the delay."""
    return _decide(_all_lower(frames["3"], "delay", "proposed", BASELINES, "b"))


def b7(frames: Frames) -> Outcome:
    """Proposed has less delay than alternating at every weight."""
    return _decide(_all_lower(frames["3"], "delay", "proposed", ("alternating",), "b"))


def b8(frames: Frames) -> Outcome:
    """α-only has less delay than resource-only at every weight."""
    return _decide(_all_lower(frames["3"], "delay", "alpha_only", ("resource_only",), "b"))


def b9(frames: Frames) -> Outcome:
    """Proposed has the best (lowest) stability bound at every weight."""
    return _decide(_all_lower(frames["3"], "stability", "proposed", BASELINES, "c"))


def b10(frames: Frames) -> Outcome:
    """Alternating is a little below α-only, and both end nearly alike."""
    effects = list(compare(frames["3"], "stability", "alternating", "alpha_only", "c").values())
    first, last = effects[0], effects[-1]
    near = last.low >= 1 - NEARLY and last.high <= 1 + NEARLY
    if first.verdict == "undecided":
        verdict = OPEN
    else:
        verdict = HOLDS if first.verdict == "lower" and near else FAILS
    tie = " (tie)" if first.verdict == "tie" else ""
    return verdict, f"first {first}{tie}, last {last}; nearly alike: within {NEARLY:.0%}"


def b11(frames: Frames) -> Outcome:
    """Resource-only has the worst stability bound at every weight."""
    return _worst(frames["3"], "stability", "resource_only", "c")


def _counts(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = frame[frame["metric"] == metric]
    table = rows.pivot_table(index="seed", columns="method", values="value")
    return table[sorted(table.columns, key=lambda name: int(str(name).rpartition("=")[2]))]


def c1(frames: Frames) -> Outcome:
    """Objective stops changing."""
    table = frames["4"][frames["4"]["metric"] == "objective"]
    last = table["x"].max()
    wide = table.pivot_table(index=["method", "seed"], columns="x", values="value")
    change = float((1 - wide[last] / wide[last - 1]).abs().max())
    most = _counts(frames["4"], "iterations").to_numpy().max()
    return (HOLDS if change == 0 else FAILS), f"every run ends, after {most:g} iterations at most"


def c2(frames: Frames) -> Outcome:
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


def c3(frames: Frames) -> Outcome:
    """At most 13 iterations in every configuration, of the algorithm and of a run of CCCP."""
    rounds = _counts(frames["4"], "iterations").to_numpy()
    steps = _counts(frames["4"], "steps").to_numpy()
    verdict, text = _at_most(np.concatenate([rounds, steps]), MOST_ITERATIONS)
    return verdict, f"{text}; rounds up to {rounds.max():g}, CCCP steps up to {steps.max():g}"


def d1(frames: Frames) -> Outcome:
    """Proposed has less energy than greedy at every N."""
    return _decide(_all_lower(frames["5"], "energy", "proposed", ("greedy",)))


def d2(frames: Frames) -> Outcome:
    """Proposed has less energy than random at every N."""
    return _decide(_all_lower(frames["5"], "energy", "proposed", ("random",)))


def d3(frames: Frames) -> Outcome:
    """Random has the most energy at every N."""
    return _worst(frames["5"], "energy", "random")


def d4(frames: Frames) -> Outcome:
    """Greedy needs a little more energy than the proposed: more, by at most a tenth, at every N."""
    effects = compare(frames["5"], "energy", "greedy", "proposed")
    verdicts = [
        HOLDS
        if e.verdict == "higher" and e.high <= 1 + MARGINAL
        else OPEN
        if e.high > 1 + TIE_BAND and e.low < 1 + MARGINAL
        else FAILS
        for e in effects.values()
    ]
    verdict = FAILS if FAILS in verdicts else OPEN if OPEN in verdicts else HOLDS
    text = ", ".join(f"N={x:g} ×{e.ratio:.3g}" for x, e in effects.items())
    return verdict, f"{text}; marginal: at most {MARGINAL:.0%} more"


def d5(frames: Frames) -> Outcome:
    """Proposed has the least delay at every N."""
    return _decide(_all_lower(frames["5"], "delay", "proposed", ("greedy", "random")))


def d6(frames: Frames) -> Outcome:
    """Random has the most delay at every N."""
    return _worst(frames["5"], "delay", "random")


def d7(frames: Frames) -> Outcome:
    """Greedy's fullest server is fuller than chance makes it, at every N."""
    return _decide(_all_lower(frames["5"], "largest_load", "random", ("greedy",)))


def _together(*checks: Callable[[Frames], Outcome]) -> Callable[[Frames], Outcome]:
    """All of several claims: fails with any, holds with all."""

    def check(frames: Frames) -> Outcome:
        outcomes = {c.__name__.upper(): c(frames)[0] for c in checks}
        found = outcomes.values()
        verdict = FAILS if FAILS in found else OPEN if OPEN in found else HOLDS
        return verdict, ", ".join(f"{name} {v}" for name, v in outcomes.items())

    return check


CHECKS: dict[str, Callable[[Frames], Outcome]] = {
    check.__name__.upper(): check
    for check in (
        a1,
        a2,
        a3,
        b1,
        b2,
        b3,
        b4,
        b5,
        b6,
        b7,
        b8,
        b9,
        b10,
        b11,
        c1,
        c2,
        c3,
        d1,
        d2,
        d3,
        d4,
        d5,
        d6,
        d7,
    )
} | {
    "E1": _together(a1, b1, d1, d2),
    "E2": _together(a3, b6, d5),
    "E3": _together(b9),
}
