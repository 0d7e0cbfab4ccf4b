"""Every planted sign error, in a transcribed equation or in a formula of `mecllm`, is detected."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import sympy as sp
from sympy import Expr

from mecllm.paper import surrogate_k
from mecllm.system import model
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario
from mecllm.theory import appendix_a, derive_run as numeric, kkt
from mecllm.theory.compare import agree, mismatches
from mecllm.theory.fractional import DERIVED
from mecllm.theory.letters import Reading, by_the_letter, readings
from mecllm.theory.printed import PRINTED
from mecllm.theory.theorem1 import LIPSCHITZ, SAMPLES, SHARE

#: Equations with a text of their own: (16) and (32a)-(32e) repeat (12) and (22)-(26).
TRANSCRIBED = [number for number in PRINTED if not number.startswith(("16", "32"))]

#: Functions of the two modules that hold no formula of the paper; all others are attacked.
NO_FORMULA = {
    "__post_init__",
    "check_domain",
    "fractional_programming",
    "reference_decision",
    "round_layers",
}


def sign_errors(expression: Expr) -> Iterator[Expr]:
    """Every expression that differs from this one in the sign of one term of one sum."""
    if isinstance(expression, sp.Add):
        for term in expression.args:
            yield expression - 2 * term
    for position, argument in enumerate(expression.args):
        for mutant in sign_errors(argument):
            arguments = list(expression.args)
            arguments[position] = mutant
            yield expression.func(*arguments)


@pytest.mark.parametrize("number", TRANSCRIBED)
def test_sign_errors_in_a_transcribed_equation(number: str) -> None:
    mutants = list(sign_errors(PRINTED[number]))
    assert len(mutants) >= 2
    undetected = [mutant for mutant in mutants if agree(mutant, DERIVED[number])]
    assert undetected == []


@pytest.mark.parametrize("number", TRANSCRIBED)
def test_lost_minus_in_front_of_a_transcribed_equation(number: str) -> None:
    assert mismatches({**PRINTED, number: -PRINTED[number]}, DERIVED) == [number]


def test_sign_errors_in_the_printed_lagrangian() -> None:
    derived = kkt.lagrangian(surrogate=True)
    printed = kkt.printed_lagrangian()
    once = {g: g / 2 for g in printed.free_symbols if g.name.startswith("gamma_4")}
    printed = printed.subs(once)
    for term in printed.args:
        assert not agree(printed - 2 * term, derived)
        # A term that is lost, or printed twice as that of γ4 is.
        assert not agree(printed - term, derived)
        assert not agree(printed + term, derived)


@pytest.mark.parametrize("reading", readings(), ids=lambda reading: reading.printed)
def test_every_reading_is_needed(reading: Reading) -> None:
    """Each letter that is not taken as it stands would be seen as an error of its equation."""
    assert by_the_letter(reading) == list(reading.numbers)


def test_a_reading_that_changes_nothing_is_not_reported() -> None:
    for reading in readings():
        assert by_the_letter(replace(reading, undo=lambda expression: expression)) == []


def factor_errors(expression: Expr) -> Iterator[Expr]:
    """Expressions with a wrong constant, a lost or doubled 1/k or L, or α for 1 - α."""
    yield from (expression * factor for factor in (2, sp.Rational(1, 2), LIPSCHITZ, 1 / LIPSCHITZ))
    yield from (expression * SAMPLES, expression / SAMPLES, expression.subs(SHARE, 1 - SHARE))


@pytest.mark.parametrize("number", ["A.15", "A.16", "A.17", "A.18", "10"])
def test_errors_in_the_last_steps_of_appendix_a(number: str) -> None:
    right = appendix_a.PRINTED[number]
    wrong = [e for e in (*sign_errors(right), *factor_errors(right)) if not e.equals(right)]
    assert len(wrong) >= 6
    assert [e for e in wrong if agree(e, appendix_a.DERIVED[number])] == []


class PlantSign(ast.NodeTransformer):
    """Swap + and - in the n-th sum, or drop the n-th leading minus, of a module's formulas."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.seen, self.inside = 0, False
        self.planted = ""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name in NO_FORMULA:
            return node
        outer, self.inside = self.inside, True
        self.generic_visit(node)
        self.inside = outer
        return node

    def _here(self, node: ast.expr) -> bool:
        self.seen += self.inside
        if not (self.inside and self.seen == self.position):
            return False
        self.planted = f"line {node.lineno}: {ast.unparse(node)}"
        return True

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.Sub) and self._here(node):
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.USub) and self._here(node) else node


def load(module: ModuleType, tree: ast.Module) -> ModuleType:
    """Run a module's (changed) syntax tree as a module of its own."""
    copy = ModuleType(module.__name__)
    exec(compile(ast.fix_missing_locations(tree), module.__name__, "exec"), copy.__dict__)
    return copy


def plant(module: ModuleType, position: int) -> tuple[ModuleType, ModuleType, str]:
    """Copies of `model` and `surrogate_k` with one sign error, and what it is ('' at the end)."""
    trees = {m: ast.parse(inspect.getsource(m)) for m in (model, surrogate_k)}
    error = PlantSign(position)
    trees[module] = error.visit(trees[module])
    changed = load(model, trees[model])
    user = load(surrogate_k, trees[surrogate_k])
    # What the surrogate imported from the model comes from the changed copy as well.
    for name in vars(user).keys() & vars(changed).keys() - {"__name__"}:
        if vars(model).get(name) is vars(user)[name]:
            setattr(user, name, getattr(changed, name))
    return changed, user, error.planted


def detects(networks: list[Network]) -> bool:
    """Whether derive = run fails on a network, or the planted formula leaves its domain."""
    for network in networks:
        association = np.arange(network.users) % network.servers
        decision = numeric.random_decision(network, association, np.random.default_rng(0))
        try:
            with np.errstate(all="ignore"):
                found = numeric.differences(network, decision)
        except ValueError:
            return True
        if not all(gap <= 1e-10 for gap in found.values()):
            return True
    return False


NETWORKS = [Scenario.load(name).draw(0) for name in ("literal", "repaired")]


def test_nothing_is_detected_where_nothing_is_planted() -> None:
    assert not detects(NETWORKS)


@pytest.mark.parametrize(("module", "least"), [(model, 5), (surrogate_k, 15)])
def test_sign_errors_in_the_package(
    module: ModuleType, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    undetected, position = [], 0
    while True:
        changed, user, what = plant(module, position + 1)
        if not what:
            break
        monkeypatch.setattr(numeric, "model", changed)
        monkeypatch.setattr(numeric, "run", user)
        if not detects(NETWORKS):
            undetected.append(what)
        position += 1
    assert undetected == []
    assert position >= least
