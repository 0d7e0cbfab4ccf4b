"""The one error a reader of a scenario, network or decision file has to know."""

from __future__ import annotations

from textwrap import shorten

# Most letters of a value in a message: enough to find it again.
_SHOWN = 200


class ScenarioError(ValueError):
    """An input that the model cannot accept.

    Parameters
    ----------
    where : str
        File, or the object when it was made in memory.
    key : str
        The offending key or field.
    value : object
        What was found there.
    allowed : str
        What would have been accepted.
    """

    def __init__(self, where: str, key: str, value: object, allowed: str) -> None:
        self.where, self.key, self.value, self.allowed = where, key, value, allowed
        # One line, also for an array, whose text has several.
        shown = shorten(repr(value), _SHOWN, placeholder=" …")
        super().__init__(f"{where}: {key} = {shown} is not allowed; expected {allowed}")


class SolverError(RuntimeError):
    """A solver stopped without a usable point; the message says which and why."""
