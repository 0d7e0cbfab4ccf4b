"""The pages as files: all there, whole, and linked to what exists."""

import re
from urllib.parse import unquote, urlsplit

from tests.book import pages
from tests.built.site import HTML

GENERATED = re.compile(r"(genindex|search|py-modindex|prf-prf|_modules/.*)(\.html)?")


def test_the_pages_are_those_of_the_table_of_contents(built):
    written = {name.removesuffix(".html") for name in built if not GENERATED.fullmatch(name)}
    assert written == set(pages())
    assert len(written) == len(pages())


def test_every_page_has_one_title(built):
    assert {name: built[f"{name}.html"].titles for name in pages()} == dict.fromkeys(pages(), 1)


def test_no_page_shows_a_traceback_or_a_bare_directive(built):
    for name in pages():
        text = "".join(built[f"{name}.html"].text)
        assert "Traceback (most recent call last)" not in text, name
        assert "```{" not in text, name
        assert ":::{" not in text, name


def test_no_internal_link_or_picture_is_broken(built):
    broken = []
    for name, page in built.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            relative = target.relative_to(HTML.resolve()) if parts.path else page.path
            if not target.exists():
                broken.append((name, link))
            elif parts.fragment and target.suffix == ".html" and parts.path:
                if unquote(parts.fragment) not in built[relative.as_posix()].ids:
                    broken.append((name, link))
            elif parts.fragment and unquote(parts.fragment) not in page.ids:
                broken.append((name, link))
    assert not broken


def test_every_picture_has_an_alternative_text(built):
    for name, page in built.items():
        for image in page.images:
            assert "alt" in image, (name, image)


def test_pictures_of_the_chapters_are_described(built):
    for name in pages():
        for image in built[f"{name}.html"].images:
            if image["src"].startswith("_images/"):
                assert len(image["alt"] or "") > 20, (name, image)


def test_no_page_loads_anything_from_outside(built):
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//")
    for name, page in built.items():
        html = page.path.read_text(encoding="utf-8")
        assert not loads.findall(html), name
