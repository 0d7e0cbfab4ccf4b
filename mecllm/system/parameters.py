"""What a parameter of a scenario is: its symbol, unit and bounds, its law and its provenance."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mecllm.system.arrays import Array
from mecllm.system.files import data_path

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
    """Declaration of a parameter: symbol, unit, meaning and the values it may take."""

    symbol: str
    unit: str
    meaning: str
    low: float = 0.0
    low_open: bool = False
    high: float = math.inf
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
        kind = "a whole number" if self.whole else "a finite number"
        low = "" if self.low == -math.inf else f" {'>' if self.low_open else '>='} {self.low:g}"
        return kind + low + ("" if self.high == math.inf else f" and <= {self.high:g}")

    def accepts(self, value: object) -> bool:
        """Whether one value, or one end of an interval, is of the right type and within bounds."""
        if self.choices:
            return value in self.choices
        if self.file:
            return isinstance(value, str)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not math.isfinite(value) or (self.whole and value != int(value)):
            return False
        return (value > self.low if self.low_open else value >= self.low) and value <= self.high


def parameter(symbol: str, unit: str, meaning: str, **bounds: Any) -> Any:
    """Dataclass field that carries its `Spec`.

    Parameters
    ----------
    symbol, unit, meaning : str
        As in `Spec`.
    **bounds
        The other fields of `Spec`.

    Returns
    -------
    dataclasses.Field
        Typed as any value, so that the field may have the type of its values.
    """
    return field(metadata={"spec": Spec(symbol, unit, meaning, **bounds)})


def hardware() -> dict[str, dict[str, float]]:
    """Read the chips of `data/hardware.csv`: name → figure, keyed as the scenario's keys end.

    Only the columns that a scenario uses are read; source and reasoning stand beside them.
    """
    figures = ("cores", "flops_per_cycle", "frequency_max_GHz", "kappa_W_per_Hz3")
    with data_path("hardware.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chips = {}
    for row in rows:
        numbers = {key: float(row[key]) for key in figures[:3]}
        # Power is cubic in the clock (Section 3.1), so one datasheet point fixes κ = P/f³.
        hertz = 1e9 * float(row["frequency_at_power_GHz"])
        chips[row["name"]] = numbers | {figures[3]: float(row["power_W"]) / hertz**3}
    return chips
