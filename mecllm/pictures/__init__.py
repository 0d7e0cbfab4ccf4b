"""Figures of the book: one style, and the functions that draw what is shown twice or explained."""

from mecllm.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mecllm.pictures.style": "COLORS PALETTE SERIES label_line panels use_style",
        "mecllm.pictures.diagrams": (
            "draw_algorithm draw_dual draw_split draw_surrogate draw_system"
        ),
        "mecllm.pictures.paper": (
            "APPROACHES figure_2 figure_3 figure_4 figure_5 fronts relative_fronts"
        ),
        "mecllm.pictures.parts": "components",
        "mecllm.pictures.atlas": "KAPPA_MAP LOAD_MAP draw_indices draw_map draw_shares",
        "mecllm.pictures.atlas_page": "interactive",
        "mecllm.pictures.explorer": "SLIDERS page",
        "mecllm.pictures.javascript": "function user_expressions",
        "mecllm.pictures.comparison": "draw_comparison",
        "mecllm.pictures.training": "draw_costs draw_fit draw_readings draw_wire",
        "mecllm.pictures.typical": "options presets splits typical_network",
    },
)
