"""Say under a chapter's title how long it takes, and how to run it.

How to run it: download, local command, and services if configured.

Links to services are made by the theme, from `repository` and `launch_buttons` in `_config.yml`.
Without the address of a repository there are none.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from generated import chapter_times
from sphinx.application import Sphinx
from sphinx.config import Config

LINE = (
    '<p class="run-chapter"><span>{} min to read, {} s to run</span> '
    "<strong>Run this chapter</strong> "
    '<a href="{notebook}" download>download the notebook</a> '
    "<code>make execute NB={name}</code> {services}</p>"
)

# Non-fiction is read at about 240 words a minute (Brysbaert 2019, doi:10.1016/j.jml.2019.104047);
# formulas, tables and code, which are not counted as words, are given the rest of the time.
WORDS_PER_MINUTE = 150


def without_repository(_app: Sphinx, config: Config) -> None:
    """Have the theme offer no service when there is no repository to open."""
    if not config.html_theme_options.get("repository_url"):
        config.html_theme_options["launch_buttons"] = {}


def seconds(source: Path, name: str) -> str:
    """Say how long a chapter took when it was timed last."""
    return {row["chapter"]: row["seconds"] for row in chapter_times(source)}.get(name, "?")


def line(times: tuple[int, str], name: str, notebook: str, services: list[dict[str, str]]) -> str:
    """Write the line for a chapter: minutes to read, seconds to run; a service has text and url."""
    links = (f'<a href="{escape(s["url"])}">{escape(s["text"])}</a>' for s in services)
    return LINE.format(*times, name=name, notebook=escape(notebook), services=" ".join(links))


def add_line(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Put the line behind the title of every notebook's page."""
    if context.get("page_source_suffix") != ".ipynb":
        return
    groups = [g for g in context["header_buttons"] if g.get("label") == "launch-buttons"]
    services = [button for group in groups for button in group["buttons"]]
    notebook = context["pathto"](f"_sources/{context['sourcename']}", 1)
    words = sum(len(text.split()) for _, _, text in app.env.section_texts[page])
    times = max(1, round(words / WORDS_PER_MINUTE)), seconds(Path(app.srcdir), page)
    end = "</h1>\n"
    shown = line(times, page, notebook, services)
    context["body"] = context["body"].replace(end, end + shown, 1)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", without_repository)
    app.connect("html-page-context", add_line, priority=900)  # after the theme's buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}
