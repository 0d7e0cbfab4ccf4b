"""The paper's way: fractional programming, the χ-step, the two-step algorithm, its baselines."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.paper.surrogate_k": "auxiliary gradient surrogate",
        "mecllm.paper.p4_cvxpy": "SurrogateProblem",
        "mecllm.paper.p4_newton": "SeparableProblem",
        "mecllm.paper.fractional": "fractional_programming round_layers",
        "mecllm.paper.offers": "OFFERS pair_costs",
        "mecllm.paper.polytope": "Polytope",
        "mecllm.paper.concave_convex": "cccp indicator penalised violation",
        "mecllm.paper.algorithm": "chi_step settled two_step",
    },
)
