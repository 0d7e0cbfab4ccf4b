"""Text of every section for the search page, which can read no other page from a disk.

Sphinx looks for a line of context in the pages it found, by a request that browsers refuse to a
book opened as a file. Here the text goes into a script, by page and section, and
`_static/search.js` takes from it the section and the line that answer a search.
"""

from __future__ import annotations

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

# What no reader sees as words, and code.
UNSEEN = (nodes.raw, nodes.comment, nodes.math_block, nodes.system_message, nodes.literal_block)


def title_of(node: nodes.Node) -> str:
    """Return the title of a section; other nodes have none, nor have boxes made of a section."""
    if not isinstance(node, nodes.section):
        return ""
    return next((part.astext() for part in node.children if isinstance(part, nodes.title)), "")


def own_text(section: nodes.section) -> str:
    """Return the words of a section, without its title and the sections in it."""
    words, waiting = [], list(section.children)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, nodes.Text):
            words.append(node.astext())
        elif not (isinstance(node, (nodes.title, *UNSEEN)) or title_of(node)):
            waiting[:0] = node.children
            if not isinstance(node, nodes.Inline):
                words.append(" ")  # a new paragraph, cell or entry
    return " ".join("".join(words).split())


def collect(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Note address, title and words of each section of a page."""
    if app.builder.format == "html":
        found = app.env.__dict__.setdefault("section_texts", {})
        found[page] = [
            [section["ids"][0], title_of(section), own_text(section)]
            for section in tree.findall(title_of)
        ]


def write(app: Sphinx, error: Exception | None) -> None:
    """Put the script beside the pages."""
    if error or app.builder.format != "html":
        return
    found = getattr(app.env, "section_texts", {})
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    target = Path(app.outdir) / "_static" / "sections.js"
    target.write_text(f"window.sectionTexts = {text};\n", encoding="utf-8")


def add_scripts(
    app: Sphinx, page: str, _template: str, _context: dict[str, object], _doctree: object
) -> None:
    """Load both scripts on the search page alone."""
    if page == "search":
        app.add_js_file("sections.js")
        app.add_js_file("search.js")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-resolved", collect)
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
