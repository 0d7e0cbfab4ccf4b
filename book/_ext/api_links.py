"""Link the names of mecllm in the code of a chapter to their entries on the API page.

A name is linked where a cell imports or uses it, and so is an attribute of it, as in
`Scenario.load`. A name that a cell binds again is another thing from there on.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from docutils.nodes import literal_block
from sphinx.application import Sphinx

Position = tuple[int, int]  # line from 1, column from 0

BLOCK = re.compile(r'(?<=<div class="highlight-ipython3 notranslate">).*?</pre>', re.DOTALL)
# What Pygments writes: a coloured word, plain text, or another tag.
PIECE = re.compile(r'<span class="\w+">([^<]*)</span>|([^<]+)|<[^>]*>')


def defined(full: str) -> str:
    """Say where an object is defined, as the API page has it; what is gone has no other place."""
    module, _, name = full.rpartition(".")
    thing = getattr(importlib.import_module(module), name, None)
    if not hasattr(thing, "__qualname__"):
        return full
    return f"{thing.__module__}.{thing.__qualname__}"


def uses(source: str, known: dict[str, str]) -> Iterator[tuple[Position, str]]:
    """Find the uses of mecllm in a cell; `known` are the names imported so far, kept up to date."""
    lines = source.encode().splitlines()

    def at(line: int, byte: int) -> Position:
        return line, len(lines[line - 1][:byte].decode())

    tree = ast.parse(source)
    nodes = (node for node in ast.walk(tree) if hasattr(node, "lineno"))
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        where = at(node.lineno, node.col_offset)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mecllm"):
            yield (where[0], where[1] + len("from ")), str(node.module)
            for name in node.names:
                full = defined(f"{node.module}.{name.name}")
                known[name.asname or name.name] = full
                yield at(name.lineno, name.col_offset), full
        elif isinstance(node, ast.arg):
            known.pop(node.arg, None)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            known.pop(node.id, None)
        elif isinstance(node, ast.Name) and node.id in known:
            yield where, known[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, end = known.get(node.value.id), node.end_col_offset or 0
            if owner:
                start = end - len(node.attr.encode())
                yield at(node.end_lineno or 0, start), f"{owner}.{node.attr}"


def link(html: str, links: dict[Position, str]) -> str:
    """Put links around the words that start at the given places of highlighted code."""
    line, column = 1, 0

    def replace(piece: re.Match[str]) -> str:
        nonlocal line, column
        start, text = (line, column), unescape(piece[1] or piece[2] or "")
        line += text.count("\n")
        column = len(text.rpartition("\n")[2]) + (0 if "\n" in text else column)
        href = links.get(start) if text else None
        return f'<a class="api" href="{href}">{piece[0]}</a>' if href else piece[0]

    return PIECE.sub(replace, html)


def add_links(
    app: Sphinx, _page: str, _template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Link the names in the code cells of a notebook's page."""
    if context.get("page_source_suffix") != ".ipynb":
        return
    python: Any = app.env.get_domain("py")

    def address(full: str) -> Iterator[str]:
        entry = python.objects.get(full) or python.modules.get(full)
        if entry:
            yield f"{context['pathto'](entry.docname)}#{entry.node_id}"

    blocks = [n for n in doctree.findall(literal_block) if n.get("language") == "ipython3"]
    cells, known = iter(blocks), dict[str, str]()

    def linked(block: re.Match[str]) -> str:
        found = uses(next(cells).astext(), known)
        return link(block[0], {where: href for where, full in found for href in address(full)})

    context["body"] = BLOCK.sub(linked, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", add_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
