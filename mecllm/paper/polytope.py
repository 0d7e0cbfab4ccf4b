"""The constraints of the χ-step, and the linear problems on them (HiGHS)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mecllm.errors import SolverError
from mecllm.paper.offers import Offer
from mecllm.system.arrays import Array
from mecllm.system.network import Network

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult
    from scipy.sparse import csr_array

# HiGHS meets its constraints to 1e-7 in these units; nearer than that, two numbers are one.
TOLERANCE = 1e-7
# With more servers than these a linear problem looks at few pairs, and takes in so many a user at a
# time of those that pay, by more than a hundredth of what HiGHS lets pass.
_ALL_PAIRS, _ENTERING, _PAYS = 32, 2, 1e-9


@dataclass(frozen=True, eq=False)
class Polytope:
    """{x >= 0 : equal x = target, at_most x <= limit} over χ, flattened user by user.

    Parameters
    ----------
    equal, target : sparse array (E, NM), array (E,)
    at_most, limit : sparse array (U, NM), array (U,)
    inside : array (N, M), optional
        A point of it, from which a large linear problem gets by with few of the pairs.
    """

    equal: csr_array
    target: Array
    at_most: csr_array
    limit: Array
    inside: Array | None = None

    @classmethod
    def of(cls, network: Network, offer: Offer) -> Polytope:
        """Constraints of P6 on a network under an offer; (9e) and (9g) as it formulates them."""
        shares = (
            offer.bandwidth / network.bandwidth_max,
            offer.frequency / network.server_frequency_max,
        )
        return cls.of_shares(np.stack(shares), network.formulation.capacity == "equal")

    @classmethod
    def of_shares(cls, shares: Array, equal: bool, inside: Array | None = None) -> Polytope:
        """(9c), 0 <= χ <= 1 and, for each resource, sum over n of χ_nm shares_nm = 1 (or <= 1).

        Parameters
        ----------
        shares : array (K, N, M)
            What each pair takes of each of a server's K resources, relative to what there is.
        equal : bool
            Whether a server must hand out all it has, as (9e) and (9g) print.
        inside : array (N, M), optional
            A point known to satisfy them.

        Returns
        -------
        Polytope
            Of N + K M rows.
        """
        users, servers = shares.shape[1:]
        # One entry in N or M of a row is not 0: stored in full, 800 users and 125 servers would
        # take a gigabyte, and most of the time.
        from scipy.sparse import csr_array, vstack  # imported late, as below

        pair, size = np.arange(users * servers), users * servers
        one = csr_array((np.ones(size), (pair // servers, pair)), (users, size))
        rows = csr_array((0, size))
        for share in shares:
            rows = vstack(
                (rows, csr_array((share.ravel(), (pair % servers, pair)), (servers, size)))
            )
        rows.eliminate_zeros()
        if equal:
            target = np.ones(users + rows.shape[0])
            return cls(vstack((one, rows), "csr"), target, rows[:0], target[:0], inside)
        return cls(one, np.ones(users), rows, np.ones(rows.shape[0]), inside)

    def contains(self, point: Array) -> bool:
        """Whether a point (NM,) satisfies every row, to `TOLERANCE`."""
        return bool(
            np.all(np.abs(self.equal @ point - self.target) <= TOLERANCE)
            and np.all(self.at_most @ point - self.limit <= TOLERANCE)
            and np.all(point >= -TOLERANCE)
        )

    def minimise(self, costs: Array, binary: bool = False) -> Array:
        """Vertex (NM,), or binary point, of least linear cost; infinite costs forbid a pair.

        Parameters
        ----------
        costs : array (NM,)
            c.
        binary : bool
            Whether every χ_nm must be 0 or 1.

        Returns
        -------
        array (NM,)
            χ.

        Raises
        ------
        SolverError
            When there is none.
        """
        # CCCP asks for the same costs from every start, and without a penalty at every step.
        asked = (costs.tobytes(), binary)
        if asked not in self._solved:
            many = self.inside is not None and self.inside.shape[1] > _ALL_PAIRS and not binary
            found = self._of_few_pairs(costs) if many else self._of_all_pairs(costs, binary)
            whole = np.round(found)
            # + 0.0 makes -0.0 the same number as 0.0.
            found = np.where(np.abs(found - whole) <= TOLERANCE, whole, found) + 0.0
            self._solved[asked] = found
        return self._solved[asked].copy()

    @cached_property
    def _solved(self) -> dict[tuple[bytes, bool], Array]:
        return {}

    def _of_all_pairs(self, costs: Array, binary: bool) -> Array:
        # Imported late: it takes most of a second.
        from scipy.optimize import Bounds, LinearConstraint, milp

        possible = np.isfinite(costs)
        result = milp(
            np.where(possible, costs, 0.0),
            integrality=np.full(len(costs), int(binary)),
            bounds=Bounds(0.0, possible.astype(float)),
            constraints=[
                LinearConstraint(self.equal, self.target, self.target),
                *([LinearConstraint(self.at_most, -np.inf, self.limit)] if len(self.limit) else []),
            ],
        )
        return _usable(result)

    @cached_property
    def _pricing(self) -> dict[str, Array]:
        """Pairs (NM,) that were looked at, and what the rows of (9c), (9e), (9g) ask of each."""
        return {}

    def _of_few_pairs(self, costs: Array) -> Array:
        """Solve for few pairs and let in those that pay at its prices, until none does.

        No pair outside then has a negative reduced cost, which makes the vertex optimal among all.
        """
        from scipy.optimize import linprog  # imported late, as above

        inside, possible, known = np.asarray(self.inside), np.isfinite(costs), self._pricing
        known.setdefault("pairs", inside.ravel() > 0)
        known.setdefault("asked", np.full(len(costs), np.max(costs, where=possible, initial=0) + 1))
        pairs, point = known["pairs"], np.zeros(len(costs))
        while True:
            reduced = np.where(possible & ~pairs, costs - known["asked"], np.inf)
            paying = reduced < -_PAYS
            if point.any() and not paying.any():
                return point
            least = np.argpartition(reduced.reshape(inside.shape), _ENTERING)[:, :_ENTERING]
            entering = np.zeros(inside.shape, dtype=bool)
            np.put_along_axis(entering, least, values=True, axis=1)
            pairs |= entering.ravel() & paying
            used = np.flatnonzero(pairs & possible)
            rows = (self.at_most[:, used], self.limit, self.equal[:, used], self.target)
            result = linprog(costs[used], *rows)
            point[:] = 0.0
            point[used] = _usable(result)
            prices = (result.eqlin.marginals, result.ineqlin.marginals)
            known["asked"] = prices[0] @ self.equal + prices[1] @ self.at_most


def _usable(result: OptimizeResult) -> Array:
    """Solution of a linear problem."""
    if result.x is None:
        raise SolverError(f"linear problem of the χ-step: {result.message}")
    return np.asarray(result.x)
