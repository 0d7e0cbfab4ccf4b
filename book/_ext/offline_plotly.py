"""Give pages with an interactive picture their plotly.js: a file of the book, not of a network.

The script is copied from the package plotly into the built pages. A copy under `book/_static` would
be loaded on every page; this one is loaded only by a page that asks for it.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# Where a page finds it, relative to itself; chapters pass this to plotly's `to_html`.
SCRIPT = "_static/plotly/plotly.min.js"


def copy_plotly(app: Sphinx, error: Exception | None) -> None:
    """Put plotly.js beside the pages."""
    if error or app.builder.format != "html":
        return
    package = importlib.util.find_spec("plotly")
    if package is None or package.origin is None:
        raise ExtensionError("plotly is not installed; it is in the lock")
    source = Path(package.origin).parent / "package_data" / "plotly.min.js"
    target = Path(app.outdir) / SCRIPT
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", copy_plotly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
