"""Channel gain from the distance: the path loss of Section 5."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
        """Servers (K, count) of the best gains of some users, the nearest ones, best first."""
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
    """Power gain 10^(-PL/10) with PL = intercept + slope·log10(distance/km) [dB] (Section 5)."""
    return 10 ** (-(intercept + slope * np.log10(distance / 1e3)) / 10)
