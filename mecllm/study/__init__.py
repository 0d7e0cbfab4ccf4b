"""What the paper claims: the simulations of Section 5, their statistics, and the ledgers."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.study.run": "experiment save_table",
        "mecllm.study.records": "stored",
        "mecllm.study.figures": "WEIGHTING_METHODS weighted",
        "mecllm.study.statistics": "TIE_BAND compare curve effect select",
        "mecllm.study.certificates": "certify stored_certificates",
        "mecllm.study.checks": "check",
        "mecllm.study.dependence": "moved",
        "mecllm.study.ledgers": (
            "GROUPS decide deviation differences ledger results verdict_counts"
        ),
        "mecllm.study.html": (
            "comparison_table entry_table ledger_table sentence_table settings_table track_table "
            "verdict_table"
        ),
        "mecllm.study.entries": "equations errata",
        "mecllm.study.coverage": "LEFT_OUT SECTIONS sentences",
        "mecllm.study.settings": "settings_of stored_settings",
        "mecllm.study.own": "claims_of commented_start every_method",
        "mecllm.study.bench": "sized",
        "mecllm.study.peers": "AS_GOOD best_peer ratios stored_peers",
        "mecllm.study.remarks": "downlink_share greedy_remarks greedy_table",
        "mecllm.study.training": "stored_training",
        "mecllm.study.training_claims": "alphas decide_training exponent values",
    },
)
