"""Show the package's docstrings as they are written: plain text with the paper's letters.

Between bars, as in |K - H|, reStructuredText looks for a substitution; the package means a modulus.
"""

from __future__ import annotations

from sphinx.application import Sphinx


def keep_bars(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Take bars as bars."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", keep_bars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
