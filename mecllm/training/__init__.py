"""The training itself: a transformer, what tuning its first layers may mean, and the split."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.training.corpus": "LAYERS pretrained windows",
        "mecllm.training.readings": (
            "LAMBDA RANK READINGS adapted as_described last_tuned relaxed rest_frozen"
        ),
        "mecllm.training.tuning": "Rule fit losses",
        "mecllm.training.definition1": "BATCH SAMPLES draw replace_one",
        "mecllm.training.split": "Job",
        "mecllm.training.costs": "CASES operations traffic",
    },
)
