"""The book on paper: what LaTeX needs beyond the pages, used by `make pdf` alone.

Jupyter outputs in HTML become tables of LaTeX, columns get widths that fit the page, and fonts are
chosen so that every letter of the book has a glyph. A picture that answers to the mouse becomes a
line that says where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_proof.nodes import proof_node

HERE = Path(__file__).parent
# Matplotlib brings the only monospaced font whose Greek, arrows and subscripts are complete.
FONTS = [
    Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{style}.ttf"
    for style in ("", "Mono", "Mono-Bold", "Mono-Oblique", "Mono-BoldOblique")
]
# Letters of a table's font side by side on a line, less the space between columns.
LINE, SEPARATION = 100, 3
# Where a line may break within a word.
BREAK = "\u200b"
JOINT = re.compile(r"_|(?<=[a-z\d])-(?=[a-z])")
# Longer tables may break across pages.
ROWS = 10
NUMBER = re.compile(r"([-−+×]?[\d.,]+(e[-+]?\d+)?( ?%)?|inf|∞)?")
INLINE = {"code": nodes.literal, "em": nodes.emphasis, "i": nodes.emphasis}
INLINE |= {"strong": nodes.strong, "b": nodes.strong}


def settings(_app: Sphinx, config: Config) -> None:
    """Choose the settings of the LaTeX builder."""
    macros = config.mathjax3_config["tex"]["macros"]
    config.latex_elements = {
        "papersize": "a4paper",
        "pointsize": "10pt",
        "extraclassoptions": "openany,oneside",
        "geometry": r"\usepackage[a4paper,hmargin=21mm,top=24mm,bottom=22mm]{geometry}",
        "fncychap": "",
        "fontpkg": (HERE / "fonts.tex").read_text(encoding="utf-8"),
        "preamble": (HERE / "preamble.tex").read_text(encoding="utf-8")
        + "".join(rf"\providecommand{{\{name}}}{{{body}}}" for name, body in macros.items()),
    }
    config.latex_additional_files = [str(path) for path in [*FONTS, HERE / "bbm.sty"]]
    config.latex_use_xindy = False  # makeindex comes with every LaTeX
    config.latex_domain_indices = False
    config.jblatex_show_tocs = False  # LaTeX prints one of its own
    config.today = f"Version {version('mecllm')}"


def documents(app: Sphinx, _env: object, _pages: list[str]) -> None:
    """Print the report as a document of its own, beside the book that holds it as well.

    Jupyter Book accepts one document in the settings, so that this comes after it has read them.
    """
    index, _, title, author, *kind = app.config.latex_documents[0]
    app.config.latex_documents = [
        (index, "mecllm.tex", title, author, *kind),
        ("report", "report.tex", "Replication report", author, *kind),
    ]


class Cells(HTMLParser):
    """Rows of the tables in a piece of HTML: `head` and `body`, lists of lists of `entry`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.head: list[nodes.row] = []
        self.body: list[nodes.row] = []
        self.rows = self.body
        self.inside: list[nodes.Element] = []
        self.anchor = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a row, a cell or what stands in one."""
        given = {key: value or "" for key, value in attrs}
        if tag in ("thead", "tbody"):
            self.rows = self.head if tag == "thead" else self.body
        elif tag == "tr":
            self.rows.append(nodes.row())
            self.anchor = given.get("id", "")
        elif tag in ("td", "th"):
            entry = nodes.entry(
                rows=int(given.get("rowspan", 1)), morecols=int(given.get("colspan", 1)) - 1
            )
            text = nodes.paragraph()
            if self.anchor:  # other pages link to the row
                text += nodes.target(ids=[self.anchor])
                self.anchor = ""
            entry += text
            self.rows[-1] += entry
            if tag == "th" and self.rows is self.body:
                strong = nodes.strong()
                text += strong
                text = strong
            self.inside = [text]
        elif tag == "br" and self.inside:
            line = nodes.paragraph()
            self.inside[0].parent += line
            self.inside = [line]
        elif self.inside and (tag in INLINE or tag == "a"):
            inner = INLINE[tag]() if tag in INLINE else self.link(given["href"])
            self.inside[-1] += inner
            self.inside.append(inner)

    def handle_endtag(self, tag: str) -> None:
        """Close a cell, or what stands in one."""
        if tag in ("td", "th"):
            self.inside = []
        elif len(self.inside) > 1 and (tag in INLINE or tag == "a"):
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        """Add text to the cell that is open."""
        if self.inside and data:
            self.inside[-1] += nodes.Text(JOINT.sub(rf"\g<0>{BREAK}", data))

    @staticmethod
    def link(address: str) -> nodes.reference:
        """Link to a place in this book, or outside it."""
        page, _, label = address.partition(".html")
        if "://" in address:
            return nodes.reference(refuri=address)
        return nodes.reference(refuri=f"%{page}{label}", internal=True)

    def table(self) -> nodes.table:
        """Return the rows as one table; below a cell of several rows stand empty ones."""
        for rows in (self.head, self.body):
            for i, row in enumerate(rows):
                for column, entry in enumerate(row.children):
                    for below in rows[i + 1 : i + entry["rows"]]:
                        below.insert(column, nodes.entry("", nodes.paragraph(), rows=1, morecols=0))
        columns = sum(1 + entry["morecols"] for entry in self.body[0])
        group = nodes.tgroup(cols=columns)
        group += [nodes.colspec(colwidth=1) for _ in range(columns)]
        group += [nodes.thead("", *self.head)] if self.head else []
        group += nodes.tbody("", *self.body)
        return nodes.table("", group)


class ShowHTML(SphinxPostTransform):
    """Turn outputs that exist in HTML alone into what can be printed."""

    builders = ("latex",)
    default_priority = 3  # before MyST-NB chooses one form of an output

    def run(self, **_: Any) -> None:
        """Replace each output."""
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") != "mime_bundle":
                continue
            for form in bundle.children:
                if form.get("mime_type") == "text/html":
                    bundle.replace_self(self.printed(form))
                    break

    @staticmethod
    def printed(form: nodes.Element) -> nodes.Element:
        """Return the table that the HTML holds, or a line that says where the picture is."""
        cells = Cells(form.astext())
        if cells.body:
            return cells.table()
        page = form
        while not page.get("docname"):
            page = page.parent
        place = nodes.literal("", f"{page['docname']}.html")
        text = nodes.emphasis("", "An interactive picture, in the page ")
        return nodes.paragraph("", "", text, place, nodes.emphasis("", " of the book."))


class OpenProofs(SphinxPostTransform):
    """Set proofs as running text: the box of sphinx-proof has an empty heading."""

    builders = ("latex",)
    default_priority = 5

    def run(self, **_: Any) -> None:
        """Replace each box."""
        for box in list(self.document.findall(proof_node)):
            box.replace_self(nodes.container("", *box[0].children))


class FitTables(SphinxPostTransform):
    """Give every table columns that fit the page, and let long ones break across pages."""

    builders = ("latex",)
    default_priority = 5

    def run(self, **_: Any) -> None:
        """Place a column specification before each table."""
        for table in list(self.document.findall(nodes.table)):
            texts = columns(table)
            wanted = addnodes.tabular_col_spec(spec=specification(texts))
            table.parent.insert(table.parent.index(table), wanted)
            rows = len(list(table.findall(nodes.row)))
            boxed = next(ancestors(table, nodes.Admonition), None)
            letters = sum(len(text) for column in texts for text in column)
            if boxed is None and (rows > ROWS or letters > LINE * ROWS):
                table["classes"].append("longtable")


def ancestors(node: nodes.Node, kind: type) -> Iterator[nodes.Node]:
    """Yield what a node stands in, of one kind."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kind):
            yield node


def columns(table: nodes.table) -> list[list[str]]:
    """Return the texts in each column; cells over several columns count for none."""
    group = next(table.findall(nodes.tgroup))
    found: list[list[str]] = [[] for _ in range(group["cols"])]
    for row in group.findall(nodes.row):
        column = 0
        for entry in row:
            wide = 1 + entry.get("morecols", 0)
            if wide == 1:
                found[column].append(" ".join(part.astext() for part in entry.children))
            column += wide
    return found


def specification(texts: list[list[str]]) -> str:
    """Natural widths where they fit on a line, else shares of it by what the columns hold."""
    room = LINE - SEPARATION * len(texts)
    natural = [max(map(len, column), default=1) or 1 for column in texts]
    if sum(natural) <= room:
        return "".join("r" if numeric(column[1:]) else "l" for column in texts)
    words = [max(map(len, re.split(rf"[\s{BREAK}]", " ".join(column)))) + 1 for column in texts]
    words = [min(w, n) for w, n in zip(words, natural, strict=True)]
    # The fewest lines that the longest text of every column can do with, and no word cut.
    lines, widths = 1.0, natural
    while sum(widths) > room > sum(words):
        lines *= 1.02
        widths = [max(w, n / lines) for w, n in zip(words, natural, strict=True)]
    # What \Y gives a column is with its separation.
    widths = widths if room > sum(words) else words
    shares = [round(10 * (width + SEPARATION)) for width in widths]
    return "".join(rf"\Y{{{part}}}{{{sum(shares)}}}" for part in shares)


def numeric(column: list[str]) -> bool:
    """Whether a column holds numbers below its heading."""
    return any(column) and all(map(NUMBER.fullmatch, column))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", settings, priority=400)  # before Jupyter Book's LaTeX settings
    app.connect("env-before-read-docs", documents)
    app.add_post_transform(ShowHTML)
    app.add_post_transform(OpenProofs)
    app.add_post_transform(FitTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
