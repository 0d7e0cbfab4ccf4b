"""What a parameter of a scenario is: its symbol, unit and bounds, its law and its provenance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mecllm.system.arrays import Array
from mecllm.system.files import data_path, number, read_rows

Status = Literal["stated", "assumed", "inferred"]


@dataclass(frozen=True)
class Provenance:
    """Where a value comes from.

    Parameters
    ----------
    status : {"stated", "assumed", "inferred"}
        Printed in the paper; our choice; or derived from a cited fact.
    source : str
        Where it is printed, or why it was chosen.
    range : tuple of float or None
        Plausible interval of an assumed value, in the unit of the key; what sweeps explore.
    """

    status: Status
    source: str
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Law:
    """How one value per user or server is drawn.

    Parameters
    ----------
    kind : {"fixed", "uniform", "integer", "hardware"}
        One value for all; uniform on [low, high]; uniform on the integers low..high; or the figure
        of the chip that the user or server was dealt.
    values : tuple of float
        The value; low and high; or one figure per chip.
    devices : tuple of str
        Names of the chips in `data/hardware.csv`, for "hardware" only.
    """

    kind: str
    values: tuple[float, ...]
    devices: tuple[str, ...] = ()

    def sample(self, rng: np.random.Generator, size: int, device: Array) -> Array:
        """Draw one value for each user or server.

        Reading the chip from a uniform number instead of drawing it keeps one user's chip the
        same whether 10 or 10,000 users are drawn.

        Parameters
        ----------
        rng : numpy.random.Generator
            Of this parameter alone.
        size : int
            N or M.
        device : array (size,)
            Uniform numbers in [0, 1) that deal the chips, alike for all figures of a chip.

        Returns
        -------
        array (size,)
            In the unit of the parameter's key.
        """
        if self.kind == "fixed":
            return np.full(size, self.values[0])
        if self.kind == "hardware":
            return np.array(self.values)[(device * len(self.values)).astype(int)]
        low, high = self.values
        if self.kind == "integer":
            return np.floor(low + (high - low + 1) * rng.uniform(size=size))
        return rng.uniform(low, high, size=size)

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(np.mean(self.values))

    def __str__(self) -> str:
        """Human-readable form for tables."""
        numbers = [f"{value:.4g}" for value in self.values]
        if self.kind == "fixed":
            return numbers[0]
        if self.kind == "hardware":
            return ", ".join(f"{n} ({d})" for n, d in zip(numbers, self.devices, strict=True))
        return (
            f"{{{numbers[0]}..{numbers[1]}}}"
            if self.kind == "integer"
            else (f"[{numbers[0]}, {numbers[1]}]")
        )


@dataclass(frozen=True)
class Spec:
    """Declaration of a parameter: symbol, unit, meaning and the values it may take.

    Parameters
    ----------
    symbol, unit, meaning : str
        The paper's letter, the unit of the key, and what it is.
    low, high : float
        Least and greatest value.
    why : str
        Reason of the bounds.
    zero : bool
        Whether 0 is allowed as well.
    whole, drawn, file : bool
        Whether only whole numbers are; whether it is drawn per user or server; whether it names a
        file.
    choices : tuple of str
        Words that are allowed, where it is a word.
    """

    symbol: str
    unit: str
    meaning: str
    low: float = 0.0
    high: float = math.inf
    why: str = ""
    zero: bool = False
    whole: bool = False
    drawn: bool = False
    choices: tuple[str, ...] = ()
    file: bool = False

    @property
    def allowed(self) -> str:
        """The accepted values, in words."""
        if self.file:
            return "the path of a CSV file, relative to the scenario file"
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        kind = "a whole number" if self.whole else "a number"
        either = ", or 0" if self.zero else ""
        return f"{kind} >= {self.low:g} and <= {self.high:g}{either} ({self.why})"

    def accepts(self, value: object) -> bool:
        """Whether one value, or one end of an interval, is of the right type and within bounds."""
        if self.choices or self.file:
            return isinstance(value, str) and (self.file or value in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer):
            return False
        # Compared before it is converted: a whole number may be too long for a float.
        if not (self.low <= value <= self.high or (self.zero and value == 0)):
            return False
        # A law keeps its ends as floats; what counts users or layers has to be an integer.
        return (
            not self.whole or (self.drawn and value == int(value)) or not isinstance(value, float)
        )

    def accepted(self, values: Array) -> NDArray[np.bool_]:
        """Tell of each of many numbers whether it is within bounds.

        Parameters
        ----------
        values : array
            In the unit of the key.

        Returns
        -------
        bool array
            Like the values; NaN is not accepted.
        """
        good = (values >= self.low) & (values <= self.high)
        if self.zero:
            good |= values == 0
        return good & (values == np.round(values)) if self.whole else good


def parameter(*words: Any, **more: Any) -> Any:
    """Dataclass field that carries its `Spec`.

    Parameters
    ----------
    *words, **more
        Fields of `Spec`.

    Returns
    -------
    dataclasses.Field
        Typed as any value, so that the field may have the type of its values.
    """
    return field(metadata={"spec": Spec(*words, **more)})


# Figures of a chip that a scenario uses, as its keys end.
FIGURES = ("cores", "flops_per_cycle", "frequency_max_GHz", "kappa_W_per_Hz3")


def hardware(path: str | Path | None = None) -> dict[str, dict[str, float]]:
    """Read the chips of `data/hardware.csv`: name → figure, keyed as the scenario's keys end.

    Only the columns that a scenario uses are read; source and reasoning stand beside them.

    Parameters
    ----------
    path : str or Path, optional
        A file of one's own with the same columns, whose chips are added.

    Returns
    -------
    dict
        `FIGURES` by name.

    Raises
    ------
    ScenarioError
        Naming the file, the line and the value that is no figure of a chip.
    """
    chips = {}
    for file in (data_path("hardware.csv"), *([Path(path)] if path else [])):
        for line, row in read_rows(file, ("name", *FIGURES[:3], "power_W", _POINT)):
            figures = {key: number(file, line, key, row[key]) for key in (*FIGURES[:3], _POINT)}
            # Power is cubic in the clock (Section 3.1), so one datasheet point fixes κ = P/f³.
            hertz = 1e9 * figures.pop(_POINT)
            figures[FIGURES[3]] = number(file, line, "power_W", row["power_W"]) / hertz**3
            chips[row["name"]] = figures
    return chips


_POINT = "frequency_at_power_GHz"
