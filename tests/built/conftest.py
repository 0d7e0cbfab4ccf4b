"""The built book: `make check-book` renders it, then these tests look at every page."""

import pytest

from tests.built.site import HTML, Page


@pytest.fixture(scope="session")
def built():
    """Every page by its path relative to the book."""
    if not (HTML / "index.html").exists():
        pytest.fail(f"There is no built book at {HTML}; run `make check-book`")
    return {
        path.relative_to(HTML).as_posix(): Page(path)
        for path in sorted(HTML.rglob("*.html"))
        if "_static" not in path.parts
    }
