"""Checks of the claims of Section 5: tidy tables of one track → a verdict with its numbers.

A check takes its samples from the tables, one row a seed, and decides on them by the rule of
`mecllm.study.rules`; then again on networks drawn with replacement (a bootstrap).

A claim of superiority "at every weight" or "at every N" is decided at each of them by the mean of
the paired log-ratios, with intervals that hold for all of them at once. It holds when every
interval lies beyond the tie band on the claimed side; it does not hold when one lies beyond it on
the other side; where neither is so and one interval lies within the band, the methods tie there;
otherwise it cannot be decided.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mecllm.study.claims import SUMMARIES
from mecllm.study.rules import FAILS, HOLDS, ONLY_IF, OPEN, RULES, TIES, Frames
from mecllm.study.statistics import TIE_BAND

# Bootstrap: enough that a share of the resamples is known to some three per cent.
RESAMPLES, _BOOTSTRAP_SEED = 300, 0


class Found(NamedTuple):
    """What a check finds.

    Parameters
    ----------
    verdict : str
    numbers : str
        What decided.
    agree : float
        Share of the bootstrap samples of networks that give the same verdict.
    """

    verdict: str
    numbers: str
    agree: float


# Ids of the claims that have a check, in the order of the ledger: by figure, then by number.
CHECKED = tuple(sorted((*RULES, *SUMMARIES), key=lambda name: (name[0], int(name[1:]))))


def check(
    name: str,
    frames: Frames,
    equal: bool = False,
    band: float = TIE_BAND,
    resamples: int = RESAMPLES,
) -> Found:
    """Decide a claim on the tables of one track.

    Parameters
    ----------
    name : str
        One of `CHECKED`.
    frames : mapping
        Figure → tidy table.
    equal : bool
        Take the baselines that have the χ-step as well, instead of those without.
    band : float
        Relative difference that counts as a tie.
    resamples : int
        Bootstrap samples of the networks.

    Returns
    -------
    Found
    """
    found, numbers = _decided(name, frames, equal, band, resamples)
    agree = np.mean([verdict == found[0] for verdict in found[1:] or found])
    return Found(found[0], numbers, float(agree))


class Verdict(NamedTuple):
    """A claim on one track, in both arrangements of its baselines.

    Parameters
    ----------
    verdict : str
        Of both together: "holds only if" where it holds in one of them.
    described : Found
        As the paper describes them: the association is that of the proposed method, or greedy.
    equal : Found
        On equal terms: with the χ-step of the proposed method.
    """

    verdict: str
    described: Found
    equal: Found


def verdict(
    name: str, frames: Frames, band: float = TIE_BAND, resamples: int = RESAMPLES
) -> Verdict:
    """Decide a claim on the tables of one track in both arrangements.

    Parameters
    ----------
    name, frames, band, resamples
        As `check` takes them.

    Returns
    -------
    Verdict
    """
    described, equal = (check(name, frames, e, band, resamples) for e in (False, True))
    both = (described.verdict, equal.verdict)
    joint = ONLY_IF if HOLDS in both and both != (HOLDS, HOLDS) else _weakest(both)
    return Verdict(joint, described, equal)


def _decided(
    name: str, frames: Frames, equal: bool, band: float, resamples: int
) -> tuple[list[str], str]:
    """Verdicts on the networks and on each bootstrap sample of them, and the numbers."""
    if name in SUMMARIES:
        parts = {
            part: _decided(part, frames, equal, band, resamples)[0] for part in SUMMARIES[name][1]
        }
        numbers = ", ".join(f"{part} {found[0]}" for part, found in parts.items())
        return [_weakest(found) for found in zip(*parts.values(), strict=True)], numbers
    rule = RULES[name]
    samples = rule.samples(frames, equal)
    size = len(samples.data)
    picks = np.random.default_rng(_BOOTSTRAP_SEED).integers(size, size=(resamples, size))
    drawn = (samples.data, *(samples.data[pick] for pick in picks))
    return [rule.decide(values, samples, band) for values in drawn], rule.numbers(samples)


def _weakest(found: tuple[str, ...]) -> str:
    """Verdict of several claims taken together: the weakest of theirs.

    Parameters
    ----------
    found : tuple of str
        Their verdicts.

    Returns
    -------
    str
    """
    return next(verdict for verdict in (FAILS, TIES, OPEN, HOLDS) if verdict in found)
