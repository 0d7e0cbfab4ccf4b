"""What people would use instead: general solvers and metaheuristics on P2, tuned in good faith."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.peers.nonlinear": "bonmin relaxed",
        "mecllm.peers.headcount": "turns",
        "mecllm.peers.scip_model": "scip",
        "mecllm.peers.evolution": "genetic swarm",
    },
)
