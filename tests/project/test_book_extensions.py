"""The extensions of the book: generated tables, links from code to the API, running a chapter."""

import csv
import importlib
import sys

import numpy as np
import pytest
from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser
from PIL import Image

from mecllm.study import ledgers as claims
from mecllm.study.machine import processor
from tests.book import BOOK, ROOT, chapters
from tests.project.test_environment import LOCK, PROJECT, pins
from tools import times


@pytest.fixture(scope="module")
def extension():
    sys.path.insert(0, str(BOOK / "_ext"))
    yield importlib.import_module
    sys.path.remove(str(BOOK / "_ext"))


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_verdicts_are_those_of_the_ledger(extension):
    head, _, *rows = [cells(line) for line in extension("generated").verdicts().splitlines()]
    assert head[2:-1] == list(claims.VERDICTS)
    numbers = [(row[1], [int(cell.replace("–", "0")) for cell in row[2:]]) for row in rows]
    assert all(sum(row[:-1]) == row[-1] for _, row in numbers)
    for place, track in ((-2, "literal"), (-1, "repaired")):
        groups = [row for name, row in numbers[:-2] if name in (track, "both")]
        assert len(groups) == len(claims.GROUPS)
        assert [sum(column) for column in zip(*groups, strict=True)] == numbers[place][1]
        assert numbers[place][1][-1] == len(claims.ledger())
        assert numbers[place][1][:-1] == list(claims.verdict_counts(track).values())


def test_groups_of_claims_cover_the_ledger():
    assert {claim.id[0] for claim in claims.ledger()} == set(claims.GROUPS.values())


def test_pins_are_read_as_the_lock_has_them(extension):
    found = extension("generated").pins(LOCK)
    assert {name.lower(): version for name, version in found.items()} == pins()


@pytest.mark.parametrize("group", ["package", "book", "test", "lint", "classroom"])
def test_every_direct_dependency_has_version_licence_and_reason(extension, group):
    extras = {"package": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    rows = [cells(line) for line in extension("generated").packages(ROOT, group).splitlines()[2:]]
    assert len(rows) == len(extras[group])
    for name, version, licence, reason in rows:
        assert version == pins()[name]
        assert len(licence) > 2, name
        assert len(reason) > 4, name


def test_every_other_locked_package_states_its_licence(extension):
    rows = [
        cells(line) for line in extension("generated").packages(ROOT, "others").splitlines()[2:]
    ]
    assert len(rows) > 100
    assert all(len(licence) > 2 for _, _, licence in rows)


def test_a_package_without_a_licence_is_refused(extension):
    generated = extension("generated")

    class Bare:
        metadata = type("About", (dict,), {"get_all": lambda self, key, default: default})(
            Name="bare"
        )
        files = ()

    with pytest.raises(generated.ExtensionError, match="bare states no licence"):
        generated.licence(Bare())


def test_every_chapter_has_been_timed():
    with (BOOK / "_data" / "times.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = {path.stem for path in chapters()} ^ {row["chapter"] for row in rows}
    assert not missing, f"run `make times` with NB=name for {sorted(missing)}"
    assert all(0 < int(row["seconds"]) < 60 for row in rows)


def test_times_of_the_commands_are_dated_and_name_the_processor(extension, tmp_path):
    commands = extension("generated").commands
    assert "make times NB=commands" in commands(tmp_path)
    row = ("make book", "61", "2", "3.11", "A processor", "2026-01-31")
    times.write(
        tmp_path / "_data" / "commands.csv",
        times.COMMAND_FIELDS,
        [dict(zip(times.COMMAND_FIELDS, row, strict=True))],
    )
    said, _, _, _, line = commands(tmp_path).splitlines()
    assert said == "Measured 2026-01-31 on A processor, 2 cores, Python 3.11."
    assert cells(line) == ["`make book`", "61"]


@pytest.mark.parametrize(
    ("told", "name"),
    [("processor : 0\nmodel name\t: Some CPU @ 2 GHz\n", "Some CPU @ 2 GHz"), ("", None)],
)
def test_a_processor_is_named_or_its_kind(tmp_path, told, name):
    (tmp_path / "cpuinfo").write_text(told, encoding="utf-8")
    found = processor(tmp_path / "cpuinfo")
    assert found == name if name else found


SOURCE = """\
from mecllm import Scenario, solve as run
from mecllm.study import (
    stored,
)
χ = Scenario.load("literal"); out = run(network=stored)
"""


def test_uses_of_the_package_are_found_where_they_stand(extension):
    found = dict(extension("api_links").uses(SOURCE, {}))
    stored = "mecllm.study.records.stored"
    assert found == {
        (1, 5): "mecllm",
        (1, 19): "mecllm.system.scenario.Scenario",
        (1, 29): "mecllm.methods.solve",
        (2, 5): "mecllm.study",
        (3, 4): stored,
        (5, 4): "mecllm.system.scenario.Scenario",
        (5, 13): "mecllm.system.scenario.Scenario.load",
        (5, 36): "mecllm.methods.solve",
        (5, 48): stored,
    }


def test_a_name_bound_again_is_no_longer_the_package_s(extension):
    known = {}
    uses = extension("api_links").uses
    assert list(uses("from mecllm import solve\nsolve", known))[-1] == (
        (2, 0),
        "mecllm.methods.solve",
    )
    assert list(uses("solve = 1\nsolve", known)) == []
    assert list(uses("solve", known)) == []


def test_links_stand_at_their_words_and_change_nothing_else(extension):
    html = (
        '<pre><span></span><span class="n">χ</span> <span class="s">&lt;&quot;</span>\n'
        '<span class="n">x</span></pre>'
    )
    linked = extension("api_links").link(html, {(1, 2): "a", (2, 0): "b"})
    assert linked.replace('<a class="api" href="a">', "").replace(
        '<a class="api" href="b">', ""
    ) == (html.replace("&quot;</span>", "&quot;</span></a>").replace("x</span>", "x</span></a>"))


def test_the_line_of_a_chapter_names_what_is_configured(extension):
    line = extension("run_chapter").line
    plain = line((9, "4"), "02-x", "_sources/02-x.ipynb", [])
    assert "9 min to read, 4 s to run" in plain
    assert plain.count("<a ") == 1
    assert 'href="_sources/02-x.ipynb" download' in plain
    assert "make execute NB=02-x" in plain
    served = line((1, "?"), "02-x", "n.ipynb", [{"text": "Binder", "url": "https://b/?a=1&c=2"}])
    assert '<a href="https://b/?a=1&amp;c=2">Binder</a>' in served


def test_how_long_a_chapter_takes_is_what_was_measured(extension):
    seconds = extension("run_chapter").seconds
    assert int(seconds(BOOK, "01-overview")) > 0
    assert seconds(BOOK, "no-such-chapter") == "?"


def picture(panels, gap=20, legend=None):
    """Panels of grey ink, 300 by 200, side by side; a legend of two entries below all of them."""
    width = panels * 300 + (panels - 1) * gap
    drawn = Image.new("RGB", (width, 260), "white")
    for k in range(panels):
        drawn.paste("grey", (k * (300 + gap), 0, k * (300 + gap) + 300, 200))
    for at in (0.3, 0.6) if legend else ():
        drawn.paste(legend, (int(at * width), 230, int(at * width) + 100, 250))
    return drawn


@pytest.mark.parametrize("panels", [1, 2, 3])
def test_a_picture_comes_apart_into_its_panels(extension, panels):
    stacked = extension("stacked")
    parts = stacked.parts(picture(panels))
    assert len(parts) == panels
    sheet = stacked.stacked(parts)
    assert sheet.height == 260 * panels
    assert np.asarray(sheet.convert("L")).min(axis=1)[:200].max() < 255


def test_a_legend_of_all_panels_stays_whole_below_them(extension):
    *panels, legend = extension("stacked").parts(picture(2, legend="blue"))
    assert [part.height < 260 for part in panels] == [True, True]
    assert np.all(np.asarray(legend) != (128, 128, 128))
    assert np.any(np.all(np.asarray(legend) == (0, 0, 255), axis=2))


def test_two_rows_of_panels_are_cut_as_well(extension):
    row = picture(3).crop((0, 0, 940, 220))
    grid = Image.new("RGB", (940, 600), "white")
    grid.paste(row, (0, 0))
    grid.paste(row, (0, 270))
    for line, colour in ((500, "red"), (540, "blue")):  # a legend of two lines
        grid.paste(colour, (300, line, 400, line + 20))
    *panels, legend = extension("stacked").parts(grid)
    assert len(panels) == 6
    assert {colour for _, colour in legend.getcolors()} >= {(255, 0, 0), (0, 0, 255)}


def test_what_shares_its_labels_is_left_whole(extension):
    # The first panel is wider by the labels that serve both.
    shared = picture(2)
    shared.paste("grey", (300, 0, 420, 200))
    shared.paste("white", (420, 0, 440, 260))
    assert len(extension("stacked").parts(shared)) == 1


def test_words_of_a_section_are_its_own(extension):
    sections = extension("sections")
    source = "# One\n\nFirst *words*.\n\n## Two\n\nOther words, $x$.\n\n```\ncode\n```\n"
    kept = {"doctitle_xform": False, "myst_enable_extensions": ["dollarmath"]}
    tree = publish_doctree(source, parser=Parser(), settings_overrides=kept)
    outer, inner = tree.findall(sections.title_of)
    assert sections.title_of(outer) == "One"
    assert sections.own_text(outer) == "First words."
    assert sections.own_text(inner) == "Other words, x."
