"""Whether printed and derived expressions are the same functions."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from sympy import Expr


def agree(left: Expr, right: Expr) -> bool:
    """Whether two expressions are the same function, decided exactly.

    Logarithms of equal arguments become one free symbol; what is left is a rational function,
    whose normal form is 0 or not.

    Parameters
    ----------
    left, right : Expr

    Returns
    -------
    bool
    """
    difference = sp.sympify(left) - sp.sympify(right)
    logs = {log: sp.Dummy(positive=True) for log in difference.atoms(sp.log)}
    return bool(sp.cancel(sp.together(difference.xreplace(logs))) == 0)


def mismatches(printed: Mapping[str, Expr], derived: Mapping[str, Expr]) -> list[str]:
    """Numbers of the equations in which the printed and the derived expression differ.

    Parameters
    ----------
    printed, derived : mapping
        Number of the equation → expression, with the same numbers.

    Returns
    -------
    list of str

    Raises
    ------
    KeyError
        For a number that only one of them has.
    """
    if printed.keys() != derived.keys():
        raise KeyError(f"only one side has {sorted(printed.keys() ^ derived.keys())}")
    return [number for number in printed if not agree(printed[number], derived[number])]
