"""The simulation claims of Section 5 as data: which method is below which, in what, where.

The ledger, the settings of "what it takes" and the atlas all decide a claim from this one entry:
over paired seeds at every point of a figure, or by `margin` at a point of the atlas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

import pandas as pd

# Figure 4 has 100 users; its numbers of servers are not given. The default is 10, and at 20 slots a
# server 5 is the least that admits 100 users.
SERVERS = (5, 10, 15, 20)
# What the paper's "marginal" is taken to mean, for the energy of the greedy association.
_MARGINAL = 0.10

# Looks up the values of a metric of a method, one a seed or one a point.
Get = Callable[[str, str], pd.Series]
Table = TypeVar("Table", pd.Series, pd.DataFrame)


class Distance(NamedTuple):
    """How far two methods are from each other, in place of a method's own value."""

    one: str
    other: str


class Order(NamedTuple):
    """One side below the other."""

    lower: str | Distance
    higher: str | Distance


@dataclass(frozen=True)
class Comparison:
    """A claim that some methods are below others.

    Parameters
    ----------
    id : str
        As in the ledger.
    text : str
        The claim in a few words.
    figure, panel : str
        Of the paper; panel None where the figure has no axis of weights.
    metric : str
        As `mecllm.study.records.UNITS` names it.
    orders : tuple of Order
        All of which must hold, at every point of the figure's axis.
    at_most : float or None
        Most by which the higher side may exceed the lower one, relative, where that is claimed.
    """

    id: str
    text: str
    figure: str
    panel: str | None
    metric: str
    orders: tuple[Order, ...]
    at_most: float | None = None


def side(get: Callable[[str, str], Table], metric: str, what: str | Distance) -> Table:
    """Values of one side of an order.

    Parameters
    ----------
    get : callable
        (metric, method) → values.
    metric : str
    what : str or Distance

    Returns
    -------
    Series or DataFrame
        As `get` returns them.
    """
    if isinstance(what, Distance):
        return (get(metric, what.one) - get(metric, what.other)).abs()
    return get(metric, what)


def margin(claim: Comparison, get: Get) -> pd.Series:
    """By how much a claim holds, relative to the lower side; negative where it fails.

    Parameters
    ----------
    claim : Comparison
    get : callable
        (metric, method) → values.

    Returns
    -------
    Series
        The least excess of a higher side over its lower one and, where the claim says "at most",
        what is left to that limit.
    """
    excesses = []
    for lower, higher in claim.orders:
        low, high = side(get, claim.metric, lower), side(get, claim.metric, higher)
        # Two sides of 0, as two distances may be, are a tie.
        excesses.append(((high - low) / low).mask((high == 0) & (low == 0), 0.0))
    if claim.at_most is not None:
        excesses += [claim.at_most - excess for excess in excesses]
    return pd.concat(excesses, axis=1).min(axis=1)


def _below(one: str, *others: str) -> tuple[Order, ...]:
    return tuple(Order(one, other) for other in others)


def _above(one: str, *others: str) -> tuple[Order, ...]:
    return tuple(Order(other, one) for other in others)


# Methods of the tables that were given the χ-step of the proposed one, by the name of those that
# were not: "on equal terms" reads the latter as the former. In Figure 5 the association is what
# names the methods, and in Figure 4 there is one method; both are on equal terms as they stand.
EQUAL_TERMS = {
    name: f"{name}_chi"
    for name in ("edge_only", "edge_one", "alternating", "alpha_only", "resource_only")
}
_BASELINES = ("alternating", "alpha_only", "resource_only")
_NEARER = (Order(Distance("proposed", "edge_only"), Distance("proposed", "local_only")),)
_SECOND = (
    *_below("proposed", "alternating"),
    *_below("alternating", "alpha_only", "resource_only"),
)
# fmt: off
COMPARISONS: dict[str, Comparison] = {row[0]: Comparison(*row) for row in (
    ("A1", "less energy than edge-only and local-only", "2", None, "energy",
     _below("proposed", "edge_only", "local_only")),
    ("A2", "delay closer to edge-only than to local-only", "2", None, "delay", _NEARER),
    ("A3", "delay below local-only", "2", None, "delay", _below("proposed", "local_only")),
    ("B1", "least energy of the four methods", "3", "a", "energy", _below("proposed", *_BASELINES)),
    ("B2", "alternating second in energy", "3", "a", "energy", _SECOND),
    ("B3", "α-only most energy", "3", "a", "energy",
     _above("alpha_only", "proposed", "alternating", "resource_only")),
    ("B6", "least delay of the four methods", "3", "b", "delay", _below("proposed", *_BASELINES)),
    ("B7", "less delay than alternating", "3", "b", "delay", _below("proposed", "alternating")),
    ("B8", "α-only less delay than resource-only", "3", "b", "delay",
     _below("alpha_only", "resource_only")),
    ("B9", "best stability of the four methods", "3", "c", "stability",
     _below("proposed", *_BASELINES)),
    ("B10", "alternating more stable than α-only", "3", "c", "stability",
     _below("alternating", "alpha_only")),
    ("B11", "resource-only least stable", "3", "c", "stability",
     _above("resource_only", "proposed", "alternating", "alpha_only")),
    ("C2", "fewer servers converge faster", "4", None, "iterations",
     tuple(Order(f"M={few}", f"M={more}") for few, more in pairwise(SERVERS))),
    ("D1", "less energy than greedy", "5", None, "energy", _below("proposed", "greedy")),
    ("D2", "less energy than random", "5", None, "energy", _below("proposed", "random")),
    ("D3", "random most energy", "5", None, "energy", _above("random", "proposed", "greedy")),
    ("D4", f"greedy more energy, by {_MARGINAL:.0%} at most", "5", None, "energy",
     _above("greedy", "proposed"), _MARGINAL),
    ("D5", "less delay than greedy and random", "5", None, "delay",
     _below("proposed", "greedy", "random")),
    ("D6", "random most delay", "5", None, "delay", _above("random", "proposed", "greedy")),
    ("D7", "greedy's fullest server fuller than proposed's", "5", None, "largest_load",
     _above("greedy", "proposed")),
)}
# fmt: on
# The abstract's claims are about every baseline at once: all of those that they name.
SUMMARIES = {
    "E1": ("less energy than every baseline", ("A1", "B1", "D1", "D2")),
    "E2": ("less delay than every baseline", ("A3", "B6", "D5")),
    "E3": ("more stable than every baseline", ("B9",)),
}
