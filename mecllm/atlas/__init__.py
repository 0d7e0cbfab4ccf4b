"""The sensitivity atlas: what the claims do over the whole range of the constants not given."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.atlas.space": "Sweep Interval",
        "mecllm.atlas.rows": "RUNS Task Outcome measure",
        "mecllm.atlas.engine": "run export Summary",
        "mecllm.atlas.results": "Results STATEMENTS shares",
        "mecllm.atlas.indices": "ranks sobol_indices",
        "mecllm.atlas.flips": "coordinates nearest_flip nearest_flips stored_flips threshold",
    },
)
