"""Users sorted into groups, one server a group: the shape in which all resources are solved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mecllm.system.arrays import Array, IntArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows (one user each) in G groups; each group shares the whole of one server.

    An association is the case G = M. Trial moves of the descent are further groups: the same server
    may stand behind many of them, and a user may be a row of many groups.

    Parameters
    ----------
    users : int array (K,)
        User of each row.
    index : int array (K,)
        Group of each row.
    servers : int array (G,)
        Server of each group.
    """

    users: IntArray
    index: IntArray
    servers: IntArray

    @classmethod
    def of(cls, association: IntArray, servers: int) -> Groups:
        """One group a server, as an association (N,) has them.

        Parameters
        ----------
        association : int array (N,)
            χ as server indices.
        servers : int
            M.

        Returns
        -------
        Groups
            G = M groups of N rows.
        """
        return cls(np.arange(len(association)), association, np.arange(servers))

    @cached_property
    def server(self) -> IntArray:
        """Server (K,) of each row."""
        return self.servers[self.index]

    @cached_property
    def size(self) -> IntArray:
        """Number (G,) of rows of each group."""
        return np.bincount(self.index, minlength=len(self.servers))

    def total(self, amount: Array) -> Array:
        """Sum (G,) of an amount (K,) over each group."""
        return np.bincount(self.index, weights=amount, minlength=len(self.servers))

    def largest(self, amount: Array) -> Array:
        """Maximum (G,) of an amount (K,) over each group; -inf in an empty one."""
        out = np.full(len(self.servers), -np.inf)
        np.maximum.at(out, self.index, amount)
        return out

    def rows(self, keep: Mask) -> Groups:
        """Return the same groups with some of their rows (boolean mask (K,))."""
        return Groups(self.users[keep], self.index[keep], self.servers)
