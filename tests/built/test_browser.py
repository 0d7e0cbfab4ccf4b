"""The pages in Chromium, from the disk and without a network, on a desk and on a phone."""

import pytest

from tests.built.site import HTML

LOUD = {"error", "warning"}
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
# What a page tells about its formulas, pictures and width, once MathJax is done.
INSPECT = """async () => {
  if (window.MathJax) await MathJax.startup.promise;
  document.querySelectorAll('details').forEach(box => { box.open = true; });
  const images = [...document.images];
  images.forEach(image => { image.loading = 'eager'; });
  await Promise.all(images.map(image => image.decode().catch(() => null)));
  const article = document.querySelector('article') || document.body;
  const prose = article.cloneNode(true);
  prose.querySelectorAll('pre, code, script, mjx-container').forEach(node => node.remove());
  const formulas = [...document.querySelectorAll('.math')];
  const page = document.documentElement;
  return {
    unrendered: formulas.filter(node => !node.querySelector('mjx-container'))
                        .map(node => node.textContent.slice(0, 80)),
    wrong: [...document.querySelectorAll('mjx-merror, [data-mjx-error]')]
                        .map(node => node.textContent.slice(0, 80)),
    bare: (prose.textContent.match(/\\$\\$|\\\\\\(|\\\\\\[|\\\\begin\\{/g) || []),
    formulas: formulas.length,
    broken: images.filter(image => !image.naturalWidth).map(image => image.src),
    excess: page.scrollWidth - page.clientWidth,
  };
}"""


@pytest.mark.parametrize("size", SIZES)
def test_every_page_renders_offline(built, browser, size):
    context = browser.new_context(viewport=SIZES[size], offline=True)
    context.set_default_timeout(30_000)
    page = context.new_page()
    asked, console, faults, formulas = [], [], [], 0
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda note: console.append((note.type, note.text)))
    page.on("pageerror", lambda error: console.append(("error", str(error))))
    for name in built:
        page.goto((HTML / name).resolve().as_uri(), wait_until="load")
        found = page.evaluate(INSPECT)
        found["outside"] = [url for url in asked if url.startswith("http")]
        found["console"] = [note for note in console if note[0] in LOUD]
        formulas += found.pop("formulas")
        faults += [(name, what, value) for what, value in found.items() if value]
        asked.clear()
        console.clear()
    context.close()
    assert not faults
    assert formulas > 0, "a book on optimisation shows formulas; did the selector change?"
