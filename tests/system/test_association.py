"""Greedy, random and the descending step."""

from dataclasses import replace

import numpy as np
import pytest

from mecllm.allocation import allocate
from mecllm.certified.moves import descend
from mecllm.errors import ScenarioError
from mecllm.system.association import fill_empty, greedy, random_association
from mecllm.system.scenario import Scenario
from tests.certified.test_certificate import enumerated
from tests.examples import LITERAL, REPAIRED, small


def test_greedy_takes_the_highest_rate():
    network, _ = small(0, 3, 2, REPAIRED)
    gain = np.array([[1e-9, 1e-12], [1e-12, 1e-9], [1e-9, 1e-12]])
    network = replace(network, gain=gain, bandwidth_max=np.full(2, 2e6))
    assert greedy(network).tolist() == [0, 1, 0]


def test_greedy_prefers_a_free_server_at_equal_gains():
    network, _ = small(0, 4, 2, REPAIRED)
    network = replace(network, gain=np.full((4, 2), 1e-9), bandwidth_max=np.full(2, 2e6))
    assert greedy(network).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("rule", [greedy, lambda network: random_association(network, 0)])
def test_slots_are_respected(rule):
    network, _ = small(1, 6, 2, REPAIRED)
    tight = replace(network, server_slots=np.array([2.0, 4.0]))
    assert np.bincount(rule(tight)).tolist() == [2, 4]
    with pytest.raises(ScenarioError, match="admission_MHz"):
        rule(replace(network, server_slots=np.array([2.0, 3.0])))


@pytest.mark.parametrize("rule", [greedy, lambda network: random_association(network, 3)])
def test_no_server_is_empty_under_equalities(rule):
    network, _ = small(2, 4, 3, LITERAL)
    gain = np.tile([1e-9, 1e-15, 1e-15], (4, 1))
    assert np.bincount(rule(replace(network, gain=gain)), minlength=3).min() >= 1


def test_filling_costs_the_least_rate():
    network, _ = small(2, 3, 2, LITERAL)
    gain = np.array([[1e-9, 1e-15], [1e-9, 9e-10], [1e-9, 1e-15]])
    filled = fill_empty(replace(network, gain=gain), np.zeros(3, dtype=int))
    assert filled.tolist() == [0, 1, 0]


def test_random_is_paired_by_seed():
    network = Scenario.load("repaired").draw(0)
    assert np.array_equal(random_association(network, 5), random_association(network, 5))
    assert not np.array_equal(random_association(network, 5), random_association(network, 6))


@pytest.mark.parametrize("formulation", [LITERAL, REPAIRED])
@pytest.mark.parametrize("seed", range(4))
def test_descent_ends_where_no_move_or_swap_helps(formulation, seed):
    network, association = small(seed, 5, 2, formulation)
    start = allocate(network, association)
    end = descend(network, start)
    assert enumerated(network) * (1 - 1e-12) <= end.objective <= start.objective
    final = end.decision.association
    for user in range(5):
        moved = final.copy()
        moved[user] = 1 - moved[user]
        if formulation.capacity == "at_most" or len(set(moved)) == 2:
            assert allocate(network, moved).objective >= end.objective * (1 - 1e-9)
