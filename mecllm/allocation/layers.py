"""Joint choice of α and f^E on each server: a dual price, a recovered point, a local search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation.computation import Work, share_clock
from mecllm.allocation.groups import Groups
from mecllm.network import Array, IntArray

# Bisection halves a bracket that holds ν; after 60 halvings it is narrower than rounding.
HALVINGS = 60
# The local search stops where the stated gap is this small, relative to the value.
NEGLIGIBLE_GAP = 1e-9
# Trial changes of one α per group and round, those of them tried in pairs too, and rows over all
# trials of a round: they bound its time and memory. Trials come in the order of reduced cost.
TRIALS = 48
PAIRED = 16
TRIAL_ROWS = 1_000_000
MAX_ROUNDS = 30


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


def split_layers(
    work: Work, groups: Groups, capacity: Array, equal: bool, search: bool = True
) -> Split:
    """Choose integer α and the clocks of every group together.

    At a price ν the rows fall apart and each takes its best integer α by enumeration. The price at
    which the clocks fill the server maximises the dual; if all rows are content with one α there,
    the point is optimal. Otherwise α is recovered from both sides of the price, the clocks are
    solved exactly, and changes of one α or two are tried, the clocks of the group solved anew.

    Parameters
    ----------
    search : bool
        Whether to run that local search.
    """
    price, left, right = _dual_price(work, groups, capacity, equal)
    _, _, dual = work.best_layers(price[groups.index])
    bound = groups.total(dual) - price * capacity
    best = _solved(work, groups, left, price, bound, capacity, equal)
    other = _solved(work, groups, right, price, bound, capacity, equal)
    best = _better(groups, best, other)
    for _ in range(MAX_ROUNDS if search else 0):
        improved = _round(work, groups, capacity, equal, best)
        if improved is None:
            break
        best = improved
    return best


def _solved(
    work: Work,
    groups: Groups,
    layers: IntArray,
    price: Array,
    bound: Array,
    capacity: Array,
    equal: bool,
) -> Split:
    clock, _ = share_clock(work, groups, layers, capacity, equal)
    return Split(layers, clock, price, groups.total(work.cost(layers, clock)), bound)


def _better(groups: Groups, one: Split, two: Split) -> Split:
    wins = two.value < one.value
    row = wins[groups.index]
    return Split(
        np.where(row, two.layers, one.layers),
        np.where(row, two.clock, one.clock),
        one.price,
        np.where(wins, two.value, one.value),
        one.bound,
    )


def _dual_price(
    work: Work, groups: Groups, capacity: Array, equal: bool
) -> tuple[Array, IntArray, IntArray]:
    """Price (G,) that maximises the dual, and the best α (K,) just below and above it."""
    spread, most = groups.index, work.layers - 1
    zero = np.zeros(len(capacity))
    layers, clock, _ = work.best_layers(zero[spread])
    excess = groups.total(clock) > capacity
    if work.delay == 0 and (work.energy == 0 or not equal):
        return zero, layers, layers
    # Above `high` the clocks cannot fill the server, as 2RwEκ f³ + ν f² = RwT gives f² < RwT/ν;
    # below `low` they overfill it, as it gives f > -ν/(2RwEκ) too.
    high = (groups.total(np.sqrt(most * work.flops * work.delay)) / capacity) ** 2
    low = zero.copy()
    if equal and work.energy > 0:
        stiffness = groups.total(1 / (2 * most * work.flops * work.energy * work.kappa))
        low = -capacity / np.where(stiffness > 0, stiffness, np.inf)
    low, high = np.where(excess, 0.0, low), np.where(excess, high, 0.0)
    at_low, _, _ = work.best_layers(low[spread])
    at_high, _, _ = work.best_layers(high[spread])
    below = np.where(excess[spread], layers, at_low)
    above = np.where(excess[spread], at_high, layers)
    active = (high > low) & (groups.total((below != above).astype(float)) > 0)
    for _ in range(HALVINGS):
        if not active.any():
            break
        middle = (low + high) / 2
        rows = np.flatnonzero(active[spread])
        a, b = below[rows], above[rows]
        chosen, clock, _ = work.take(rows).best_layers(
            middle[spread[rows]], np.minimum(a, b), np.maximum(a, b)
        )
        used = np.bincount(spread[rows], weights=clock, minlength=len(capacity))
        over = active & (used > capacity)
        low, high = np.where(over, middle, low), np.where(active & ~over, middle, high)
        side = over[spread[rows]]
        below[rows], above[rows] = np.where(side, chosen, a), np.where(side, b, chosen)
        active = active & (groups.total((below != above).astype(float)) > 0)
    # Where both sides agree on every α, the exact price follows from the clocks alone.
    agreed = share_clock(work, groups, below, capacity, equal)[1]
    differ = groups.total((below != above).astype(float)) > 0
    return np.where(differ, (low + high) / 2, agreed), below, above


def _round(work: Work, groups: Groups, capacity: Array, equal: bool, best: Split) -> Split | None:
    """Try changes of one α or two that the bound does not exclude; the best of each group."""
    gap = best.value - best.bound
    open_groups = gap > NEGLIGIBLE_GAP * np.abs(best.value)
    rows = np.flatnonzero(open_groups[groups.index])
    if not len(rows):
        return None
    trial_rows, trial_layers = _trials(work, groups, best, rows, gap)
    if not len(trial_rows):
        return None
    # Each trial is a group of its own: the rows of its group with one α replaced, or two.
    order = np.argsort(groups.index, kind="stable")
    size = groups.size
    first = np.concatenate(([0], np.cumsum(size)))[:-1]
    home = groups.index[trial_rows[:, 0]]
    copies = size[home]
    index = np.repeat(np.arange(len(home)), copies)
    offset = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
    member = order[first[home][index] + offset]
    layers = best.layers[member]
    for side in (0, 1):
        changed = member == trial_rows[index, side]
        layers = np.where(changed, trial_layers[index, side], layers)
    trials = Groups(groups.users[member], index, groups.servers[home])
    pairs = work.take(member)
    clock, _ = share_clock(pairs, trials, layers, capacity[home], equal)
    value = trials.total(pairs.cost(layers, clock))
    by_value = np.argsort(value, kind="stable")
    winner = np.full(len(size), -1)
    winner[home[by_value[::-1]]] = by_value[::-1]
    gain = (winner >= 0) & (value[winner] < best.value - 1e-13 * np.abs(best.value))
    if not gain.any():
        return None
    taken = gain[home[index]] & (winner[home[index]] == index)
    new_layers, new_clock = best.layers.copy(), best.clock.copy()
    new_layers[member[taken]], new_clock[member[taken]] = layers[taken], clock[taken]
    new_value = np.where(gain, value[winner], best.value)
    return Split(new_layers, new_clock, best.price, new_value, best.bound)


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
    share = TRIAL_ROWS // (max(1, len(np.unique(home))) * np.maximum(groups.size, 1))
    single = np.flatnonzero(rank < np.clip(share, 1, TRIALS)[home])
    # Two changes at once, among the first few of a group where its rows are few.
    few = (rank == 0) & (share[home] > 2 * TRIALS)
    start, count = np.flatnonzero(few), np.bincount(home, minlength=len(gap))[home[few]]
    one, two = (start[:, None] + i for i in np.triu_indices(PAIRED, 1))
    fits = np.triu_indices(PAIRED, 1)[1] < count[:, None]
    one, two = one[fits], two[fits]
    fits = (row[one] != row[two]) & (reduced[one] + reduced[two] <= gap[home[one]])
    one, two = one[fits], two[fits]
    first, second = np.concatenate([single, one]), np.concatenate([single, two])
    return np.stack([row[first], row[second]], axis=1), np.stack(
        [layers[first], layers[second]], axis=1
    )
