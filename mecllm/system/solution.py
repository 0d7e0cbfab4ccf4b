"""What a method returns, and how a decision is kept in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array
from mecllm.system.files import write_whole
from mecllm.system.model import Cost, Decision


@dataclass(frozen=True, eq=False)
class Solution:
    """Outcome of one method on one network.

    Parameters
    ----------
    method : str
    decision : Decision
        Integer α.
    cost : Cost
        Per-user energy [J], delay [s], stability bound, and the objective.
    history : array (T,)
        Objective per iteration, with the start; one entry for a closed form.
    iterations : int
    converged : bool
    message : str
        Why the method stopped.
    lower_bound : float or None
        Certified bound on the optimum of P2, where the method has one.
    """

    method: str
    decision: Decision
    cost: Cost
    history: Array
    iterations: int
    converged: bool
    message: str
    lower_bound: float | None = None

    @property
    def objective(self) -> float:
        """H at the decision."""
        return self.cost.objective

    @property
    def energy(self) -> float:
        """Total energy [J]."""
        return float(self.cost.energy.sum())

    @property
    def delay(self) -> float:
        """Mean delay of a user [s]."""
        return float(self.cost.delay.mean())

    @property
    def stability(self) -> float:
        """Mean bound of a user [units of the loss]."""
        return float(self.cost.stability.mean())

    def summary(self) -> dict[str, object]:
        """Return the figures of the run as plain numbers; what JSON cannot hold becomes None."""

        def finite(value: float | None) -> float | None:
            return value if value is not None and np.isfinite(value) else None

        return {
            "method": self.method,
            "objective": finite(self.objective),
            "energy_J": finite(self.energy),
            "delay_s": finite(self.delay),
            "stability": finite(self.stability),
            "iterations": self.iterations,
            "converged": self.converged,
            "message": self.message,
            "lower_bound": finite(self.lower_bound),
        }


def save_decision(decision: Decision, path: str | Path) -> None:
    """Write a decision as JSON; every digit survives.

    Parameters
    ----------
    decision : Decision
        What is written.
    path : str or Path
        Where to.
    """
    text = json.dumps({key: value.tolist() for key, value in asdict(decision).items()})
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def load_decision(path: str | Path) -> Decision:
    """Read what `save_decision` wrote.

    Raises
    ------
    ScenarioError
        When the file is not a decision.
    """
    allowed = "a JSON file with the six lists of a Decision"
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        return Decision(**{key: np.asarray(value) for key, value in values.items()})
    except ScenarioError:
        raise
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ScenarioError(str(path), "decision", type(error).__name__, allowed) from error
