"""Where users and servers stand, and what the path loss makes of the distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array
from mecllm.system.files import number, read_rows

# Mean Earth radius of the IUGG (R1), the usual choice for great-circle distances.
_EARTH_RADIUS_M = 6_371_008.8


def uniform_square(rng: np.random.Generator, count: int, side: float) -> Array:
    """Points (count, 2) [m], uniform in a square of the given side [m] centred at 0.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the randomness comes from.
    count : int
        Number of points.
    side : float
        Length of a side [m].

    Returns
    -------
    array (count, 2)
        [m].
    """
    return rng.uniform(-side / 2, side / 2, size=(count, 2))


def uniform_disk(rng: np.random.Generator, count: int, radius: float) -> Array:
    """Points (count, 2) [m], uniform in a disk of the given radius [m] centred at 0.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the randomness comes from.
    count : int
        Number of points.
    radius : float
        Radius [m].

    Returns
    -------
    array (count, 2)
        [m].
    """
    # One row of the draw per point, so that more points extend the list instead of reshuffling it.
    share, turn = rng.uniform(size=(count, 2)).T
    distance, angle = radius * np.sqrt(share), 2 * np.pi * turn
    return np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])


def read_coordinates(path: str | Path) -> Array:
    """Read latitude and longitude [degree] (K, 2) from a CSV file.

    Column names are matched in any case; other columns are ignored.

    Raises
    ------
    ScenarioError
        Naming the file, the line and the value that is not a coordinate.
    """
    limits = {"latitude": 90.0, "longitude": 180.0}
    rows = read_rows(Path(path), tuple(limits), any_case=True)
    columns = [
        [_coordinate(path, line, name, row[name], limit) for line, row in rows]
        for name, limit in limits.items()
    ]
    return np.array(columns, dtype=np.float64).T


def _coordinate(path: str | Path, line: int, name: str, text: str, limit: float) -> float:
    value = number(path, line, name, text)
    if abs(value) > limit:
        allowed = f"a number between -{limit:g} and {limit:g}"
        raise ScenarioError(str(path), f"line {line}, {name}", text, allowed)
    return value


def planar_distance(users: Array, servers: Array) -> Array:
    """Euclidean distance (N, M) [m] between planar points [m].

    Parameters
    ----------
    users, servers : array (N, 2), (M, 2)
        Positions [m].

    Returns
    -------
    array (N, M)
        [m].
    """
    return np.hypot(*(users[:, None, :] - servers[None, :, :]).transpose(2, 0, 1))


def great_circle_distance(users: Array, servers: Array) -> Array:
    """Great-circle distance (N, M) [m] between points given in degrees (haversine).

    Parameters
    ----------
    users, servers : array (N, 2), (M, 2)
        Latitude and longitude [degree].

    Returns
    -------
    array (N, M)
        [m].
    """
    (lat_u, lon_u), (lat_s, lon_s) = np.radians(users).T, np.radians(servers).T
    half_lat = np.sin((lat_u[:, None] - lat_s) / 2) ** 2
    half_lon = np.sin((lon_u[:, None] - lon_s) / 2) ** 2
    share = half_lat + np.cos(lat_u)[:, None] * np.cos(lat_s) * half_lon
    return 2 * _EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0)))


@dataclass(frozen=True, eq=False)
class DistanceGain:
    """Path gain of every pair, computed when asked for: what an (N, M) array is too large for.

    It is indexed like the array: by rows, `gain[rows]`, or by pairs, `gain[rows, columns]`.

    Parameters
    ----------
    users, servers : array (N, 2), (M, 2)
        Planar positions [m].
    intercept, slope : float
        Path loss at 1 km [dB] and per decade of distance [dB].
    distance_min : float
        Shorter distances count as this one [m].
    """

    users: Array
    servers: Array
    intercept: float
    slope: float
    distance_min: float

    @property
    def shape(self) -> tuple[int, int]:
        """(N, M)."""
        return len(self.users), len(self.servers)

    def nearest(self, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """Servers (K, count) of the best gains of some users, the nearest ones, best first.

        Parameters
        ----------
        rows : int array (K,)
            Users.
        count : int
            How many servers each user is given, at most M.

        Returns
        -------
        int array (K, count)
            Servers, best first.
        """
        return self._tree.query(self.users[rows], range(1, count + 1))[1]

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree  # only networks of this size need it

        return cKDTree(self.servers)

    def __getitem__(self, index: Any) -> Array:
        """Gain of some rows, or of pairs (rows, columns) that broadcast."""
        if isinstance(index, tuple):
            step = self.users[index[0]] - self.servers[index[1]]
        else:
            step = self.users[index][..., None, :] - self.servers
        distance = np.maximum(np.hypot(step[..., 0], step[..., 1]), self.distance_min)
        return path_gain(distance, self.intercept, self.slope)


def path_gain(distance: Array, intercept: float, slope: float) -> Array:
    """Power gain 10^(-PL/10) with PL = intercept + slope·log10(distance/km) [dB] (Section 5).

    Parameters
    ----------
    distance : array
        [m].
    intercept, slope : float
        Path loss at 1 km [dB] and per decade of distance [dB].

    Returns
    -------
    array
        Dimensionless, like `distance`.
    """
    return 10 ** (-(intercept + slope * np.log10(distance / 1e3)) / 10)
