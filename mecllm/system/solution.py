"""What a method returns, and how a decision is kept in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array
from mecllm.system.files import write_whole
from mecllm.system.model import Cost, Decision

if TYPE_CHECKING:
    import pandas as pd


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

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a user; column names end in the unit.

        Returns
        -------
        DataFrame
            The decision, and what it costs the user.

        Examples
        --------
        >>> from mecllm import Scenario, solve
        >>> network = Scenario.load("repaired").replace(users=4, servers=2).draw(0)
        >>> table = solve(network, "priced").to_frame()
        >>> table.index.name, len(table), list(table.columns[:3])
        ('user', 4, ['server', 'local_layers', 'power_W'])
        """
        import pandas as pd  # it takes half a second, and most uses need no table

        parts = ((self.decision, _DECISION_UNITS), (self.cost, _COST_UNITS))
        columns = {name: getattr(part, key) for part, units in parts for key, name in units.items()}
        return pd.DataFrame(columns).rename_axis("user")

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


_DECISION_UNITS = {
    "association": "server",
    "local_layers": "local_layers",
    "power": "power_W",
    "bandwidth": "bandwidth_Hz",
    "user_frequency": "user_frequency_Hz",
    "server_frequency": "server_frequency_Hz",
}
_COST_UNITS = {
    "local_energy": "local_energy_J",
    "transmission_energy": "transmission_energy_J",
    "edge_energy": "edge_energy_J",
    "energy": "energy_J",
    "local_delay": "local_delay_s",
    "transmission_delay": "transmission_delay_s",
    "edge_delay": "edge_delay_s",
    "delay": "delay_s",
    "stability": "stability_bound",
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
