"""IPOPT and Bonmin on P2, through CasADi, which gives them exact first and second derivatives.

Two models of χ: "shares" multiplies what a pair costs by χ_nm, and every user has one share of
bandwidth and one of clock; "perspective" gives every pair its own, b_nm <= χ_nm, and charges
χ V(b/χ), which is the tightest convex way to write a cost that is there only where χ is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mecllm.errors import SolverError
from mecllm.paper import round_layers
from mecllm.peers.model import LEAST_SHARE, Coefficients, capacity_low, decided, shares
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.model import Decision
from mecllm.system.network import Network

# Keeps χ V(b/χ) defined at χ = 0; the point is solved again at its χ and α without it.
_SMOOTHED = 1e-6
# From a start that is nearly optimal the barrier need not begin where it does by default (0.1).
_QUIET = {"print_level": 0, "sb": "yes"}
_IPOPT = {"tol": 1e-8, "mu_init": 1e-3}
_BONMIN = {f"{kind}_log_level": 0 for kind in ("bb", "nlp", "lp", "oa", "fp", "milp")}
_BONMIN["nlp_log_at_root"] = 0


@dataclass(frozen=True, eq=False)
class _Program:
    """A nonlinear programme: CasADi's symbols, bounds, and where the blocks of x end."""

    symbols: dict[str, Any]
    low: Array
    high: Array
    capacity: tuple[Array, Array]
    discrete: int

    def run(self, name: str, options: dict[str, Any], start: Array) -> tuple[Array, str]:
        """Point that a solver of CasADi returns, and what it says of it."""
        import casadi

        own: dict[str, Any] = {"print_time": False, name: {**_QUIET, **options}}
        if name == "bonmin":
            own["discrete"] = [place < self.discrete for place in range(len(self.low))]
        solver = casadi.nlpsol("peer", name, self.symbols, own)
        low, high = self.capacity
        point = np.clip(start, self.low, self.high)
        found = solver(x0=point, lbx=self.low, ubx=self.high, lbg=low, ubg=high)
        x = np.array(found["x"]).ravel()
        status = str(solver.stats()["return_status"])
        if not np.all(np.isfinite(x)):
            raise SolverError(f"no point: {status}")
        return np.clip(x, self.low, self.high), status


def _pair_cost(c: Coefficients, at: Any, layers: Any, power: Any, band: Any, clock: Any) -> Any:
    """U(b, p) + (Υ - α) B(f) of pairs; `at` picks the coefficients of the pairs from (N, M)."""
    import casadi

    time, energy = c.time, at(np.broadcast_to(c.energy[:, None], c.upload.shape))
    rate = band * casadi.log1p(at(c.snr) * power / band)
    upload = at(c.upload) * (time + energy * power) / rate
    return upload + layers * (at(c.slow) / clock + at(c.hot) * clock**2)


def _home_cost(c: Coefficients, layers: Any, most: int) -> Any:
    return layers * c.local + c.stability / (c.edge - layers / most)


def resources(
    network: Network, c: Coefficients, start: Decision, layers: Array | None = None
) -> tuple[Decision, str]:
    """Solve the resources at a fixed χ by IPOPT, α relaxed or given.

    Parameters
    ----------
    c : Coefficients
        Of the network.
    start : Decision
        Its χ is kept.
    layers : array (N,), optional
        α to be kept as well.

    Returns
    -------
    decision : Decision
        IPOPT's point.
    status : str
        What IPOPT says of it.

    Raises
    ------
    SolverError
        When IPOPT has no point.
    """
    import casadi

    n, m, size = network, start.association, network.users
    users = np.arange(size)
    alpha, power, band, clock = (casadi.SX.sym(k, size) for k in ("a", "p", "b", "f"))
    cost = _pair_cost(c, lambda x: x[users, m], n.layers - alpha, power, band, clock)
    cost = casadi.sum1(cost + _home_cost(c, alpha, n.layers))
    used = np.unique(m)
    member = casadi.DM.triplet(
        np.searchsorted(used, m).tolist(), users.tolist(), casadi.DM.ones(size), len(used), size
    )
    sums = casadi.vertcat(member @ band, member @ clock)
    least, most = (
        (np.ones(size), np.full(size, n.layers - 1.0)) if layers is None else (layers,) * 2
    )
    low = np.concatenate([least, c.power_min, np.full(2 * size, LEAST_SHARE)])
    high = np.concatenate([most, c.power_max, np.ones(2 * size)])
    one = np.ones(2 * len(used))
    program = _Program(
        {"x": casadi.veccat(alpha, power, band, clock), "f": cost, "g": sums},
        low,
        high,
        (capacity_low(n) * one, one),
        0,
    )
    x, status = program.run(
        "ipopt", _IPOPT, np.concatenate([start.local_layers, *shares(n, start)])
    )
    return decided(n, m, *np.split(x, 4)), status


def polished(network: Network, c: Coefficients, decision: Decision) -> Decision:
    """Round α to the neighbour that costs less and solve the resources again.

    Parameters
    ----------
    c : Coefficients
        Of the network.
    decision : Decision
        With α relaxed or integer.

    Returns
    -------
    Decision
        α integer.
    """
    whole = round_layers(network, decision)
    return resources(network, c, whole, whole.local_layers)[0]


class _Association:
    """P2 with χ among the variables, χ and α first."""

    def __init__(self, network: Network, perspective: bool) -> None:
        import casadi

        n, size, pairs = network, network.users, network.users * network.servers
        shape = (size, n.servers)
        self.network, self.perspective = n, perspective
        self.c = c = Coefficients.of(n)
        chi, alpha, power = (
            casadi.SX.sym("c", *shape),
            casadi.SX.sym("a", size),
            casadi.SX.sym("p", size),
        )
        of_pair = (lambda x: x) if perspective else (lambda x: casadi.repmat(x, 1, n.servers))
        band, clock = (casadi.SX.sym(k, *(shape if perspective else (size, 1))) for k in "bf")
        weight = chi + _SMOOTHED if perspective else chi
        own = [x / weight if perspective else of_pair(x) for x in (band, clock)]
        wide = [casadi.repmat(x, 1, n.servers) for x in (n.layers - alpha, power)]
        cost = weight * _pair_cost(c, casadi.DM, *wide, *own)
        cost = casadi.sum1(casadi.sum2(cost)) + casadi.sum1(_home_cost(c, alpha, n.layers))
        taken = [casadi.sum1(x).T if perspective else chi.T @ x for x in (band, clock)]
        rows = [casadi.sum2(chi), *taken]
        least = [np.ones(size), np.full(2 * n.servers, capacity_low(n))]
        most = [np.ones(size), np.ones(2 * n.servers)]
        if perspective:
            rows += [casadi.vec(x - chi) for x in (band, clock)]
            least.append(np.full(2 * pairs, -np.inf))
            most.append(np.full(2 * pairs, _SMOOTHED))
        ones = np.ones(2 * (pairs if perspective else size))
        self.program = _Program(
            {
                "x": casadi.veccat(chi, alpha, power, band, clock),
                "f": cost,
                "g": casadi.veccat(*rows),
            },
            np.concatenate([np.zeros(pairs), np.ones(size), c.power_min, LEAST_SHARE * ones]),
            np.concatenate([np.ones(pairs), np.full(size, n.layers - 1.0), c.power_max, ones]),
            (np.concatenate(least), np.concatenate(most)),
            pairs + size,
        )

    def point(self, decision: Decision) -> Array:
        """Return x of a decision."""
        power, *own = shares(self.network, decision)
        chi = np.zeros((self.network.users, self.network.servers))
        chi[np.arange(len(chi)), decision.association] = 1
        blocks = [(chi * x[:, None]).ravel("F") if self.perspective else x for x in own]
        return np.concatenate([chi.ravel("F"), decision.local_layers, power, *blocks])

    def decision(self, x: Array) -> Decision:
        """Decision at x: χ to its largest entries, each server's sums within its capacity."""
        n, size = self.network, self.network.users
        pairs = size * n.servers
        chi, alpha, power, rest = np.split(x, [pairs, pairs + size, pairs + 2 * size])
        m = fill_empty(n, chi.reshape(n.servers, size).argmax(axis=0))
        band, clock = (self._own(block, m) for block in np.split(rest, 2))
        return decided(n, m, alpha, power, band, clock)

    def _own(self, block: Array, m: IntArray) -> Array:
        n = self.network
        return block.reshape(n.servers, -1)[m, np.arange(n.users)] if self.perspective else block


def bonmin(
    network: Network, start: Decision, limit: float, seed: int, perspective: bool = False
) -> tuple[Decision, str]:
    """Branch and bound over χ and α by Bonmin's B-BB, then the resources by IPOPT.

    Parameters
    ----------
    start : Decision
        Where the search begins.
    limit : float
        Most processor time [s].
    seed : int
        Of no use here.
    perspective : bool
        Which model of χ.

    Returns
    -------
    decision : Decision
        The best that was found.
    status : str
        What Bonmin says of it.
    """
    model = _Association(network, perspective)
    options = {"algorithm": "B-BB", "time_limit": limit, **_BONMIN}
    x, status = model.program.run("bonmin", options, model.point(start))
    return polished(network, model.c, model.decision(x)), status


def relaxed(network: Network, start: Decision, limit: float, seed: int) -> tuple[Decision, str]:
    """IPOPT on the relaxed χ and α; χ to its largest entries, then the resources by IPOPT.

    Parameters
    ----------
    start : Decision
        Where the search begins.
    limit : float
        Most processor time [s].
    seed : int
        Of no use here.

    Returns
    -------
    decision : Decision
        The rounded point.
    status : str
        What IPOPT says of the relaxed one.
    """
    model = _Association(network, perspective=True)
    x, status = model.program.run("ipopt", {"tol": 1e-6, "max_cpu_time": limit}, model.point(start))
    shared, _ = resources(network, model.c, model.decision(x))
    return polished(network, model.c, shared), status
