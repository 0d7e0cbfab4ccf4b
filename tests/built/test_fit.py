"""Pages that fit: nothing is cut on a desk's screen, and on a phone what goes on says so."""

import pytest

from tests.book import pages
from tests.built.site import DESK, PHONE, address

# All that is opened by a click is open, formulas are set, and the marks are up to date.
SETTLED = """async () => {
  document.querySelectorAll('details').forEach(box => { box.open = true; });
  await window.MathJax?.startup?.promise;
  window.dispatchEvent(new Event('resize'));
}"""
# Boxes whose content is wider than they are, each with the cue that it gives. Inside a
# formula, MathJax hides MathML for screen readers and cuts braces on purpose.
CUT = """() => [...document.querySelectorAll('article *')]
  .filter(box => !box.matches('span.math, mjx-container *'))
  .filter(box => getComputedStyle(box).display !== 'inline')
  .filter(box => ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(box).overflowX))
  .filter(box => box.clientWidth > 40 && box.scrollWidth > box.clientWidth + 1)
  .map(box => [getComputedStyle(box).maskImage, box.tabIndex, box.outerHTML.slice(0, 160)])"""
SIDEWAYS = "document.documentElement.scrollWidth > window.innerWidth"
# A page that is longer needs a table of its sections.
LONG = 12_000
SECTIONS = """() => [...document.querySelectorAll('.bd-sidebar-secondary .page-toc a, '
    + '.genindex-jumpbox a, .modindex-jumpbox a')]
  .filter(link => link.getBoundingClientRect().width > 0).length"""


@pytest.mark.parametrize("name", [*pages(), "genindex", "py-modindex"])
def test_nothing_is_cut(page, name):
    page.goto(address(name))
    page.evaluate(SETTLED)
    assert page.evaluate(CUT) == []
    assert not page.evaluate(SIDEWAYS)
    if page.evaluate("document.documentElement.scrollHeight") > LONG:
        assert page.evaluate(SECTIONS) > 3
    page.set_viewport_size(PHONE)
    page.evaluate(SETTLED)
    silent = [html for mask, tab, html in page.evaluate(CUT) if mask == "none" or tab < 0]
    assert silent == []
    assert not page.evaluate(SIDEWAYS)


def test_what_is_cut_would_be_found(page):
    page.set_content("<article><pre style='overflow: auto; width: 200px'>" + 80 * "x")
    assert len(page.evaluate(CUT)) == 1


def test_a_cue_follows_the_scrolling(page):
    page.set_viewport_size(PHONE)
    page.goto(address("08-algorithm"))
    page.evaluate(SETTLED)
    box = page.locator("article pre.goes-on").first
    assert box.get_attribute("data-more") == "right"
    box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    page.wait_for_function("box => box.dataset.more === 'left'", arg=box.element_handle())


def test_panels_are_stacked_on_a_phone_alone(page):
    shown = "() => document.querySelector('article figure picture > img').currentSrc"
    high = """async () => {
      const image = document.querySelector('article figure picture > img');
      await image.decode();
      return image.naturalHeight > image.naturalWidth;
    }"""
    page.goto(address("10-figure-3"))
    assert "stacked" not in page.evaluate(shown)
    assert not page.evaluate(high)
    page.set_viewport_size(PHONE)
    page.goto(address("10-figure-3"))
    assert "stacked" in page.evaluate(shown)
    assert page.evaluate(high)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_as_dark_as_the_system(browser, scheme):
    context = browser.new_context(viewport=DESK, color_scheme=scheme)
    page = context.new_page()
    page.goto(address("index"))
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    context.close()
