"""Definition 1 on a transformer: replace a sample, train again, and see what its loss does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mecllm.system.arrays import Array, IntArray, require
from mecllm.training.transformer import Layer
from mecllm.training.tuning import Part, Rule, fit, losses

#: k, samples of a training set, of which a step takes a batch of `BATCH`.
SAMPLES, BATCH = 32, 8
# Sequences on which "other text" is measured.
_OTHER = 32


@dataclass(frozen=True)
class Draw:
    """One training set and all chance that goes with it; sequences (·, d+1) are all distinct.

    Parameters
    ----------
    train, new, other : int array
        S (k, d+1), a replacement z' for each row that is replaced (R, d+1), and other text.
    rows : int array (R,)
        Which rows of S are replaced, one at a time.
    order, second_order : int array (steps, BATCH)
        Rows of S that each step takes, and another order for comparison.
    """

    train: IntArray
    new: IntArray
    other: IntArray
    rows: IntArray
    order: IntArray
    second_order: IntArray


def draw(sequences: IntArray, seed: int, replacements: int, epochs: int) -> Draw:
    """Draw a training set from a user's text, without replacement.

    Parameters
    ----------
    sequences : int array (count, d+1)
    seed : int
    replacements : int
        R, rows to replace; at most k.
    epochs : int
        Passes over S.

    Returns
    -------
    Draw
    """
    wanted = SAMPLES + replacements + _OTHER
    require(1 <= replacements <= SAMPLES, "replacements", replacements, f"1 to {SAMPLES}")
    require(len(sequences) >= wanted, "text", len(sequences), f"at least {wanted} sequences")
    rng = np.random.default_rng(seed)
    mixed = sequences[rng.permutation(len(sequences))[:wanted]]
    train, new, other = np.split(mixed, [SAMPLES, SAMPLES + replacements])
    rows = rng.permutation(SAMPLES)[:replacements]
    orders = [
        np.concatenate([rng.permutation(SAMPLES) for _ in range(epochs)]).reshape(-1, BATCH)
        for _ in range(2)
    ]
    return Draw(train, new, other, rows, *orders)


@dataclass(frozen=True)
class Outcome:
    """What a draw gives after some pass over S; losses in nats a character.

    Parameters
    ----------
    epoch : int
    training, other : float
        Mean loss on S and on other text.
    changes : array (R,)
        ℓ(A(Sⁱ), zᵢ) - ℓ(A(S), zᵢ), with their sign.
    moved : float
        Mean over other text and replacements of |ℓ(A(Sⁱ), z) - ℓ(A(S), z)|.
    reordered : float
        The same when S stays and its second order is taken.
    """

    epoch: int
    training: float
    other: float
    changes: Array
    moved: float
    reordered: float


def _epochs(
    ends: Layer, part: Part, train: IntArray, order: IntArray, rule: Rule
) -> Iterator[tuple[Layer, ...]]:
    """Layers after each pass over the training set."""
    for trained in fit(ends, part, train[order], rule):
        if trained.step % (SAMPLES // BATCH) == 0:
            yield trained.layers


def replace_one(ends: Layer, begin: Callable[[], Part], drawn: Draw, rule: Rule) -> list[Outcome]:
    """Train on S, on every Sⁱ and in another order, and compare.

    Parameters
    ----------
    ends : mapping
        As `transformer.embed` takes it.
    begin : callable
        Gives the part to train, of all layers.
    drawn : Draw
    rule : Rule

    Returns
    -------
    list of Outcome
        One for each pass over S.
    """

    def probe(train: IntArray, order: IntArray, own: IntArray) -> list[Array]:
        """Losses on some sequences and on other text, after each pass."""
        both = np.concatenate((own, drawn.other))
        return [losses(ends, x, both) for x in _epochs(ends, begin(), train, order, rule)]

    base = probe(drawn.train, drawn.order, drawn.train)
    turned = probe(drawn.train, drawn.second_order, drawn.train[:0])
    replaced = []
    for row, new in zip(drawn.rows, drawn.new, strict=True):
        train = drawn.train.copy()
        train[row] = new
        replaced.append(probe(train, drawn.order, drawn.train[row : row + 1]))
    outcomes = []
    for i, found in enumerate(base):
        own, other = found[:SAMPLES], found[SAMPLES:]
        after = np.array([run[i] for run in replaced])
        changes = after[:, 0] - own[drawn.rows]
        moved = np.abs(after[:, 1:] - other).mean()
        reordered = np.abs(turned[i] - other).mean()
        outcomes.append(
            Outcome(
                i + 1,
                float(own.mean()),
                float(other.mean()),
                changes,
                float(moved),
                float(reordered),
            )
        )
    return outcomes
