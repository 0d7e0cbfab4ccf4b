"""Symbols of one user, one pair and the constants, and which mends an objective carries."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Symbol

OMEGA_T, OMEGA_E, OMEGA_S = sp.symbols("omega_t omega_e omega_s", positive=True)
KAPPA_1, KAPPA_2 = sp.symbols("kappa_1 kappa_2", positive=True)
LAYERS, LIPSCHITZ, CONVEXITY = sp.symbols("Upsilon L mu", positive=True)
NOISE = sp.Symbol("sigma2", positive=True)

#: The sums over m of the paper are written out for two servers.
SERVERS = (1, 2)


@dataclass(frozen=True)
class User:
    """Symbols of user n: alpha, p, f^U, the auxiliary z, and psi(d), s(d), k, C^U, D^U."""

    layers: Symbol
    power: Symbol
    frequency: Symbol
    z: Symbol
    flops: Symbol
    bits: Symbol
    samples: Symbol
    cores: Symbol
    rate: Symbol

    @classmethod
    def of(cls, n: int) -> User:
        """Symbols of user n; the same n gives the same symbols."""
        letters = ("alpha", "p", "f", "z", "psi", "s", "k", "CU", "DU")
        return cls(*(Symbol(f"{letter}_{n}", positive=True) for letter in letters))


@dataclass(frozen=True)
class Pair:
    """Symbols of user n at server m: chi, b, f^E, the auxiliaries v and q, g, and C^E, D^E of m."""

    chosen: Symbol
    bandwidth: Symbol
    frequency: Symbol
    v: Symbol
    q: Symbol
    gain: Symbol
    cores: Symbol
    rate: Symbol

    @classmethod
    def of(cls, n: int, m: int) -> Pair:
        """Symbols of the pair (n, m); the server's constants depend on m alone.

        Parameters
        ----------
        n, m : int
            User and server.

        Returns
        -------
        Pair
        """
        names = (*(f"{letter}_{n}{m}" for letter in ("chi", "b", "fE", "v", "q", "g")),
                 f"CE_{m}", f"DE_{m}")  # fmt: skip
        return cls(*(Symbol(name, positive=True) for name in names))


@dataclass(frozen=True)
class Track:
    """Which mends the objective carries.

    Parameters
    ----------
    delay : bool
        Whether the upload's delay ω_t s/r is charged; (4) leaves it out. It is convex, so the
        surrogate keeps it as it stands.
    sharp : bool
        Whether Theorem 1 enters with its sharp constant.
    """

    delay: bool
    sharp: bool


LITERAL = Track(delay=False, sharp=False)
REPAIRED = Track(delay=True, sharp=True)
