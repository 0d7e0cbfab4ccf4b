"""Mend what the tools behind the book write in a way that screen readers cannot follow."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

# viewcode puts a list between the entries of another; it belongs into the entry before it.
LIST_BETWEEN = re.compile(r"</li>\s*(<ul>(?:(?!<ul>).)*?</ul>)", re.DOTALL)
# docutils names these roles; entries with links of their own are not what they may hold.
BIBLIOGRAPHY_ROLES = re.compile(r' role="(?:list|doc-biblioentry)"')


def mend(page: str, body: str) -> str:
    """Give each list its entries, and the bibliography no role that it does not fill."""
    if page == "_modules/index":
        body = LIST_BETWEEN.sub(r"\1</li>", body)
    return BIBLIOGRAPHY_ROLES.sub("", body)


def mend_page(
    _app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Mend the body of a page, if it has one."""
    if "body" in context:
        context["body"] = mend(page, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", mend_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
