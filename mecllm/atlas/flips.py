"""Where in the space the optimum is interior, and the least change that turns a claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from mecllm.atlas.results import Results, margin
from mecllm.atlas.rows import Outcome, measure_on
from mecllm.atlas.space import Sweep
from mecllm.study.statistics import TIE_BAND
from mecllm.system.arrays import Array
from mecllm.system.files import data_path
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario


def coordinates(results: Results, track: str) -> pd.DataFrame:
    """Coordinates in [0, 1] of a track's points, by key; indexed as the results are.

    Parameters
    ----------
    results : Results
    track : {"literal", "repaired"}

    Returns
    -------
    DataFrame
        One column a swept key.
    """
    constants = results.on(track).constants
    table = results.sweep.intervals[track]
    units = {key: table[key].unit(constants[key].to_numpy()) for key in table}
    return pd.DataFrame(units, index=constants.index)


def threshold(scenario: Scenario, flops_per_cycle: Array) -> Array:
    """κ2/κ1 at which B/A = 1 for average cores: (C^E D^E/(C^U D^U))³, finding F12.

    Parameters
    ----------
    scenario : Scenario
        Gives the mean C^U, C^E and D^E.
    flops_per_cycle : array
        D^U.

    Returns
    -------
    array
        As `flops_per_cycle`.
    """
    server = scenario.server_cores.mean * scenario.server_flops_per_cycle.mean
    return (server / (scenario.user_cores.mean * np.asarray(flops_per_cycle))) ** 3


@dataclass(frozen=True)
class Flip:
    """The least change of constants found that turns a claim's verdict.

    Parameters
    ----------
    claim, track : str
    before, after : float
        Margin at the start and where it has turned.
    changes : mapping
        Key → (value at the start, value where it has turned).
    """

    claim: str
    track: str
    before: float
    after: float
    changes: dict[str, tuple[float, float]]


def _start_unit(sweep: Sweep, track: str) -> Array:
    """Coordinates (K,) of the track's own scenario; 1/2 where a key is not swept on it."""
    scenario, table = sweep.scenarios[track], sweep.intervals[track]
    unit = np.full(len(sweep.keys), 0.5)
    for i, key in enumerate(sweep.keys):
        if key in table:
            value = getattr(scenario, key)
            unit[i] = table[key].unit(value if isinstance(value, int | float) else value.mean)
    return unit


def _margin_at(sweep: Sweep, track: str, unit: Array, claim: str, seeds: range) -> float:
    """Median margin of a claim over networks at one point, computed now; NaN where one fails."""
    values = sweep.values(track, unit)
    return float(np.median([_margin(sweep.scenarios[track], values, s, claim) for s in seeds]))


def _margin(scenario: Scenario, values: dict[str, float], seed: int, claim: str) -> float:
    @cache
    def network() -> Network:
        return scenario.replace(**values).draw(seed)

    @cache
    def outcome(method: str) -> Outcome:
        return measure_on(network, seed, method)

    def get(metric: str, method: str) -> pd.Series:
        # A failed method has no numbers; its margins are NaN, and a verdict is never turned by one.
        return pd.Series([getattr(outcome(method), metric)], dtype=float)

    return float(margin(claim, get).iloc[0])


def _homewards(unit: Array, home: Array, turned: Callable[[Array], bool]) -> Array:
    """Take coordinates back to home, the least changed first, until each that is left is needed."""
    while True:
        for i in sorted(np.flatnonzero(unit != home), key=lambda i: abs(unit[i] - home[i])):
            trial = unit.copy()
            trial[i] = home[i]
            if turned(trial):
                unit = trial
                break
        else:
            return unit


def nearest_flip(results: Results, track: str, claim: str, seeds: range = range(3)) -> Flip | None:
    """Smallest change of the scenario that turns a claim's verdict, starting from the atlas.

    Of the points with the other verdict, the nearest in the unit cube is taken; its constants go
    back to the scenario's one by one, the least changed first, while the verdict stays turned; the
    rest moves back along a line as far as that allows (bisection).

    Parameters
    ----------
    results : Results
        Of the atlas.
    track : {"literal", "repaired"}
    claim : str
        One of `STATEMENTS`.
    seeds : range
        Of the networks whose median margin decides.

    Returns
    -------
    Flip or None
        None when no point has the other verdict.
    """
    sweep = results.sweep
    home = _start_unit(sweep, track)
    before = _margin_at(sweep, track, home, claim, seeds)
    holds = before > TIE_BAND

    def turned(unit: Array) -> bool:
        values, margins = sweep.values(track, unit), []
        for seed in seeds:
            margins.append(_margin(sweep.scenarios[track], values, seed, claim))
            same = sum((value > TIE_BAND) == holds for value in margins)
            # A network that fails, or more than half of them on the old side: the rest, and with
            # them the median, cannot turn the verdict any more.
            if np.isnan(margins[-1]) or 2 * same > len(seeds):
                return False
        value = float(np.median(margins))
        return bool(np.isfinite(value)) and (value > TIE_BAND) != holds

    units = coordinates(results, track)
    keys = list(units.columns)
    place = [sweep.keys.index(key) for key in keys]
    near = units.loc[(results.on(track).margins[claim] > TIE_BAND) != holds]
    near = near.iloc[np.argsort(((near - home[place]) ** 2).sum(axis=1).to_numpy(), kind="stable")]
    for _, point in near.iloc[:20].iterrows():
        unit = home.copy()
        unit[place] = point.to_numpy()
        if turned(unit):
            break
    else:
        return None
    unit = _homewards(unit, home, turned)
    near_end, far_end = 0.0, 1.0
    for _ in range(8):
        middle = (near_end + far_end) / 2
        if turned(home + middle * (unit - home)):
            far_end = middle
        else:
            near_end = middle
    # Nearer to home, what was needed may have become superfluous.
    unit = _homewards(home + far_end * (unit - home), home, turned)
    start, end = sweep.values(track, home), sweep.values(track, unit)
    moved = {key: (start[key], end[key]) for key in keys if start[key] != end[key]}
    return Flip(claim, track, before, _margin_at(sweep, track, unit, claim, seeds), moved)


# Claims whose nearest flip is stored, by track: those that an allocation of layers decides.
_FLIPPED = {"literal": ("A1", "A3", "B8", "B11"), "repaired": ("A1", "A3", "B1", "B8")}


def nearest_flips(results: Results, done: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """Find the nearest flips that chapter 14 shows.

    Parameters
    ----------
    results : Results
        Of the atlas.
    done : callable
        Called after each claim.

    Returns
    -------
    DataFrame
        A row for each changed constant: track, claim, key, start, turned; a claim that no point
        turns has one row without a key.
    """
    rows: list[tuple[str, str, str, float, float]] = []
    for track, claims in _FLIPPED.items():
        for claim in claims:
            flip = nearest_flip(results, track, claim)
            changes = flip.changes if flip else {"": (np.nan, np.nan)}
            rows += [(track, claim, key, *ends) for key, ends in changes.items()]
            done()
    return pd.DataFrame(rows, columns=["track", "claim", "key", "start", "turned"])


def stored_flips() -> pd.DataFrame:
    """Read `data/results/flips.csv`: the columns of `nearest_flips`."""
    path = data_path("results", "flips.csv")
    return pd.read_csv(path, keep_default_na=False, na_values={"start": "", "turned": ""})
