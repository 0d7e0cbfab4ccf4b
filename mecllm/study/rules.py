"""What decides a claim of Section 5: samples of the tables, one row a seed, and a rule on them.

What is compared with what stands in `mecllm.study.claims`; claims about the shape of a curve are
functions here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from mecllm.study.claims import COMPARISONS, EQUAL_TERMS, Comparison, Distance, side
from mecllm.study.figures import FAR
from mecllm.study.statistics import effect, intervals, log_ratios, select, verdicts
from mecllm.system.arrays import Array

HOLDS, ONLY_IF, TIES = "holds", "holds only if", "ties"
FAILS, OPEN = "does not hold", "cannot be decided"

# What the paper's "nearly identical" is taken to mean, and its 13 iterations.
_NEARLY, _MOST_ITERATIONS = 0.05, 13
# B5: "eventually converging" when the fall beyond the axis is at most this share of that on it.
_LEFT = 0.1

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Samples:
    """Values of one check and what they are.

    Parameters
    ----------
    data : array (S, K)
        Seeds in rows.
    places : tuple of str
        What the columns are.
    sides : tuple of array or None
        The two sides (S, K) of a comparison, for the numbers that are shown.
    """

    data: Array
    places: tuple[str, ...]
    sides: tuple[Array, Array] | None = None


@dataclass(frozen=True)
class Rule:
    """How a claim is decided.

    Parameters
    ----------
    samples : callable
        (tables, whether on equal terms) → samples.
    decide : callable
        (values, samples, tie band) → verdict; the values are the samples' or drawn from them.
    numbers : callable
        Samples → what decided, in words.
    """

    samples: Callable[[Frames, bool], Samples]
    decide: Callable[[Array, Samples, float], str]
    numbers: Callable[[Samples], str]


def _comparison(claim: Comparison, frames: Frames, equal: bool) -> Samples:
    """Paired log-ratios of the lower side over the higher one, at every place."""
    frame = frames[claim.figure]

    def get(metric: str, method: str) -> pd.DataFrame:
        name = EQUAL_TERMS.get(method, method) if equal else method
        return select(frame, metric, name, claim.panel)

    lows, highs, places = [], [], []
    for order in claim.orders:
        low, high = (side(get, claim.metric, what) for what in order)
        low, high = low.align(high, join="inner")
        lows.append(low.to_numpy())
        highs.append(high.to_numpy())
        places += [_place(*order) + (f" at {x:g}" if x else "") for x in low.columns]
    both = np.hstack(lows), np.hstack(highs)
    return Samples(log_ratios(*both), tuple(places), both)


def _place(lower: str | Distance, higher: str | Distance) -> str:
    if isinstance(lower, Distance) and isinstance(higher, Distance):
        one, other = (what.other.removesuffix("_only") for what in (lower, higher))
        return f"distance to {one} over distance to {other}"
    return f"{lower} over {higher}"


def _ordered(claim: Comparison, values: Array, samples: Samples, band: float) -> str:
    """Whether the lower side of every order is lower at every place."""
    mean, half = intervals(values, values.shape[1])
    with np.errstate(over="ignore"):
        found = verdicts(np.exp(mean - half), np.exp(mean + half), band)
    most = np.inf if claim.at_most is None else np.log1p(claim.at_most)
    if np.any(found == "higher") or np.any(mean + half < -most):
        return FAILS
    if np.any(found == "tie"):
        return TIES
    return HOLDS if np.all(found == "lower") and np.all(mean - half >= -most) else OPEN


def _worst(claim: Comparison, samples: Samples) -> str:
    """Numbers of the place where a comparison is weakest."""
    low, high = samples.sides or (samples.data, samples.data)
    count = len(samples.places)
    effects = [effect(low[:, k], high[:, k], count) for k in range(count)]
    worst = max(range(count), key=lambda k: effects[k].ratio)
    if claim.at_most is not None:
        worst = min(range(count), key=lambda k: effects[k].ratio)
    found = effects[worst]
    lower = sum(e.verdict == "lower" for e in effects)
    many = f"lower in {lower} of {count}; weakest " if count > 1 else ""
    limit = "" if claim.at_most is None else f"; claimed at most {claim.at_most:.0%} more"
    tie = f" ({found.verdict})" if found.verdict != "lower" else ""
    networks = f"on {found.below} of {found.seeds} networks, means ×{found.means:.3g}"
    return f"{many}{samples.places[worst]} {found}{tie}, lower {networks}{limit}"


def _energies(frames: Frames, equal: bool) -> Samples:
    """Energy of the proposed over its weight, relative to the first."""
    table = select(frames["3"], "energy", "proposed", "a")
    values = table.to_numpy()
    return Samples(values / values[:, :1], tuple(f"{x:g}" for x in table.columns))


def _bends(values: Array, samples: Samples) -> tuple[Array, Array]:
    """Slopes, negated, and bends of curves, with intervals: positive when B4 is right."""
    weights = np.array([float(place) for place in samples.places])
    slopes = np.diff(values, axis=1) / np.diff(weights)
    both = np.hstack((-slopes, np.diff(slopes, axis=1)))
    return intervals(both, both.shape[1])


def _b4(values: Array, samples: Samples, band: float) -> str:
    """Energy of the proposed falls with its weight, by less and less."""
    mean, half = _bends(values, samples)
    if np.any(mean + half < 0):
        return FAILS
    return HOLDS if np.all(mean - half > 0) else OPEN


def _b4_numbers(samples: Samples) -> str:
    mean, half = _bends(samples.data, samples)
    sure = int(np.sum(mean - half > 0))
    total = f"×{np.exp(np.log(samples.data[:, -1]).mean()):.3g}"
    ends = f"from weight {samples.places[0]} to {samples.places[-1]}"
    return f"{total} {ends}; {sure} of {len(mean)} slopes and bends are certain"


def _falls(frames: Frames, equal: bool) -> Samples:
    """Logarithm of the fall of the energy over its axis and from there on."""
    table = select(frames["3"], "energy", "proposed", "a").to_numpy()
    far = select(frames["3"], "energy", "proposed", "far")[FAR].to_numpy()
    values = np.stack(
        (log_ratios(table[:, 0], table[:, -1]), log_ratios(table[:, -1], far)), axis=1
    )
    return Samples(values, ("on the axis", f"from there to weight {FAR:g}"))


def _b5(values: Array, samples: Samples, band: float) -> str:
    """Energy of the proposed settles: little is left to fall beyond the axis."""
    mean, half = intervals((_LEFT * values[:, 0] - values[:, 1])[:, None])
    return HOLDS if mean[0] > half[0] else FAILS if mean[0] < -half[0] else OPEN


def _b5_numbers(samples: Samples) -> str:
    falls = (1 - np.exp(-samples.data.mean(axis=0))).tolist()
    parts = (f"falls by {f:.1%} {place}" for f, place in zip(falls, samples.places, strict=True))
    return f"{', '.join(parts)}; claimed at most a tenth of the former"


def _b10(values: Array, samples: Samples, band: float) -> str:
    """Alternating is a little below α-only, and both end nearly alike."""
    mean, half = intervals(values[:, [0, -1]], 2)
    first = verdicts(np.exp(mean[:1] - half[:1]), np.exp(mean[:1] + half[:1]), band)[0]
    near = np.abs(mean[1]) + half[1] <= np.log1p(_NEARLY)
    if first == "lower":
        return HOLDS if near else FAILS
    return {"tie": TIES, "higher": FAILS}.get(str(first), OPEN)


def _b10_numbers(samples: Samples) -> str:
    low, high = samples.sides or (samples.data, samples.data)
    first, last = (effect(low[:, k], high[:, k], 2) for k in (0, -1))
    return f"first {first} ({first.verdict}), last {last}; nearly alike: within {_NEARLY:.0%}"


def _counts(metrics: tuple[str, ...], frames: Frames, equal: bool) -> Samples:
    """Take counts of Figure 4, a column for each metric and number of servers."""
    rows = frames["4"]
    wide = rows[rows["metric"].isin(metrics)].pivot_table(
        index="seed", columns=["metric", "method"], values="value"
    )
    return Samples(wide.to_numpy(), tuple(map(", ".join, wide.columns)))


def _c1(values: Array, samples: Samples, band: float) -> str:
    """Objective stops changing: every run ends because no association lowers it."""
    return HOLDS if np.all(values == 1) else FAILS


def _c1_numbers(samples: Samples) -> str:
    return f"{np.sum(samples.data == 1)} of {samples.data.size} runs end of themselves"


def _c3(values: Array, samples: Samples, band: float) -> str:
    """At most 13 iterations in every configuration, of the algorithm and of a run of CCCP."""
    return HOLDS if np.max(values) <= _MOST_ITERATIONS else FAILS


def _c3_numbers(samples: Samples) -> str:
    top = dict(zip(samples.places, samples.data.max(axis=0), strict=True))
    most = {kind: max(v for k, v in top.items() if k.startswith(kind)) for kind in _STEPS}
    runs, over = samples.data.size, int(np.sum(samples.data > _MOST_ITERATIONS))
    return (
        f"rounds up to {most['iterations']:g}, CCCP steps up to {most['steps']:g}, claimed at most "
        f"{_MOST_ITERATIONS}; {over} of {runs} counts are above it"
    )


_STEPS = ("iterations", "steps")
_SHAPES = {
    "B4": Rule(_energies, _b4, _b4_numbers),
    "B5": Rule(_falls, _b5, _b5_numbers),
    "B10": Rule(partial(_comparison, COMPARISONS["B10"]), _b10, _b10_numbers),
    "C1": Rule(partial(_counts, ("converged",)), _c1, _c1_numbers),
    "C3": Rule(partial(_counts, _STEPS), _c3, _c3_numbers),
}
RULES: dict[str, Rule] = {
    name: Rule(partial(_comparison, c), partial(_ordered, c), partial(_worst, c))
    for name, c in COMPARISONS.items()
} | _SHAPES
