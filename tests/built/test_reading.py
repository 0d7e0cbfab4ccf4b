"""Reading the book from the disk: searching, darkness, downloads, the keyboard, and barriers."""

import json
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from tests.book import BOOK, pages
from tests.built.site import HTML, PHONE, address

# Every page of the book, and one of each kind that Sphinx adds.
NAMES = [*pages(), "genindex", "search", "prf-prf", "py-modindex", "_modules/index"]
NAMES += ["_modules/mecllm/system/model"]

# All that can be opened is open. Each colour of highlighted code is looked at once a page; the
# other thousand words are joined to their line.
PREPARE = """() => {
  document.querySelectorAll('details').forEach(box => { box.open = true; });
  const seen = new Set();
  for (const word of document.querySelectorAll('.highlight span, dt.sig span')) {
    const box = word.closest('.highlight, dt.sig').parentElement;
    const kind = [word.className, word.parentElement.tagName, box.className,
                  box.parentElement.className].join();
    if (seen.has(kind)) word.replaceWith(...word.childNodes);
    seen.add(kind);
  }
}"""
# Nothing fades: a colour half-way is no finding. Formulas stay TeX, which needs more room.
STILL = """*, *::before, *::after { animation: none !important; transition: none !important; }
.math { overflow: hidden !important; }"""
AXE = """async rules => {
  const options = {resultTypes: ['violations']};
  if (rules) options.runOnly = rules;
  const found = await axe.run(document, options);
  return found.violations
    .filter(v => v.impact === 'serious' || v.impact === 'critical')
    .map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 120)]);
}"""
ON_WHITE = """() => [...document.querySelectorAll('article img')]
  .filter(image => getComputedStyle(image).backgroundColor !== 'rgb(255, 255, 255)')
  .map(image => image.src)"""
# The theme looks for what scrolls a moment after a change of the window.
REACHABLE = """() => [
  ...document.querySelectorAll('pre, .cell_output > .output, .pst-scrollable-table-container'),
].every(box => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"""


@pytest.mark.parametrize("name", NAMES)
def test_no_page_has_a_serious_barrier(page, name):
    # MathJax gives formulas the colour of their text, a tab stop and MathML, by ten thousand nodes.
    page.route("**/mathjax/**", lambda route: route.abort())
    page.goto(address(name))
    page.add_style_tag(content=STILL)
    page.evaluate(PREPARE)
    page.evaluate(AXE_SCRIPT)
    assert page.evaluate(AXE, None) == []
    page.set_viewport_size(PHONE)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(REACHABLE)
    assert page.evaluate(AXE, ["color-contrast", "scrollable-region-focusable"]) == []
    assert page.evaluate(ON_WHITE) == []


def test_a_barrier_would_be_found(page):
    page.set_content("<html lang=en><title>t</title><main><h1>t</h1><p style='color: #ccc'>pale")
    page.evaluate(AXE_SCRIPT)
    assert [rule for rule, *_ in page.evaluate(AXE, None)] == ["color-contrast"]


@pytest.mark.parametrize("words", ["water-filling", "Clarabel", "exact penalty"])
def test_search_finds_pages_without_a_network(page, words):
    page.goto(address("index"))
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    results = page.locator("#search-results ul.search > li > a")
    results.first.wait_for()
    results.first.click()
    page.wait_for_load_state()
    text = page.locator("article").inner_text().lower()
    assert all(word in text for word in words.lower().replace("-", " ").split())


def test_a_result_shows_its_line_and_leads_to_the_section(page):
    page.goto(address("search") + "?q=water-filling+vessels")
    first = page.locator("#search-results ul.search > li").first
    assert "vessels" in first.locator("p.context").inner_text()
    assert first.locator("mark").all_inner_texts()
    first.locator("a").click()
    page.wait_for_url("**/20-exact-solver.html#*")
    section = page.evaluate("document.querySelector(location.hash).closest('section').innerText")
    assert "vessels" in section


def test_search_says_when_it_finds_nothing(page):
    page.goto(address("search") + "?q=zyzzyva")
    page.get_by_text("did not match any documents").wait_for()


def test_the_reader_s_choice_of_darkness_stays(page):
    theme = "document.documentElement.dataset.theme"
    page.goto(address("index"))
    assert page.evaluate(theme) == "light"
    for _ in range(3):
        if page.evaluate(theme) != "dark":
            page.locator(".theme-switch-button").first.click()
    assert page.evaluate(theme) == "dark"
    page.goto(address("09-figure-2"))
    assert page.evaluate(theme) == "dark"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in ground[4:-1].split(",")) < 150


class Quiet(SimpleHTTPRequestHandler):
    """Serves the book as a web server would, without a word."""

    def log_message(self, *_):
        pass


@pytest.fixture
def served():
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HTML))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_notebook_of_a_chapter_can_be_downloaded(browser, served):
    # Browsers open a link from one file to another in place; a published book hands it over.
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.goto(f"{served}/09-figure-2.html")
    with page.expect_download() as download:
        page.locator(".run-chapter a").first.click()
    assert download.value.suggested_filename == "09-figure-2.ipynb"
    given = json.loads(download.value.path().read_text(encoding="utf-8"))
    context.close()
    assert given == json.loads((BOOK / "09-figure-2.ipynb").read_text(encoding="utf-8"))


FOCUS = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  const region = here.closest('.run-chapter') ? 'run' : here.closest('article') ? 'article'
    : here.closest('.bd-sidebar-primary') ? 'chapters' : here.closest('.bd-sidebar-secondary')
    ? 'contents' : here.closest('header, .bd-header-article') ? 'bar' : here.className;
  const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
    || style.boxShadow !== 'none' || style.textDecorationLine !== 'none';
  return [region, shown, here.outerHTML.slice(0, 100)];
}"""


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page):
    page.goto(address("09-figure-2"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    reached, unseen = set(), []
    for _ in range(80):
        page.keyboard.press("Tab")
        region, shown, what = page.evaluate(FOCUS)
        reached.add(region)
        if not shown:
            unseen.append(what)
    assert reached >= {"chapters", "bar", "run", "article"}
    assert not unseen


def test_the_skip_link_leads_to_the_text(page):
    page.goto(address("09-figure-2"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')")


def test_an_opened_solution_that_scrolls_can_be_reached(page):
    page.set_viewport_size(PHONE)
    page.goto(address("02-system-model"))
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true; })")
    scrolling = """() => [...document.querySelectorAll('details pre, details .text_html')]
      .filter(box => box.scrollWidth > box.clientWidth + 1).length"""
    assert page.evaluate(scrolling) > 0
    page.wait_for_function(REACHABLE)


def test_the_report_prints_on_six_sheets(page):
    page.goto(address("report"))
    page.evaluate("window.MathJax?.startup?.promise")
    sheets = page.pdf(prefer_css_page_size=True, print_background=True)
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", sheets)) <= 6
