"""Scenarios from the ends of every range: solved, finite and certified, or refused in a line."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import fields

import numpy as np
from hypothesis import given, settings, strategies as st

from mecllm.certified import priced, verify
from mecllm.errors import ScenarioError, SolverError
from mecllm.system.scenario import TRACKS, Scenario

# How many scenarios are tried, and the share of them that has to be solved: a refusal of all of
# them would pass as well.
CASES, SOLVED = 2_000, 0.5
SPECS = {
    key: spec
    for key, spec in Scenario.specs().items()
    if not spec.file and key not in ("users", "servers", "shape")
}
FLAGS = {
    "transmission_delay": (False, True),
    "capacity": ("equal", "at_most"),
    "stability_bound": ("paper", "sharp"),
    "shape": ("square", "disk"),
}
BASES = {name: Scenario.load(name) for name in TRACKS}


def ends(spec):
    """The values at the ends of a range; drawn parameters are also drawn from all of it."""
    if spec.choices:
        return spec.choices
    kind = int if spec.whole else float
    low, high = kind(spec.low), kind(spec.high)
    return (low, high, *((0.0, -0.0) if spec.zero else ()), *([(low, high)] if spec.drawn else ()))


@st.composite
def scenarios(draw):
    """A track with one to eight of its values at an end; the flags as they come."""
    changed = draw(st.lists(st.sampled_from(sorted(SPECS)), min_size=1, max_size=8, unique=True))
    changes = {key: draw(st.sampled_from(ends(SPECS[key]))) for key in changed}
    changes |= {key: draw(st.sampled_from(options)) for key, options in FLAGS.items()}
    # The bandwidth that a server reserves goes with what it has, but for the cases that say more.
    if "bandwidth_MHz" in changes and draw(st.booleans()):
        changes["admission_MHz"] = SPECS["admission_MHz"].low
    if "power_max_W" in changes and draw(st.booleans()):
        changes["power_min_W"] = SPECS["power_min_W"].low
    servers = draw(st.integers(1, 2))
    changes |= {"users": draw(st.integers(servers, 4)), "servers": servers}
    return draw(st.sampled_from(sorted(BASES))), changes, draw(st.integers(0, 9))


def outcome(base, changes, seed):
    """What becomes of a scenario, in a few words; any other error is one of the test."""
    try:
        network = BASES[base].replace(**changes).draw(seed)
        found = priced(network)
        # Any prices give a valid bound; to seek them again would take most of the time.
        decision, objective = found.allocation.decision, found.allocation.objective
        certificate = verify(network, decision, objective, found.prices)
    except (ScenarioError, SolverError) as error:
        return "refused in one line" if "\n" not in str(error) else "refused in several"
    assert certificate.accepted, certificate.violations
    assert 0 < objective < np.inf
    assert np.isfinite([certificate.lower_bound, found.lower_bound]).all()
    assert found.lower_bound <= objective * (1 + 1e-9)
    for block in fields(decision):
        assert np.isfinite(getattr(decision, block.name)).all()
    return "solved"


def test_every_scenario_at_the_ends_of_the_ranges_is_solved_or_refused():
    counts = Counter()

    @settings(max_examples=CASES)
    @given(scenarios())
    def tried(case):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            counts[outcome(*case)] += 1

    tried()
    assert counts["solved"] >= SOLVED * CASES, counts
    assert set(counts) == {"solved", "refused in one line"}, counts
