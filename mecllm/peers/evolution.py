"""A genetic algorithm and a particle swarm over χ (pymoo), with this package's exact resources.

On all variables both are far worse (some 16 and 35 % at 50 users): half of a genome would be
resources, which have a closed solution at any χ.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from mecllm.allocation import allocate
from mecllm.errors import SolverError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.model import Decision
from mecllm.system.network import Network

# Associations of a generation, and generations without a better one after which a search ends.
_POPULATION, _PATIENCE = 50, 30


def genetic(network: Network, start: Decision, limit: float, seed: int) -> tuple[Decision, str]:
    """Search χ by a genetic algorithm: uniform crossover, and users sent to random servers.

    Parameters
    ----------
    start : Decision
        Its χ is in the first generation.
    limit : float
        Most processor time [s].
    seed : int
        Of all random numbers.

    Returns
    -------
    decision : Decision
        The best that was found.
    status : str
        Why it ended.
    """
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.mutation import Mutation
    from pymoo.operators.crossover.ux import UniformCrossover
    from pymoo.operators.repair.rounding import RoundingRepair

    class Elsewhere(Mutation):  # type: ignore[misc]
        """Send each user to any server with the chance of one in N."""

        def _do(
            self, problem: Any, chi: Array, *_: Any, random_state: Any = None, **__: Any
        ) -> Array:
            other = random_state.integers(network.servers, size=chi.shape)
            return np.where(random_state.random(chi.shape) < 1 / network.users, other, chi)

    algorithm = GA(
        pop_size=_POPULATION,
        sampling=_first(network, start.association, seed),
        crossover=UniformCrossover(repair=RoundingRepair()),
        mutation=Elsewhere(prob=1.0),
        eliminate_duplicates=True,
    )
    return _searched(network, algorithm, limit, seed)


def swarm(network: Network, start: Decision, limit: float, seed: int) -> tuple[Decision, str]:
    """Search χ by a particle swarm, a user's server the whole part of its coordinate.

    Parameters
    ----------
    start : Decision
        Its χ is among the first particles.
    limit : float
        Most processor time [s].
    seed : int
        Of all random numbers.

    Returns
    -------
    decision : Decision
        The best that was found.
    status : str
        Why it ended.
    """
    from pymoo.algorithms.soo.nonconvex.pso import PSO

    first = _first(network, start.association, seed).astype(float)
    return _searched(network, PSO(pop_size=_POPULATION, sampling=first), limit, seed)


def _first(network: Network, association: IntArray, seed: int) -> IntArray:
    """First associations (_POPULATION, N): a start, and copies with more and more users moved."""
    rng = np.random.default_rng(seed)
    shape = (_POPULATION, network.users)
    moved = rng.random(shape) < np.linspace(0, 1, _POPULATION)[:, None]
    return np.where(moved, rng.integers(network.servers, size=shape), association)


def _searched(network: Network, algorithm: Any, limit: float, seed: int) -> tuple[Decision, str]:
    from pymoo.core.problem import Problem
    from pymoo.core.termination import Termination
    from pymoo.optimize import minimize

    best: Decision | None = None
    began = time.process_time()
    least, idle = np.inf, 0

    class Associations(Problem):  # type: ignore[misc]
        """H of the best resources at χ, which each is solved for once."""

        def __init__(self) -> None:
            super().__init__(n_var=network.users, n_obj=1, xl=0, xu=network.servers - 1e-9)
            self.known: dict[bytes, float] = {}

        def _evaluate(self, x: Array, out: dict[str, Array], *_: Any, **__: Any) -> None:
            out["F"] = np.array([self.cost(row) for row in np.floor(x).astype(np.int64)])[:, None]

        def cost(self, chi: IntArray) -> float:
            nonlocal best, least
            key = chi.tobytes()
            if key not in self.known:
                found = allocate(network, fill_empty(network, chi))
                self.known[key] = found.objective
                if found.objective < least:
                    best, least = found.decision, found.objective
            return self.known[key]

    class Settled(Termination):  # type: ignore[misc]
        """End after some generations without a better association, or at the limit of time."""

        def __init__(self) -> None:
            super().__init__()
            self.last = np.inf

        def _update(self, algorithm: Any) -> float:
            nonlocal idle
            idle = 0 if least < self.last else idle + 1
            self.last = least
            return max((time.process_time() - began) / limit, idle / _PATIENCE)

    minimize(Associations(), algorithm, Settled(), seed=seed, verbose=False)
    if best is None:
        raise SolverError("no generation was finished in time")
    return best, "time" if time.process_time() - began >= limit else "settled"
