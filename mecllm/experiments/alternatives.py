"""What the paper leaves open, the other way: laws and readings where they may matter."""

from __future__ import annotations

from dataclasses import replace

from mecllm.allocation import allocate
from mecllm.experiments.records import Record, records
from mecllm.experiments.studies import SWEPT, WEIGHTING_METRICS, weighted
from mecllm.methods import alpha_at, random_layers, random_resources, resources_at, solve
from mecllm.model import evaluate
from mecllm.network import Network
from mecllm.scenario import Scenario
from mecllm.solution import Solution

# Ends and middle of Figure 3's axis.
WEIGHTS = (1, 5, 10)


def figure_3_alternatives(scenario: Scenario, seed: int) -> list[Record]:
    """Figure 3 with other laws of the random choices and with the association taken out.

    - `fixed`: the proposed method without its χ-step, on the greedy association of the others;
    - `alternating_same`: alternating optimisation on the association that `proposed` ends with;
    - `exact_same`: the best resources and α for that association;
    - `alpha_mild`, `alpha_wild`: random shares at least 0.5 or 0.01 of the maximum, not 0.1;
    - `resource_half`: random α at most Υ/2, not Υ-1.
    """
    network = scenario.draw(seed)
    rows = []
    for panel, key in SWEPT.items():
        for x in WEIGHTS:
            for method, solution in _variants(weighted(network, key, x), seed).items():
                rows += records(dict.fromkeys(WEIGHTING_METRICS, panel), method, x, solution)
    return rows


def _variants(network: Network, seed: int) -> dict[str, Solution]:
    fixed, proposed = solve(network, "greedy", seed), solve(network, "proposed", seed)
    start, end = fixed.decision.association, proposed.decision.association
    exact = allocate(network, end).decision
    return {
        "proposed": proposed,
        "fixed": fixed,
        "alternating": solve(network, "alternating", seed),
        "alternating_same": solve(network, "alternating", seed, end),
        "exact_same": replace(proposed, decision=exact, cost=evaluate(network, exact)),
        "alpha_mild": alpha_at(network, random_resources(network, start, seed, 0.5)),
        "alpha_wild": alpha_at(network, random_resources(network, start, seed, 0.01)),
        "resource_half": resources_at(
            network, start, random_layers(network, seed, network.layers // 2)
        ),
    }
