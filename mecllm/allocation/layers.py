"""Joint choice of α and f^E on each server: a dual price, a recovered point, a local search."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mecllm.allocation.computation import Work, share_clock
from mecllm.allocation.enumeration import priced_layers, unpriced_layers
from mecllm.allocation.groups import Groups, Mask
from mecllm.allocation.search import Split, improved
from mecllm.system.arrays import Array, IntArray
from mecllm.system.constraints import LEAST_CLOCK

# Prices tried in a search for the best; ten or so are needed, and any price gives a valid bound.
_MAX_STEPS = 60
# The search ends where the dual can be higher by at most this share of it.
_SETTLED = 1e-10


def split_layers(work: Work, groups: Groups, capacity: Array, equal: bool) -> Split:
    """Choose integer α and the clocks of every group together.

    At a price ν the rows fall apart and each takes its best integer α by enumeration. The price at
    which the clocks fill the server maximises the dual; if all rows are content with one α there,
    the point is optimal. Otherwise α is recovered from both sides of the price, the clocks are
    solved exactly, and changes of one α or two are tried, the clocks of the group solved anew.

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

    Returns
    -------
    Split
        α, the clocks and a lower bound on the cost of each group.
    """
    return improved(work, groups, capacity, equal, priced_split(work, groups, capacity, equal))


def priced_split(work: Work, groups: Groups, capacity: Array, equal: bool) -> Split:
    """Give the bound of `split_layers`, and α as the prices tell them, without changes tried.

    Parameters
    ----------
    work, groups, capacity, equal
        As in `split_layers`.

    Returns
    -------
    Split
        Of the same price and bound.
    """
    unpriced = unpriced_layers(work)
    clock, price = share_clock(work, groups, unpriced[0], capacity, equal)
    ends = _bracket(work, groups, capacity, equal, unpriced, price)
    if np.any(ends.layers[0] != unpriced[0]):
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
        rule), so that both move. Halving instead takes 1.25 times as long at 5,000 users.
        """
        total = np.maximum(self.slope / capacity + 1, LEAST_CLOCK)
        positive = self.price[1] > 0
        miss = np.where(positive, 1 - total**-2.0, total - 1)
        miss = miss * 0.5 ** np.maximum(stayed - 1, 0)
        share = miss[0] / np.where(miss[0] > miss[1], miss[0] - miss[1], 1.0)
        return self.price[0] + share * (self.price[1] - self.price[0])


def _bracket(
    work: Work,
    groups: Groups,
    capacity: Array,
    equal: bool,
    unpriced: tuple[IntArray, Array, Array],
    filling: Array,
) -> _Ends:
    """Enclose the price that maximises the dual, until both ends have one α or are as good.

    α rises with |ν| and the clocks move with R against it, so that the price at which the α of one
    end would fill the server lies at the other end's side of the best price. That opens the
    bracket, and closes it where both ends come to one α. In between, the slope is nearly straight.

    Parameters
    ----------
    unpriced : tuple of array (K,)
        What `unpriced_layers` found.
    filling : array (G,)
        Price at which the α found there would fill the server.
    """
    spread, count = groups.index, len(capacity)
    zero = np.zeros(count)
    layers, clock, least = unpriced
    slope = groups.total(clock) - capacity
    ends = _Ends(*(np.stack([x, x]) for x in (zero, groups.total(least), slope, layers)))
    if work.delay == 0 and (work.energy == 0 or not equal):
        return ends
    excess = slope > 0
    active = excess | (equal & (groups.size > 0))
    newer = np.where(excess, 0, 1)
    stayed = np.zeros((2, count))
    for step in range(_MAX_STEPS):
        rows = np.flatnonzero(active[spread])
        if not len(rows):
            break
        part, own = work.take(rows), Groups(groups.users[rows], spread[rows], groups.servers)
        if step == 0:
            trial, low, high = filling, layers[rows], np.full(len(rows), work.layers - 1)
        else:
            trial = ends.crossing(capacity, stayed)
            low, high = np.sort(ends.layers[:, rows], axis=0)
            inside = (trial > ends.price[0]) & (trial < ends.price[1])
            trial = np.where(inside, trial, ends.price.mean(axis=0))
        chosen, clock, least = priced_layers(part, trial[own.index], low, high)
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
        active &= ends.apart(groups) & (ends.meeting()[1] - best > _SETTLED * np.abs(best))
    return ends
