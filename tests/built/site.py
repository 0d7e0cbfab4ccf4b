"""The built book as the tests read it."""

import os
from html.parser import HTMLParser
from pathlib import Path

from tests.book import ROOT

HTML = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html-committed"))
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Elements without an end tag.
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


def address(name):
    """Where a page is on the disk, as a browser names it."""
    return (HTML / f"{name}.html").resolve().as_uri()


class Page(HTMLParser):
    """Links, images, anchors and visible text of one page."""

    def __init__(self, path):
        super().__init__()
        self.path, self.links, self.images, self.ids, self.titles = path, [], [], set(), 0
        self.text, self._open = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        about = dict(attrs)
        self.ids |= {about[key] for key in ("id", "name") if about.get(key)}
        self.titles += tag == "h1" and "article" in self._open
        if tag == "img":
            self.images.append(about)
        for key in ("href", "src"):
            if about.get(key):
                self.links.append(about[key])
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.text.append(data)
