"""The fractional transform in SymPy: H, K and the derivatives of equations (12)-(32), derived.

H is summed from the cost model, K replaces each product of H by its AM-GM majorant, and every
equation is obtained by differentiation. What the paper prints stands in
``mecllm.theory.printed``; ``mismatches`` names the equations in which the two differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Symbol

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
        """Symbols of the pair (n, m); the server's constants depend on m alone."""
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


def majorant(a: Expr, b: Expr, weight: Expr) -> Expr:
    """Right side of a·b <= a² w + b²/(4w), the inequality behind equation (13)."""
    return a**2 * weight + b**2 / (4 * weight)


def best_weight(a: Expr, b: Expr) -> Expr:
    """Weight at which the majorant is smallest: solved, not quoted."""
    weight, first, second = sp.symbols("w a b", positive=True)
    (root,) = sp.solve(sp.diff(majorant(first, second, weight), weight), weight)
    return root.subs({first: a, second: b}, simultaneous=True)


def snr(n: int, m: int) -> Expr:
    """Signal-to-noise ratio x = g p/(σ² b)."""
    user, pair = User.of(n), Pair.of(n, m)
    return pair.gain * user.power / (NOISE * pair.bandwidth)


def transmission_rate(n: int, m: int) -> Expr:
    """Shannon rate r = b log2(1 + x), the formula above equation (3)."""
    return Pair.of(n, m).bandwidth * sp.log(snr(n, m) + 1) / sp.log(2)


def _layer_cost(flops: Expr, throughput: Expr, frequency: Expr, kappa: Expr) -> Expr:
    delay = flops / (frequency * throughput)
    energy = kappa * frequency**3 * delay
    return OMEGA_T * delay + OMEGA_E * energy


def local_layer_cost(n: int) -> Expr:
    """Cost A(f_n) of one layer on the device, from (1) and (2)."""
    user = User.of(n)
    return _layer_cost(user.flops, user.cores * user.rate, user.frequency, KAPPA_1)


def edge_layer_cost(n: int, m: int) -> Expr:
    """Cost B(f_nm) of one layer at the server, from (5) and (6)."""
    pair = Pair.of(n, m)
    return _layer_cost(User.of(n).flops, pair.cores * pair.rate, pair.frequency, KAPPA_2)


def stability_cost(n: int, track: Track = LITERAL) -> Expr:
    """ω_s times the bound of Theorem 1 at the tuned share α/Υ, from (10)."""
    user = User.of(n)
    share = user.layers / LAYERS
    bound = LIPSCHITZ**2 / user.samples
    bound *= 1 / (1 - share + CONVEXITY / 2) if track.sharp else 2 / (1 - share)
    return OMEGA_S * bound


def products(n: int, m: int) -> dict[str, tuple[Expr, Expr, Symbol]]:
    """Return the three non-convex products of user n at server m: name -> (a, b, auxiliary)."""
    user, pair = User.of(n), Pair.of(n, m)
    return {
        "local": (user.layers, local_layer_cost(n), user.z),
        "transmit": (user.power * user.bits, 1 / transmission_rate(n, m), pair.v),
        "edge": (LAYERS - user.layers, edge_layer_cost(n, m), pair.q),
    }


def objective(
    n: int, servers: tuple[int, ...] = SERVERS, track: Track = LITERAL, *, surrogate: bool = False
) -> Expr:
    """Share of user n in H, equation (12), or in the surrogate K, equation (13)."""

    def term(name: str, m: int) -> Expr:
        a, b, weight = products(n, m)[name]
        return majorant(a, b, weight) if surrogate else a * b

    total = term("local", servers[0]) + stability_cost(n, track)
    for m in servers:
        upload = OMEGA_E * term("transmit", m)
        if track.delay:
            upload += OMEGA_T * User.of(n).bits / transmission_rate(n, m)
        total += Pair.of(n, m).chosen * (upload + term("edge", m))
    return total


def auxiliaries(n: int, servers: tuple[int, ...] = SERVERS) -> dict[Symbol, Expr]:
    """Optimal auxiliaries z#, v#, q# of user n, each the best weight of its product."""
    return {weight: best_weight(a, b) for m in servers for a, b, weight in products(n, m).values()}


def variables(n: int, m: int) -> dict[str, Symbol]:
    """Variables with respect to which (17)-(21) and (27)-(31) differentiate, in that order."""
    user, pair = User.of(n), Pair.of(n, m)
    return {
        "local_layers": user.layers,
        "power": user.power,
        "bandwidth": pair.bandwidth,
        "user_frequency": user.frequency,
        "server_frequency": pair.frequency,
    }


def _derived(n: int = 1, m: int = 1) -> dict[str, Expr]:
    """Equations (12)-(32) of user n at server m, keyed by the paper's number.

    An identity between two sides, (16) and (32a)-(32e), is stored as its left side; ``printed``
    holds the right side. ``z#``, ``v#``, ``q#`` are the auxiliaries that the text assigns.
    """
    cost, bound = objective(n), objective(n, surrogate=True)
    best = auxiliaries(n)
    user, pair = User.of(n), Pair.of(n, m)
    result = {
        "12": cost,
        "13": bound,
        "14": local_layer_cost(n),
        "15": edge_layer_cost(n, m),
        "z#": best[user.z],
        "v#": best[pair.v],
        "q#": best[pair.q],
        "16": bound.subs(best),
    }
    for position, variable in enumerate(variables(n, m).values()):
        slope = sp.diff(bound, variable)
        result[str(17 + position)] = slope
        result[str(22 + position)] = slope.subs(best)
        result[str(27 + position)] = result[f"32{'abcde'[position]}"] = sp.diff(cost, variable)
    return result


def agree(left: Expr, right: Expr) -> bool:
    """Whether two expressions are the same function, decided exactly.

    Logarithms of equal arguments become one free symbol; what is left is a rational function,
    whose normal form is 0 or not.
    """
    difference = sp.sympify(left) - sp.sympify(right)
    logs = {log: sp.Dummy(positive=True) for log in difference.atoms(sp.log)}
    return bool(sp.cancel(sp.together(difference.xreplace(logs))) == 0)


def mismatches(printed: Mapping[str, Expr], derived: Mapping[str, Expr]) -> list[str]:
    """Numbers of the equations in which the printed and the derived expression differ."""
    if printed.keys() != derived.keys():
        raise KeyError(f"only one side has {sorted(printed.keys() ^ derived.keys())}")
    return [number for number in printed if not agree(printed[number], derived[number])]


#: Derived when it is first asked for.
DERIVED: dict[str, Expr]


def __getattr__(name: str) -> dict[str, Expr]:
    if name != "DERIVED":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _derived())
