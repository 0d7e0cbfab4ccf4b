"""What the paper claims: the simulations of Section 5, their statistics, and the ledgers."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.study.run": "experiment save_table",
        "mecllm.study.records": "stored",
        "mecllm.study.figures": "weighted",
        "mecllm.study.statistics": "TIE_BAND compare curve effect select",
        "mecllm.study.certificates": "certify stored_certificates",
        "mecllm.study.ledgers": (
            "GROUPS decide deviation differences equations errata ledger results verdict_counts"
        ),
        "mecllm.study.html": "entry_table ledger_table verdict_table",
        "mecllm.study.settings": "SETTINGS stored_settings",
        "mecllm.study.bench": "sized",
        "mecllm.study.training": "stored_training",
        "mecllm.study.training_claims": "alphas decide_training exponent values",
    },
)
