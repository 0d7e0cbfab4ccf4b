"""A local search over α where the dual leaves a gap; the clocks are solved anew for each trial."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mecllm.allocation.computation import Work, share_clock
from mecllm.allocation.groups import Groups
from mecllm.system.arrays import Array, IntArray

# The local search stops where the stated gap is this small, relative to the value.
_NEGLIGIBLE_GAP = 1e-9
# One α for all is tried where the gap is above this share of the value.
_WIDE_GAP = 1e-3
# Trial changes of one α per group and round, those of them tried in pairs too, and rows over all
# trials of a round: they bound its time and memory. Trials come in the order of reduced cost.
_TRIALS = 48
_PAIRED = 16
_TRIAL_ROWS = 1_000_000
_MAX_ROUNDS = 30


@dataclass(frozen=True, eq=False)
class Split:
    """Layers and clocks of K rows in G groups, with what is known of the optimum.

    Parameters
    ----------
    layers : int array (K,)
        α.
    clock : array (K,)
        f [Hz] at the server.
    price : array (G,)
        ν [1/Hz] at which the bound is taken.
    value, bound : array (G,)
        Cost of the group beside the upload, and its Lagrangian lower bound.
    """

    layers: IntArray
    clock: Array
    price: Array
    value: Array
    bound: Array


def improved(work: Work, groups: Groups, capacity: Array, equal: bool, best: Split) -> Split:
    """Change α until no change tried lowers the cost of any group, or its gap is negligible.

    Parameters
    ----------
    work : Work
        Pairs (K,), one a row.
    groups : Groups
        Which rows share a server.
    capacity : array (G,)
        f^max [Hz] of each group.
    equal : bool
        Whether all of it must be handed out, as (9g) prints.
    best : Split
        Where the search starts.

    Returns
    -------
    Split
        Never worse than the start; price and bound are those of the start.
    """
    found = _settled(work, groups, capacity, equal, best)
    alike = _alike(work, groups, capacity, equal, found)
    return found if alike is found else _settled(work, groups, capacity, equal, alike)


def _settled(work: Work, groups: Groups, capacity: Array, equal: bool, best: Split) -> Split:
    for _ in range(_MAX_ROUNDS):
        found = _round(work, groups, capacity, equal, best)
        if found is None:
            break
        best = found
    return best


def _alike(work: Work, groups: Groups, capacity: Array, equal: bool, best: Split) -> Split:
    """Try one α for all users of a server where the gap is wide: prices would part like users."""
    wide = best.value - best.bound > _WIDE_GAP * np.abs(best.value)
    home = np.repeat(np.flatnonzero(wide), work.layers - 1)
    layers = np.tile(np.arange(1, work.layers), int(wide.sum()))
    trials = _Trials.of(groups, home)
    return _won(work, groups, capacity, equal, best, trials, layers[trials.index]) or best


def _round(work: Work, groups: Groups, capacity: Array, equal: bool, best: Split) -> Split | None:
    """Try changes of one α or two that the bound does not exclude; the best of each group."""
    gap = best.value - best.bound
    open_groups = gap > _NEGLIGIBLE_GAP * np.abs(best.value)
    rows = np.flatnonzero(open_groups[groups.index])
    if not len(rows):
        return None
    trial_rows, trial_layers = _trials(work, groups, best, rows, gap)
    home = groups.index[trial_rows[:, 0]]
    trials = _Trials.of(groups, home)
    layers = best.layers[trials.member]
    for side in (0, 1):
        changed = trials.member == trial_rows[trials.index, side]
        layers = np.where(changed, trial_layers[trials.index, side], layers)
    return _won(work, groups, capacity, equal, best, trials, layers)


@dataclass(frozen=True, eq=False)
class _Trials:
    """Copies of groups, in which other α are tried.

    Parameters
    ----------
    home : int array (T,)
        The group that each trial is a copy of.
    index, member : int array (L,)
        Trial of each row of a copy, and the row of `groups` that it is.
    """

    home: IntArray
    index: IntArray
    member: IntArray

    @classmethod
    def of(cls, groups: Groups, home: IntArray) -> _Trials:
        order = np.argsort(groups.index, kind="stable")
        size = groups.size
        first = np.concatenate(([0], np.cumsum(size)))[:-1]
        copies = size[home]
        index = np.repeat(np.arange(len(home)), copies)
        offset = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
        return cls(home, index, order[first[home][index] + offset])


def _won(
    work: Work,
    groups: Groups,
    capacity: Array,
    equal: bool,
    best: Split,
    trials: _Trials,
    layers: IntArray,
) -> Split | None:
    """Solve trials with their α (L,), and take each group's best where it is an improvement."""
    home, index, member = trials.home, trials.index, trials.member
    if not len(home):
        return None
    own = Groups(groups.users[member], index, groups.servers[home])
    pairs = work.take(member)
    clock, _ = share_clock(pairs, own, layers, capacity[home], equal)
    value = own.total(pairs.cost(layers, clock))
    by_value = np.argsort(value, kind="stable")
    winner = np.full(len(best.value), -1)
    winner[home[by_value[::-1]]] = by_value[::-1]
    gain = (winner >= 0) & (value[winner] < best.value - 1e-13 * np.abs(best.value))
    if not gain.any():
        return None
    taken = gain[home[index]] & (winner[home[index]] == index)
    new_layers, new_clock = best.layers.copy(), best.clock.copy()
    new_layers[member[taken]], new_clock[member[taken]] = layers[taken], clock[taken]
    new_value = np.where(gain, value[winner], best.value)
    return replace(best, layers=new_layers, clock=new_clock, value=new_value)


def _trials(
    work: Work, groups: Groups, best: Split, rows: IntArray, gap: Array
) -> tuple[IntArray, IntArray]:
    """Rows (T, 2) and their α by reduced cost: what is dearer than the gap is in no optimum."""
    options = np.arange(1, work.layers)
    row, layers = np.repeat(rows, len(options)), np.tile(options, len(rows))
    pairs, price = work.take(row), best.price[groups.index[row]]
    clock = pairs.clock(price, work.layers - layers)
    value = (pairs.cost(layers, clock) + price * clock).reshape(len(rows), -1)
    reduced = (value - value.min(axis=1, keepdims=True)).ravel()
    keep = (reduced <= gap[groups.index[row]]) & (layers != best.layers[row])
    row, layers, reduced = row[keep], layers[keep], reduced[keep]
    order = np.lexsort((reduced, groups.index[row]))
    row, layers, reduced = row[order], layers[order], reduced[order]
    home = groups.index[row]
    rank = np.arange(len(home)) - np.searchsorted(home, home)
    share = _TRIAL_ROWS // (max(1, len(np.unique(home))) * np.maximum(groups.size, 1))
    single = np.flatnonzero(rank < np.clip(share, 1, _TRIALS)[home])
    # Two changes at once, among the first few of a group where its rows are few.
    few = (rank == 0) & (share[home] > 2 * _TRIALS)
    start, count = np.flatnonzero(few), np.bincount(home, minlength=len(gap))[home[few]]
    one, two = (start[:, None] + i for i in np.triu_indices(_PAIRED, 1))
    fits = np.triu_indices(_PAIRED, 1)[1] < count[:, None]
    one, two = one[fits], two[fits]
    fits = (row[one] != row[two]) & (reduced[one] + reduced[two] <= gap[home[one]])
    one, two = one[fits], two[fits]
    first, second = np.concatenate([single, one]), np.concatenate([single, two])
    return np.stack([row[first], row[second]], axis=1), np.stack(
        [layers[first], layers[second]], axis=1
    )
