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
