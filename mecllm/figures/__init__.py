"""Figures of the book: one style and, per figure of the paper, the function that draws it."""

from mecllm.figures.style import (
    COLORS,
    MARKERS,
    PAGE_WIDTH,
    PALETTE,
    SERIES,
    STYLE,
    Series,
    label_line,
    panels,
    use_style,
)

__all__ = [
    "COLORS",
    "MARKERS",
    "PAGE_WIDTH",
    "PALETTE",
    "SERIES",
    "STYLE",
    "Series",
    "label_line",
    "panels",
    "use_style",
]
