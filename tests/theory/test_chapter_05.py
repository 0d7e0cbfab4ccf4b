"""Chapter 5: the transform derived by machine, against the paper and against `mecllm`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from mecllm.errors import SolverError
from mecllm.paper import SeparableProblem, SurrogateProblem, auxiliary, surrogate
from mecllm.system.model import reference_decision
from mecllm.system.scenario import Scenario
from mecllm.theory import convexity, fractional as transform
from mecllm.theory.compare import agree, mismatches
from mecllm.theory.derive_run import _derived_values, differences, random_decision
from mecllm.theory.fractional import DERIVED
from mecllm.theory.printed import PRINTED, _printed
from mecllm.theory.symbols import SERVERS, User

#: Each numbered equation of the chapter, (12)-(31), and the auxiliaries that the text assigns.
NUMBERS = sorted(PRINTED, key=lambda number: (not number[0].isdigit(), number))


@pytest.mark.parametrize("number", NUMBERS)
def test_printed_equation(number: str) -> None:
    assert agree(PRINTED[number], DERIVED[number])


@pytest.mark.parametrize("pair", [(1, 2), (2, 1), (2, 2)])
def test_printed_equations_of_every_pair(pair: tuple[int, int]) -> None:
    assert mismatches(_printed(*pair), transform._derived(*pair)) == []


def test_d_for_bits_is_wrong_where_the_paper_prints_it() -> None:
    """F13: read literally, d_n is the token length and six equations and v# fail."""
    tokens = {User.of(1).bits: sp.Symbol("d_1", positive=True)}
    literal = {
        number: side.subs(tokens) if number not in ("12", "16") else side
        for number, side in PRINTED.items()
    }
    wrong = {"13", "v#", "18", "23", "24", "28", "29", "32b", "32c"}
    assert set(mismatches(literal, DERIVED)) == wrong


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_p4_is_solved_only_if_it_is_scaled(name: str) -> None:
    """T13: in units of a feasible point Clarabel finds the least K; in SI units it fails."""
    network = Scenario.load(name).draw(3)
    point = reference_decision(network, np.arange(network.users) % network.servers)
    aux, one = auxiliary(network, point), np.ones(network.users)
    blocks = SeparableProblem(network, point).solve(aux.local, aux.upload, aux.edge)[0]
    scaled = SurrogateProblem(network, point).solve(aux.local, aux.upload, aux.edge)[0]
    values = [surrogate(network, found, aux) for found in (scaled, blocks)]
    assert values[0] == pytest.approx(values[1], rel=1e-7)
    si = replace(point, power=one, bandwidth=one, user_frequency=one, server_frequency=one)
    with pytest.raises(SolverError):
        SurrogateProblem(network, si).solve(aux.local, aux.upload, aux.edge)


def test_mismatches_refuses_a_missing_equation() -> None:
    with pytest.raises(KeyError, match="17"):
        mismatches({k: v for k, v in PRINTED.items() if k != "17"}, DERIVED)


@pytest.mark.parametrize("name", ["local", "transmit", "edge"])
def test_majorant_of_each_group(name: str) -> None:
    a, b, weight = transform.products(1, 1)[name]
    bound = transform.majorant(a, b, weight)
    best = transform.best_weight(a, b)
    assert agree(bound - a * b, (2 * a * weight - b) ** 2 / (4 * weight))
    assert agree(bound.subs(weight, best), a * b)
    for variable in (a * b).free_symbols & set(transform.variables(1, 1).values()):
        assert agree(sp.diff(bound, variable).subs(weight, best), sp.diff(a * b, variable))


def test_best_weight_is_a_minimum() -> None:
    a, b, w = sp.symbols("a b w", positive=True)
    assert agree(transform.best_weight(a, b), b / (2 * a))
    assert sp.diff(transform.majorant(a, b, w), w, 2).is_positive


def test_rate_is_concave() -> None:
    scale, direction = convexity.rate_curvature()
    hessian = convexity.rate_hessian()
    assert scale.is_positive
    assert all(agree(x, y) for x, y in zip(hessian, -scale * direction * direction.T, strict=True))


def test_inverse_square_rate_is_strictly_convex() -> None:
    hessian, squares = convexity.inverse_square_hessian()
    assert all(agree(x, y) for x, y in zip(hessian, squares, strict=True))
    # The two squares span the plane: w is orthogonal to (p, b), along which r has slope r > 0.
    direction = convexity.rate_curvature()[1]
    point = sp.Matrix([User.of(1).power, transform.Pair.of(1, 1).bandwidth])
    assert sp.expand((direction.T * point)[0]) == 0
    rate = transform.transmission_rate(1, 1)
    slope = sp.Matrix([sp.diff(rate, variable) for variable in point])
    assert agree((slope.T * point)[0], rate)


def test_squared_layer_cost_is_convex() -> None:
    assert all(term.is_positive for term in convexity.squared_cost_curvature().args)


def test_layers_term_is_convex_below_all_layers() -> None:
    left = sp.Symbol("left", positive=True)
    curvature = convexity.layers_curvature().subs(User.of(1).layers, transform.LAYERS - left)
    assert sp.simplify(curvature).is_positive


def test_surrogate_separates_into_blocks() -> None:
    """The only mixed derivative of K between two different variables of H is (p, b)."""
    variables = {
        symbol: name
        for n in (1, 2)
        for m in SERVERS
        for name, symbol in transform.variables(n, m).items()
    }
    total = sum(transform.objective(n, surrogate=True) for n in (1, 2))
    coupled = {
        frozenset((variables[x], variables[y]))
        for x in variables
        for y in variables
        if x != y and sp.diff(total, x, y) != 0
    }
    assert coupled == {frozenset(("power", "bandwidth"))}


def test_objective_couples_only_layers_with_clocks_and_power_with_bandwidth() -> None:
    variables = transform.variables(1, 1)
    total = transform.objective(1)
    coupled = {
        frozenset((x, y))
        for x in variables
        for y in variables
        if x != y and sp.diff(total, variables[x], variables[y]) != 0
    }
    assert coupled == {
        frozenset(("local_layers", "user_frequency")),
        frozenset(("local_layers", "server_frequency")),
        frozenset(("power", "bandwidth")),
    }


def test_damping_lies_strictly_between_zero_and_one() -> None:
    left = sp.Symbol("left", positive=True)
    alpha = User.of(1).layers
    factor = sp.simplify(convexity.damping().subs(transform.LAYERS, alpha + left))
    assert factor.is_positive
    assert sp.simplify(1 - factor).is_positive


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_derived_equals_run(name: str, seed: int) -> None:
    network = Scenario.load(name).draw(seed)
    association = np.arange(network.users) % network.servers
    decision = random_decision(network, association, np.random.default_rng(seed))
    found = differences(network, decision)
    assert len(found) == 18
    assert {number: gap for number, gap in found.items() if not gap <= 1e-10} == {}


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_surrogate_lies_strictly_above_away_from_its_point(name: str) -> None:
    network = Scenario.load(name).draw(7)
    association = np.arange(network.users) % network.servers
    decision = random_decision(network, association, np.random.default_rng(7))
    values = _derived_values(network, decision)
    assert values["13"] > values["12"]
