"""Make the built book complete on its own: no request leaves the reader's machine.

MathJax is the one thing that Sphinx takes from the network. It is copied from the package
sphinx-mathjax-offline into the built pages; a copy under `book/_static` would be loaded as a script
on every page instead.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

# The TeX reader with HTML output, its fonts, and the TeX extensions that it fetches on demand.
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts", "input/tex/extensions")
# Running code in the page needs a server, which a book on a disk has not.
UNUSED_SCRIPTS = re.compile(r"thebe", re.IGNORECASE)


def use_local_mathjax(_app: Sphinx, config: Config) -> None:
    """Load MathJax from the book's own files."""
    config.mathjax_path = "mathjax/tex-chtml.js"
    config.mathjax_options = {"defer": "defer"}


def drop_scripts(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Keep each script once, and none that belongs to running code in the page."""
    kept, seen = [], set()
    for script in context.get("script_files", []):
        attributes = getattr(script, "attributes", {})
        content = (str(getattr(script, "filename", script)), str(attributes.get("body", "")))
        if content not in seen and not UNUSED_SCRIPTS.search(" ".join(content)):
            kept.append(script)
        seen.add(content)
    context["script_files"] = kept


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put the parts of MathJax beside the pages."""
    if error or app.builder.format != "html":
        return
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise ExtensionError("sphinx-mathjax-offline is not installed; it is in the lock")
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX_PARTS:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            shutil.copy(source / part, target / part)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", use_local_mathjax)
    app.connect("html-page-context", drop_scripts, priority=950)  # after the theme and its parts
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
