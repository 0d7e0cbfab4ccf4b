"""Types of the arrays that go through the package, and a check of their entries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecllm.errors import ScenarioError

Array = NDArray[Any]
IntArray = NDArray[np.int64]


def require(good: object, key: str, value: object, allowed: str) -> None:
    """Raise one clear `ScenarioError` unless every entry of `good` holds.

    Parameters
    ----------
    good : bool or bool array
        What has to hold.
    key : str
        Name of the value, for the message.
    value : object
        The value, for the message.
    allowed : str
        What would be accepted.

    Raises
    ------
    ScenarioError
        Where an entry does not hold.
    """
    if not np.all(np.asarray(good)):
        raise ScenarioError("learner", key, value, allowed)


# In SI units no constant of a network is beyond; their products stay within the floats.
_LEAST = 1e-40


def require_positive(where: str, key: str, value: object) -> None:
    """Raise one clear `ScenarioError` unless every entry is a finite number above 0.

    Parameters
    ----------
    where, key : str
        For the message.
    value : float or array
        In SI units.

    Raises
    ------
    ScenarioError
        Naming the first bad entry.
    """
    array = np.asarray(value, dtype=np.float64)
    bad = ~((array >= _LEAST) & (array <= 1 / _LEAST))
    if bad.any():
        place = f"{key}[{', '.join(map(str, np.argwhere(bad)[0]))}]" if array.ndim else key
        allowed = f"a finite number > 0, from {_LEAST:g} to {1 / _LEAST:g}"
        raise ScenarioError(where, place, float(array[bad].flat[0]), allowed)
