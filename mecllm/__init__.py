"""Reproduction of Liu & Zhao, Resource Allocation for Stable LLM Training in MEC (MobiHoc '24).

Nine names do most of the work: `Scenario.load(...).draw(seed)` gives a `Network`, `solve` a
solution with a `Decision`, `evaluate` its cost and `verify` a certificate; `METHODS` lists what
`solve` knows; bad input ends in a `ScenarioError`, a failed solver in a `SolverError`. The other
names are those of the system model and of the exact allocation, to use beside the equations.
"""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.system.scenario": "Scenario TRACKS",
        "mecllm.system.network": "Network PER_USER",
        "mecllm.methods": "solve Choices METHODS",
        "mecllm.system.model": (
            "Decision evaluate edge_layer_cost local_layer_cost reference_decision server_load "
            "stability_bound stability_terms"
        ),
        "mecllm.system.equations": (
            "computation_delay computation_energy flops_per_layer transmission_rate"
        ),
        "mecllm.certified.certificate": "verify",
        "mecllm.errors": "ScenarioError SolverError",
        "mecllm.allocation": "allocate Uplink Work",
        "mecllm.system.association": "fill_empty greedy random_association",
        "mecllm.system.constraints": "feasibility",
        "mecllm.system.parameters": "Law hardware",
        "mecllm.system.stability": "paper_bound sharp_bound",
        "mecllm.system.files": "data_path",
    },
)
