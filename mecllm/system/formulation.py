"""Which of the paper's formulas count, and what energy, delay and stability weigh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mecllm.errors import ScenarioError


@dataclass(frozen=True)
class Formulation:
    """Which of the paper's formulas are taken literally and which repaired.

    Parameters
    ----------
    transmission_delay : bool
        Whether the time s/r of the upload counts as delay. Equation (4) leaves it out.
    capacity : {"equal", "at_most"}
        Whether a server must hand out all its bandwidth and clock, as (9e) and (9g) print, or may
        keep some.
    stability_bound : {"paper", "sharp"}
        Theorem 1 as printed, 2L²/(k(1-α/Υ)), or with its sharp constant.
    """

    transmission_delay: bool
    capacity: Literal["equal", "at_most"]
    stability_bound: Literal["paper", "sharp"]

    def __post_init__(self) -> None:
        allowed: dict[str, tuple[object, ...]] = {
            "transmission_delay": (True, False),
            "capacity": ("equal", "at_most"),
            "stability_bound": ("paper", "sharp"),
        }
        for key, choices in allowed.items():
            value = getattr(self, key)
            if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
                raise ScenarioError("formulation", key, value, f"one of {choices}")


@dataclass(frozen=True)
class Weights:
    """Weights ω of the objective, priority and normalisation in one number.

    Parameters
    ----------
    energy : float
        ω_e [1/J].
    delay : float
        ω_t [1/s].
    stability : float
        ω_s [1].
    """

    energy: float
    delay: float
    stability: float

    def __post_init__(self) -> None:
        for key in ("energy", "delay", "stability"):
            value = float(getattr(self, key))
            # What is beyond is no price: a term would vanish or drown the others, and the floats.
            if not (value == 0 or _LEAST_WEIGHT <= value <= 1 / _LEAST_WEIGHT):
                allowed = f"0 or a finite number from {_LEAST_WEIGHT:g} to {1 / _LEAST_WEIGHT:g}"
                raise ScenarioError("weights", key, value, allowed)
            # The sum turns -0.0 into 0.0, which solvers tell apart.
            object.__setattr__(self, key, value + 0.0)


# Normalised weights are priorities over the terms' sizes: both within what physics allows.
_LEAST_WEIGHT = 1e-40
