"""Where equations (12)-(32) are not taken by their letters, and what the letters would say.

The words stand beside each equation in ``data/equations.csv``; here each reading is undone, so that
it can be seen to be needed. Whether print or copy is at fault where a letter is of another alphabet
cannot be told from the copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Symbol

from mecllm.theory import fractional, printed
from mecllm.theory.compare import mismatches
from mecllm.theory.symbols import LAYERS, NOISE, SERVERS, Pair, User


@dataclass(frozen=True)
class Reading:
    """One reading of the transcription, and how to undo it.

    Parameters
    ----------
    printed, read : str
        What stands in our copy, and what is taken for it.
    numbers : tuple of str
        Equations in which it stands.
    undo : callable
        Transcribed expression → what its letters say.
    substituted : bool
        Whether it stands in the auxiliaries that the equation puts into K, and not in the formula.
    """

    printed: str
    read: str
    numbers: tuple[str, ...]
    undo: Callable[[Expr], Expr]
    substituted: bool = False


def by_the_letter(reading: Reading) -> list[str]:
    """Equations of a reading that do not follow from the model when their letters are taken.

    Parameters
    ----------
    reading : Reading

    Returns
    -------
    list of str
    """
    if not reading.substituted:
        literal = {number: reading.undo(printed.PRINTED[number]) for number in reading.numbers}
        return mismatches(literal, {number: fractional.DERIVED[number] for number in literal})
    literal = {number: _with_auxiliaries(number, reading.undo) for number in reading.numbers}
    return mismatches(literal, {number: printed.PRINTED[number] for number in literal})


def _with_auxiliaries(number: str, undo: Callable[[Expr], Expr]) -> Expr:
    """Slope of K in the variable of (22)-(26) or (32a)-(32e) at q# by the letter."""
    place = "abcde".find(number[-1]) if number.startswith("32") else int(number) - 22
    user, slope = User.of(1), fractional.DERIVED[str(17 + place)]
    costs = {Pair.of(1, m).q: _q(m) for m in SERVERS}
    literal = {symbol: undo(value) for symbol, value in costs.items()}
    return slope.subs({user.z: printed.PRINTED["z#"], **literal})


def _q(server: int) -> Expr:
    """Transcribed q# of user 1 at a server; `printed.PRINTED` has that at server 1."""
    own, other = Pair.of(1, 1), Pair.of(1, server)
    swap = {own.frequency: other.frequency, own.cores: other.cores, own.rate: other.rate}
    return printed.PRINTED["q#"].xreplace(swap)


def _letters(swap: dict[Expr, Expr]) -> Callable[[Expr], Expr]:
    return lambda expression: expression.xreplace(swap)


def readings() -> tuple[Reading, ...]:
    """Every reading of the transcription of (12)-(32), in the order of the equations."""
    user, pair = User.of(1), Pair.of(1, 1)
    p = user.power

    def positive(*names: str) -> list[Symbol]:
        return [Symbol(name, positive=True) for name in names]

    tokens, t, gamma = positive("d_1", "T", "Gamma")
    alien = {letter: positive(f"C{letter}", f"D{letter}") for letter in ("V", "R", "E_n")}
    ratio = {j: 1 + j.gain * p / (NOISE * j.bandwidth) for j in (Pair.of(1, m) for m in SERVERS)}
    no_bar: dict[Expr, Expr] = {}
    for value in ratio.values():
        no_bar |= {1 / value: value, sp.log(value) ** -3: sp.log(value) ** 3}
    first_log, no_bandwidth = sp.log(ratio[pair]), sp.log(1 + pair.gain * p / NOISE)

    def server(letter: str) -> Callable[[Expr], Expr]:
        return _letters(dict(zip((pair.cores, pair.rate), alien[letter], strict=True)))

    def device(letter: str) -> Callable[[Expr], Expr]:
        return _letters(dict(zip((user.cores, user.rate), alien[letter], strict=True)))

    uploads = ("13", "v#", "18", "23", "24", "28", "29", "32b", "32c")
    return (
        Reading("1 - α/1", "1 - α/Υ", ("12",), _letters({1 / LAYERS: sp.Integer(1)})),
        Reading("d_n", "s(d_n)", uploads, _letters({user.bits: tokens})),
        Reading("a product", "a difference and a fraction", ("18",), _letters(no_bar)),
        Reading("C^E_n D^E_n", "C^E_m D^E_m", ("21",), server("E_n")),
        Reading("ln(g p/σ² + 1)", "ln(g p/(σ² b) + 1)", ("24",),
                lambda e: e * first_log / no_bandwidth),
        Reading("C^V D^V", "C^U D^U", ("25", "30"), device("V")),
        Reading("C^R D^R", "C^E D^E", ("26", "31"), server("R")),
        Reading("2(1 - α)", "2(Υ - α)", ("26",), _letters({LAYERS: sp.Integer(1)}), True),
        Reading("2(T - α)", "2(Υ - α)", ("32a",), _letters({LAYERS: t}), True),
        Reading("2(Γ - α)", "2(Υ - α)", ("32e",), _letters({LAYERS: gamma}), True),
    )  # fmt: skip
