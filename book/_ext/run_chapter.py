"""Say under a chapter's title how to run it: download, local command, and services if configured.

Links to services are made by the theme, from `repository` and `launch_buttons` in `_config.yml`.
Without the address of a repository there are none.
"""

from __future__ import annotations

from html import escape
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

LINE = (
    '<p class="run-chapter"><strong>Run this chapter</strong> '
    '<a href="{notebook}" download>download the notebook</a> '
    "<code>make execute NB={name}</code> {services}</p>"
)


def without_repository(_app: Sphinx, config: Config) -> None:
    """Have the theme offer no service when there is no repository to open."""
    if not config.html_theme_options.get("repository_url"):
        config.html_theme_options["launch_buttons"] = {}


def line(name: str, notebook: str, services: list[dict[str, str]]) -> str:
    """Write the line for a chapter; each service has a text and a url."""
    links = (f'<a href="{escape(s["url"])}">{escape(s["text"])}</a>' for s in services)
    return LINE.format(name=name, notebook=escape(notebook), services=" ".join(links))


def add_line(
    _app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Put the line behind the title of every notebook's page."""
    if context.get("page_source_suffix") != ".ipynb":
        return
    groups = [g for g in context["header_buttons"] if g.get("label") == "launch-buttons"]
    services = [button for group in groups for button in group["buttons"]]
    notebook = context["pathto"](f"_sources/{context['sourcename']}", 1)
    end = "</h1>\n"
    context["body"] = context["body"].replace(end, end + line(page, notebook, services), 1)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", without_repository)
    app.connect("html-page-context", add_line, priority=900)  # after the theme's buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}
