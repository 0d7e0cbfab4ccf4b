"""One way to fill what the paper leaves open: constants, the methods' choices, what is counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mecllm.methods import Choices, solve
from mecllm.system.arrays import IntArray
from mecllm.system.network import Network
from mecllm.system.solution import Solution


@dataclass(frozen=True)
class Setting:
    """One way to fill what the paper leaves open.

    Parameters
    ----------
    changes : mapping
        Constants that replace the scenario's.
    choices : Choices
        Of the methods.
    time_shared : bool
        Count a server's energy as if it gave its users its full clock in turns, instead of a share
        of the clock all the time: the decision stays, its energy is that of the full clock.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)
    time_shared: bool = False

    def solve(
        self,
        network: Network,
        method: str,
        seed: int,
        association: IntArray | None = None,
        chi_step: bool = False,
    ) -> Solution:
        """Solve as `mecllm.solve` does, with the choices made and the energy counted.

        Parameters
        ----------
        network : Network
        method, seed, association, chi_step
            As `mecllm.solve` takes them.

        Returns
        -------
        Solution
        """
        return self.counted(
            network, solve(network, method, seed, association, chi_step, self.choices)
        )

    def counted(self, network: Network, solution: Solution) -> Solution:
        """Return the solution with its server energy counted as this setting does.

        Parameters
        ----------
        network : Network
        solution : Solution

        Returns
        -------
        Solution
            Its objective stays that of the model.
        """
        if not self.time_shared:
            return solution
        full = network.server_frequency_max[solution.decision.association]
        factor = (full / solution.decision.server_frequency) ** 2
        cost, edge = solution.cost, solution.cost.edge_energy * factor
        energy = cost.energy - cost.edge_energy + edge
        return replace(solution, cost=replace(cost, edge_energy=edge, energy=energy))


AS_DECLARED = Setting()
