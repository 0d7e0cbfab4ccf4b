"""The explorer in Chromium: what it shows is what Python computes, and a keyboard is enough."""

import math
import random

import pytest

from mecllm.pictures.explorer import SLIDERS
from mecllm.pictures.typical import Setting, options, presets, typical_network
from mecllm.system.model import evaluate
from tests.built.site import HTML
from tests.built.test_browser import SIZES

# Texts that do not lie within their picture.
CUT_OFF = """() => [...document.querySelectorAll("#split svg")].flatMap((svg) => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const own = text.getBoundingClientRect();
    return own.left < box.left - 1 || own.right > box.right + 1
      || own.top < box.top - 1 || own.bottom > box.bottom + 1;
  }).map((text) => text.textContent);
})"""
PRESETS = presets()
DEFAULT = {track: Setting.of(track) for track in ("literal", "repaired")}
COLUMNS = ("layers", "energy", "delay", "stability", "objective")
# Sets the sliders and the track as a reader does, by events, and reads the table.
SET = """([preset, unit, track, places]) => {
  const get = (name) => document.getElementById("split-" + name);
  for (const [name, value] of Object.entries({preset, unit, track})) {
    get(name).value = value;
    get(name).dispatchEvent(new Event("change", {bubbles: true}));
  }
  for (const [key, place] of Object.entries(places)) {
    get(key).value = place;
    get(key).dispatchEvent(new Event("input", {bubbles: true}));
  }
  return Object.fromEntries(["split", "edge_only", "local_only"].map((name) =>
    [name, [...get("row-" + name).cells].slice(1).map((cell) => cell.dataset.value)]));
}"""


def cases():
    """Settings with where their weights are normalised: ends, corners and some at random."""
    for own in DEFAULT.values():
        yield own, None
        for slider in SLIDERS:
            for value in (slider.values[0], slider.values[-1]):
                yield own.but(**{slider.key: value}), None
        for corner in range(8):
            weights = ("delay", "energy", "stability")
            yield own.but(**{w: 10.0 * (corner >> i & 1) for i, w in enumerate(weights)}), None
    dice = random.Random(11)
    for _ in range(60):
        chosen = {slider.key: dice.choice(slider.values) for slider in SLIDERS}
        unit = dice.choice([None, *PRESETS])
        yield Setting(dice.choice(list(DEFAULT)), **chosen), unit


@pytest.fixture
def page(built, browser):
    context = browser.new_context(viewport=SIZES["desk"], offline=True)
    page = context.new_page()
    page.goto((HTML / "explorer.html").resolve().as_uri(), wait_until="load")
    yield page
    context.close()


def expected(setting, unit):
    """Rows of the table; `unit` names the preset where the weights are normalised, if any."""
    start, rows = PRESETS.get(unit), {}
    for name, (decision, cost) in options(setting, start).items():
        evaluated = evaluate(typical_network(setting, start), decision)
        assert evaluated.objective == cost.objective
        per_user = (decision.local_layers, cost.energy, cost.delay, cost.stability)
        rows[name] = [*(float(value[0]) for value in per_user), cost.objective]
    return rows


def shown(page, setting, unit):
    places = {s.key: s.values.index(getattr(setting, s.key)) for s in SLIDERS}
    chosen = [unit or next(iter(PRESETS)), "once" if unit else "each", setting.track, places]
    table = page.evaluate(SET, chosen)
    return {name: [float(value) for value in row] for name, row in table.items()}


def test_the_page_shows_what_python_computes(page):
    chosen, found = list(cases()), set()
    assert len(chosen) >= 60
    for setting, unit in chosen:
        rows = shown(page, setting, unit)
        for name, row in expected(setting, unit).items():
            for column, ours, theirs in zip(COLUMNS, row, rows[name], strict=True):
                close = math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=0.0)
                assert close, (setting, unit, name, column, ours, theirs)
        found.add(rows["split"][0])
    assert len(found) > 5, "settings that all have the same answer test little"


def test_a_wrong_page_would_be_noticed(page):
    own = DEFAULT["repaired"]
    rows, other = shown(page, own, None), expected(own.but(users=6.0), None)
    assert rows["split"][4] != pytest.approx(other["split"][4], rel=1e-6)
    fixed = shown(page, own, "costly server")
    assert fixed["split"][4] != pytest.approx(rows["split"][4], rel=1e-6)


def test_without_weights_there_is_nothing_to_draw(page):
    own = DEFAULT["literal"]
    pictures = page.locator("#split figure")
    assert [pictures.nth(i).is_visible() for i in range(2)] == [True, True]
    shown(page, own.but(delay=0.0, energy=0.0, stability=0.0), None)
    assert "every split is as good" in page.locator("#split-text").inner_text()
    assert [pictures.nth(i).is_visible() for i in range(2)] == [False, False]
    shown(page, own, None)
    assert [pictures.nth(i).is_visible() for i in range(2)] == [True, True]


def test_presets_move_every_slider(page):
    for name, setting in PRESETS.items():
        page.get_by_label("Start from").select_option(name)
        rows = expected(setting, None)
        for way, row in rows.items():
            cells = page.locator(f"#split-row-{way} td")
            values = [float(cells.nth(i).get_attribute("data-value")) for i in range(5)]
            assert values == pytest.approx(row, rel=1e-9)


def test_a_keyboard_is_enough(page):
    page.get_by_label("Start from").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # the third: costly server
    shown_before, reached = page.locator("#split-text").inner_text(), []
    assert "α* = 11 of 32" in shown_before
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert width == "3px", reached[-1]
    assert reached[2:8] == [f"split-{slider.key}" for slider in SLIDERS]
    slider = page.locator("#split-stability")
    slider.focus()
    spoken = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") != spoken
    assert page.locator("#split-text").inner_text() != shown_before
    page.keyboard.press("Home")
    assert page.locator("#split-stability-value").inner_text() == "0"
    assert "Cheapest of the three: local only" in page.locator("#split-text").inner_text()


def test_every_control_has_a_name_and_results_are_announced(page):
    controls = page.locator("#split :is(input, select)")
    for i in range(controls.count()):
        assert controls.nth(i).evaluate("node => node.labels.length") == 1
    for slider in SLIDERS:
        spoken = page.locator(f"#split-{slider.key}").get_attribute("aria-valuetext")
        assert spoken[0].isdigit()
        assert spoken.endswith(slider.unit)
    assert page.locator("#split-text").get_attribute("aria-live") == "polite"
    assert page.locator('#split svg[role="img"][aria-label]').count() == 2


@pytest.mark.parametrize("size", SIZES)
def test_nothing_sticks_out_at_any_preset(built, browser, size):
    context = browser.new_context(viewport=SIZES[size], offline=True)
    page = context.new_page()
    page.goto((HTML / "explorer.html").resolve().as_uri(), wait_until="load")
    for name in PRESETS:
        page.get_by_label("Start from").select_option(name)
        excess = "node => node.scrollWidth - node.clientWidth"
        assert page.locator("html").evaluate(excess) <= 0, name
        assert page.locator("#split").evaluate(excess) <= 0, name
        assert not page.evaluate(CUT_OFF), name
    context.close()
