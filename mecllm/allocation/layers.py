"""Joint choice of α and f^E on each server: a dual price, a recovered point, a local search."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mecllm.allocation.computation import LEAST_CLOCK, Work, share_clock
from mecllm.allocation.groups import Groups, Mask
from mecllm.network import Array, IntArray

# Prices tried in a search for the best; ten or so are needed, and any price gives a valid bound.
MAX_STEPS = 60
# The search ends where the dual can be higher by at most this share of it.
SETTLED = 1e-10
# One price in so many is where tangents meet: they find a kink, which straight lines creep up to.
TANGENTS_EVERY = 5
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
    ends = _bracket(work, groups, capacity, equal)
    clock, price = share_clock(work, groups, ends.layers[0], capacity, equal)
    value = groups.total(work.cost(ends.layers[0], clock))
    top = np.argmax(ends.value, axis=0)
    place = np.arange(len(capacity))
    apart = ends.apart(groups)
    best = Split(
        ends.layers[0],
        clock,
        np.where(apart, ends.price[top, place], price),
        value,
        np.where(apart, ends.value[top, place], value),
    )
    if apart.any():
        clock, _ = share_clock(work, groups, ends.layers[1], capacity, equal)
        other = groups.total(work.cost(ends.layers[1], clock))
        wins = other < value
        row = wins[groups.index]
        best = replace(
            best,
            layers=np.where(row, ends.layers[1], best.layers),
            clock=np.where(row, clock, best.clock),
            value=np.where(wins, other, value),
        )
    for _ in range(MAX_ROUNDS if search else 0):
        improved = _round(work, groups, capacity, equal, best)
        if improved is None:
            break
        best = improved
    return best


@dataclass(eq=False)
class _Ends:
    """Two prices of each group with the best one between them; the search moves them.

    Parameters
    ----------
    price, value, slope : array (2, G)
        ν, the dual there and its slope: not negative at the first, not positive at the second.
    layers : int array (2, K)
        Best α.
    """

    price: Array
    value: Array
    slope: Array
    layers: IntArray

    def apart(self, groups: Groups) -> Mask:
        """Whether some row of a group has another α at the other end."""
        return groups.total(self.layers[0] != self.layers[1]) > 0

    def meeting(self) -> tuple[Array, Array]:
        """Price and height at which the tangents at both ends meet: the dual is nowhere higher."""
        (low, high), (left, right), (rise, fall) = self.price, self.value, self.slope
        bend = rise - fall
        price = (right - left + rise * low - fall * high) / np.where(bend > 0, bend, 1.0)
        price = np.clip(price, low, high)
        return price, left + rise * (price - low)

    def crossing(self, capacity: Array, stayed: Array) -> Array:
        """Price at which (the clocks' sum)^-2, or the sum where ν < 0, would be the capacity's.

        Those are nearly straight lines in the price. An end that stayed counts half (the Illinois
        rule), so that both move.
        """
        total = np.maximum(self.slope / capacity + 1, LEAST_CLOCK)
        positive = self.price[1] > 0
        miss = np.where(positive, 1 - total**-2.0, total - 1)
        miss = miss * 0.5 ** np.maximum(stayed - 1, 0)
        share = miss[0] / np.where(miss[0] > miss[1], miss[0] - miss[1], 1.0)
        return self.price[0] + share * (self.price[1] - self.price[0])


def _bracket(work: Work, groups: Groups, capacity: Array, equal: bool) -> _Ends:
    """Enclose the price that maximises the dual, until both ends have one α or are as good.

    α rises with |ν| and the clocks move with R against it, so that the price at which the α of one
    end would fill the server lies at the other end's side of the best price. That opens the
    bracket, and closes it where both ends come to one α. In between, the slope is nearly straight
    where many rows share a server; and tangents meet close to a kink, where few do.
    """
    spread, count = groups.index, len(capacity)
    zero = np.zeros(count)
    layers, clock, least = work.best_unpriced()
    slope = groups.total(clock) - capacity
    ends = _Ends(*(np.stack([x, x]) for x in (zero, groups.total(least), slope, layers)))
    if work.delay == 0 and (work.energy == 0 or not equal):
        return ends
    excess = slope > 0
    active = excess | (equal & (groups.size > 0))
    newer = np.where(excess, 0, 1)
    stayed = np.zeros((2, count))
    for step in range(MAX_STEPS):
        rows = np.flatnonzero(active[spread])
        if not len(rows):
            break
        part, own = work.take(rows), Groups(groups.users[rows], spread[rows], groups.servers)
        if step == 0:
            trial = share_clock(part, own, layers[rows], capacity, equal)[1]
        else:
            kink = step % TANGENTS_EVERY == 0
            trial = ends.meeting()[0] if kink else ends.crossing(capacity, stayed)
        if step == 0:
            low, high = layers[rows], np.full(len(rows), work.layers - 1)
        else:
            low, high = np.sort(ends.layers[:, rows], axis=0)
            inside = (trial > ends.price[0]) & (trial < ends.price[1])
            trial = np.where(inside, trial, ends.price.mean(axis=0))
        chosen, clock, least = part.best_layers(trial[own.index], low, high)
        slope = own.total(clock) - capacity
        newer = 1 - newer if step == 0 else np.where(slope > 0, 0, 1)
        stayed[newer, np.arange(count)] = 0
        stayed[1 - newer, np.arange(count)] += 1
        # The first trial is beyond the best price but for rounding.
        slope = np.where(newer == 0, np.maximum(slope, 0.0), np.minimum(slope, 0.0))
        at = np.flatnonzero(active)
        ends.price[newer[at], at], ends.slope[newer[at], at] = trial[at], slope[at]
        ends.value[newer[at], at] = (own.total(least) - trial * capacity)[at]
        ends.layers[newer[own.index], rows] = chosen
        best = ends.value.max(axis=0)
        active &= ends.apart(groups) & (ends.meeting()[1] - best > SETTLED * np.abs(best))
    return ends


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
