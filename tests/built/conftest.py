"""The built book: `make check-book` renders it, then these tests look at every page."""

import os

import pytest
from playwright.sync_api import sync_playwright

from tests.built.site import DESK, HTML, Page

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Chromium asks its maker for updates and the like at every start; a container has no sandbox.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


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


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport=DESK, offline=True)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()
