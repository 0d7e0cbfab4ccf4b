"""What is known of each user and server: rows of tables and a gain matrix, in place of laws."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.parameters import FIGURES, Spec

# A path gain beyond is no radio link: -300 dB are a billion times weaker than anything that can be
# measured, and the antennas of both ends together add less than 30 dB to what the path loses.
GAIN_LOW, GAIN_HIGH = 1e-30, 1e3
GAIN_ALLOWED = (
    f"numbers >= {GAIN_LOW:g} and <= {GAIN_HIGH:g}: -300 to 30 dB, no radio link is beyond"
)
# How a gain may be given: as a power ratio, in dB, or as a path loss in dB, whose sign is turned.
_GAIN_UNITS = ("linear", "dB", "loss_dB")
SIDES = ("users", "servers")
_DEVICE = {"users": "user", "servers": "server"}


@dataclass(frozen=True, eq=False)
class Given:
    """Values of single users and servers, which are then not drawn.

    Parameters
    ----------
    users, servers : mapping
        Key of a scenario → array (N,) or (M,) in its unit; "position" → array (N, 2) or (M, 2).
    gain : array (N, M) or None
        Power gain of each pair, dimensionless.
    geographic : bool
        Whether positions are latitude and longitude [degree] instead of planar [m].
    resampled : bool
        Whether every draw takes rows at random, whole and with replacement, instead of each once.
    ignored : tuple of str
        Columns of the files it came from that no parameter has.
    """

    users: Mapping[str, Array] = field(default_factory=dict)
    servers: Mapping[str, Array] = field(default_factory=dict)
    gain: Array | None = None
    geographic: bool = False
    resampled: bool = False
    ignored: tuple[str, ...] = ()

    def rows(self, side: str) -> int | None:
        """Return how many users or servers are given, None where they are all drawn.

        Parameters
        ----------
        side : {"users", "servers"}
            Which of them.

        Returns
        -------
        int or None
            Rows.
        """
        if self.gain is not None:
            return self.gain.shape[SIDES.index(side)]
        return next((len(column) for column in getattr(self, side).values()), None)

    def take(self, side: str, count: int, rng: np.random.Generator) -> IntArray:
        """Say which row each user or server of a draw is.

        As many as there are rows: each row once, in order. Another number, or where `resampled`:
        rows at random, with replacement, so that any number has the distribution of the rows.

        Parameters
        ----------
        side : {"users", "servers"}
            Which of them.
        count : int
            N or M of the draw.
        rng : numpy.random.Generator
            Of these rows alone.

        Returns
        -------
        int array (count,)
            Rows.
        """
        rows = self.rows(side)
        if rows is None or (rows == count and not self.resampled):
            return np.arange(count)
        return rng.integers(rows, size=count)

    def without(self, keys: Sequence[str]) -> Given:
        """Return the same without some columns, which laws are to take the place of."""

        def kept(columns: Mapping[str, Array]) -> dict[str, Array]:
            return {key: column for key, column in columns.items() if key not in keys}

        return replace(self, users=kept(self.users), servers=kept(self.servers))

    def __repr__(self) -> str:
        """Short form that differs where the values do."""
        if self.rows("users") is None and self.rows("servers") is None:
            return "Given()"
        digest = hashlib.sha256(repr((self.geographic, self.resampled)).encode())
        parts = [("gain", self.gain), *self.users.items(), *self.servers.items()]
        for key, values in parts:
            if values is not None:
                digest.update(key.encode() + np.ascontiguousarray(values).tobytes())
        return f"Given({self.rows('users')}, {self.rows('servers')}, {digest.hexdigest()[:12]})"


NOTHING = Given()


def given_arrays(
    specs: Mapping[str, Spec],
    users: Mapping[str, Any],
    servers: Mapping[str, Any],
    gain: Any = None,
    gain_unit: str = "linear",
    geographic: bool = False,
    where: str = "arrays",
) -> Given:
    """Check what is given of users and servers.

    Parameters
    ----------
    specs : mapping
        Declaration of each parameter by key.
    users, servers : mapping
        As in `Given`; "device" → names of chips of `hardware`, with "chips" → those of a file.
    gain : array (N, M), optional
        Gain of each pair.
    gain_unit : {"linear", "dB", "loss_dB"}
        What it is given in.
    geographic : bool
        As in `Given`.
    where : str
        For messages.

    Returns
    -------
    Given
        Arrays of floats.

    Raises
    ------
    ScenarioError
        For a wrong shape, an unknown chip, or a value outside its bounds, the first of them named.
    """
    sides = {}
    for side, columns in (("users", users), ("servers", servers)):
        found = {}
        for key, column in columns.items():
            if key == "position":
                found[key] = _positions(where, f"{side} position", column, geographic)
                continue
            values = _numbers(where, key, column)
            if values.ndim != 1 or not len(values):
                shape = f"shape {values.shape}"
                raise ScenarioError(where, key, shape, "one number for each of them")
            bad = np.flatnonzero(~specs[key].accepted(values))
            if len(bad):
                place, value = f"{key}[{bad[0]}]", float(values[bad[0]])
                raise ScenarioError(where, place, value, specs[key].allowed)
            found[key] = values
        sides[side] = found
    found_gain = None if gain is None else _power_ratio(where, gain, gain_unit)
    for i, side in enumerate(SIDES):
        sizes = {key: len(column) for key, column in sides[side].items()}
        if found_gain is not None:
            sizes["gain"] = found_gain.shape[i]
        if len(set(sizes.values())) > 1:
            raise ScenarioError(where, side, sizes, "the same number of them everywhere")
    together = {side for side in SIDES if "position" in sides[side]}
    if found_gain is None and len(together) == 1 and geographic:
        raise ScenarioError(where, "latitude, longitude", f"of {together.pop()} only", "both or no")
    return Given(sides["users"], sides["servers"], found_gain, geographic)


def chip_columns(
    where: str, side: str, names: Sequence[str], chips: Mapping[str, Mapping[str, float]]
) -> dict[str, list[float]]:
    """Figures of the chip that each user or server has, by the keys of a scenario.

    Parameters
    ----------
    where : str
        For the message.
    side : {"users", "servers"}
        Whose they are.
    names : sequence of str
        A chip for each of them.
    chips : mapping
        From `hardware`.

    Returns
    -------
    dict
        Four columns.

    Raises
    ------
    ScenarioError
        For a name that no chip has.
    """
    for row, name in enumerate(names):
        if name not in chips:
            raise ScenarioError(where, f"device[{row}]", name, "one of " + ", ".join(sorted(chips)))
    return {f"{_DEVICE[side]}_{figure}": [chips[n][figure] for n in names] for figure in FIGURES}


def side_of(key: str) -> str:
    """Whose a drawn parameter is, "users" or "servers"."""
    return "servers" if key.startswith("server_") or key == "bandwidth_MHz" else "users"


def sides_of(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part columns into those of users and of servers.

    Parameters
    ----------
    values : mapping
        Keyed as a scenario's drawn parameters.

    Returns
    -------
    users, servers : dict
        The same columns.
    """
    parts: dict[str, dict[str, Any]] = {side: {} for side in SIDES}
    for key, value in values.items():
        parts[side_of(key)][key] = value
    return parts["users"], parts["servers"]


def _numbers(where: str, key: str, values: Any) -> Array:
    try:
        array = np.array(values)
    except (TypeError, ValueError) as error:
        raise ScenarioError(where, key, type(values).__name__, "an array of numbers") from error
    if array.dtype.kind not in "iuf":
        allowed = "real numbers; of complex amplitudes h take abs(h)**2"
        raise ScenarioError(where, key, f"{array.dtype} values", allowed)
    return array.astype(np.float64)


def _positions(where: str, key: str, values: Any, geographic: bool) -> Array:
    array = _numbers(where, key, values)
    limit = np.array([90.0, 180.0] if geographic else [4e7, 4e7])
    unit = "degrees within ±90, ±180" if geographic else "metres, at most the Earth's girth"
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ScenarioError(where, key, f"shape {array.shape}", "two numbers for each of them")
    if not np.all(np.abs(array) <= limit):
        raise ScenarioError(where, key, float(array[~(np.abs(array) <= limit)][0]), unit)
    return array


def _power_ratio(where: str, gain: Any, unit: str) -> Array:
    """Gain (N, M) as a power ratio."""
    if unit not in _GAIN_UNITS:
        raise ScenarioError(where, "gain_unit", unit, "one of " + ", ".join(_GAIN_UNITS))
    array = _numbers(where, "gain", gain)
    if array.ndim != 2 or not array.size:
        shape = f"shape {array.shape}"
        raise ScenarioError(where, "gain", shape, "a row for each user, a column for each server")
    sign = -1.0 if unit == "loss_dB" else 1.0
    low, high = 10 * np.log10(GAIN_LOW), 10 * np.log10(GAIN_HIGH)
    level = sign * array
    good = (array >= GAIN_LOW) & (array <= GAIN_HIGH)
    good = good if unit == "linear" else (level >= low) & (level <= high)
    if not good.all():
        row, column = np.argwhere(~good)[0]
        hint = "; give a blocked link a floor, and a path loss the unit loss_dB"
        place = f"gain[{row}, {column}] [{unit}]"
        raise ScenarioError(where, place, float(array[row, column]), GAIN_ALLOWED + hint)
    return array if unit == "linear" else 10 ** (level / 10)
