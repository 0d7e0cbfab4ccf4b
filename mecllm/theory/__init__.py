"""Derived by machine: the paper's theorems in SymPy, and Theorem 1 on learners that run."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.theory.fractional": "DERIVED snr",
        "mecllm.theory.compare": "agree mismatches",
        "mecllm.theory.symbols": "LITERAL REPAIRED Pair User",
        "mecllm.theory.derive_run": "arguments track_of",
        "mecllm.theory.printed": "PRINTED",
        "mecllm.theory.letters": "by_the_letter readings",
        "mecllm.theory.lemma1": "exact_penalty vertices",
        "mecllm.theory.learners": "LOSSES Learner fit freeze labelled lipschitz unit_samples",
        "mecllm.theory.definition1": "expected_stability replace_one",
    },
)
