"""Proof of distance: the dual bound of P2, the prices that maximise it, `priced`, `verify`."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.certified.pairs": "PairCosts Prices",
        "mecllm.certified.dual": "lower_bound",
        "mecllm.certified.prices": "dual_prices dual_solution",
        "mecllm.certified.partition": "refined_bound",
        "mecllm.certified.pricing": "priced",
        "mecllm.certified.blocks": "priced_in_blocks",
        "mecllm.certified.certificate": "verify",
    },
)
