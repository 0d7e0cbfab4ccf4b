"""The drawing functions: every panel of the paper, from the tables alone."""

from __future__ import annotations

import base64

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from mecllm.pictures import SERIES, use_style
from mecllm.pictures.paper import APPROACHES, DRAW, fronts, relative_fronts
from mecllm.pictures.parts import components
from mecllm.study.records import stored
from mecllm.study.statistics import compare, curve, select
from mecllm.system.scenario import TRACKS
from tests.book import BOOK


def heights(line):
    """Values of a curve; Matplotlib keeps those of error bars as objects."""
    return np.asarray(line.get_ydata(), dtype=float)


PANELS = {"2": 2, "3": 6, "4": 1, "5": 2}


@pytest.fixture(autouse=True)
def _closed():
    use_style()
    yield
    plt.close("all")


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("figure", DRAW)
def test_every_panel_is_drawn_with_its_axes_named(figure, track, tmp_path) -> None:
    picture = DRAW[figure](stored(figure, track))
    assert len(picture.axes) == PANELS[figure]
    assert all(axis.get_ylabel() for axis in picture.axes)
    assert figure == "2" or all(axis.get_xlabel() for axis in picture.axes)
    picture.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize("track", TRACKS)
def test_bars_and_curves_are_the_means_of_the_table(track) -> None:
    frame = stored(2, track)
    bars = [bar.get_height() for bar in DRAW["2"](frame).axes[0].patches]
    expected = [curve(frame, "energy", m)["mean"].iloc[0] for m in APPROACHES]
    np.testing.assert_allclose(bars, expected)
    frame = stored(3, track)
    axis = DRAW["3"](frame).axes[1]
    line = axis.containers[0].lines[0]
    np.testing.assert_allclose(heights(line), curve(frame, "delay", "proposed", "b")["mean"])
    assert line.get_color() == SERIES["proposed"].color


def test_a_changed_table_changes_the_picture() -> None:
    frame = stored(5, "repaired")
    swapped = frame.replace({"method": {"proposed": "random", "random": "proposed"}})
    lines = [heights(DRAW["5"](f).axes[0].containers[0].lines[0]) for f in (frame, swapped)]
    assert not np.allclose(*lines)


@pytest.mark.parametrize("track", TRACKS)
def test_companions_are_drawn(track) -> None:
    assert len(components(stored(2, track), APPROACHES).axes) == 2
    methods = {m: m for m in ("proposed", "greedy", "random")}
    assert len(components(stored(5, track), methods, 60).axes) == 2
    assert len(fronts(stored(3, track)).axes) == 3


def test_stacked_components_add_up_to_the_energy() -> None:
    frame = stored(2, "repaired")
    bars = components(frame, APPROACHES).axes[0].patches
    tops = [bar.get_y() + bar.get_height() for bar in bars[-len(APPROACHES) :]]
    expected = [curve(frame, "energy", m)["mean"].iloc[0] for m in APPROACHES]
    np.testing.assert_allclose(tops, expected, rtol=1e-9)


@pytest.mark.parametrize("track", TRACKS)
def test_ratios_below_figure_3_are_those_of_the_paired_comparison(track) -> None:
    frame = stored(3, track)
    axis = DRAW["3"](frame).axes[3]
    for bars, other in zip(axis.containers, ("alternating", "alternating_chi"), strict=True):
        found = compare(frame, "energy", "proposed", other, "a")
        np.testing.assert_allclose(heights(bars.lines[0]), [e.ratio for e in found.values()])


@pytest.mark.parametrize("track", TRACKS)
def test_figure_4_is_the_excess_over_the_last_objective_and_ends_where_it_is_flat(track) -> None:
    frame = stored(4, track)
    line = heights(DRAW["4"](frame).axes[0].containers[0].lines[0])
    runs = select(frame, "objective", "M=5").sort_index(axis=1).ffill(axis=1)
    first = (runs[0] / runs.iloc[:, -1] - 1).mean()
    np.testing.assert_allclose(line[0], 100 * first)
    assert np.all(np.diff(line) < 0)
    assert line.min() >= 0.01
    assert len(line) < runs.shape[1]


def test_relative_fronts_begin_at_a_hundred_per_cent() -> None:
    axes = relative_fronts(stored(3, "literal"), stored(3, "repaired")).axes
    assert len(axes) == 3
    for axis in axes:
        lines = [line for line in axis.lines if len(line.get_xdata()) > 1]
        assert len(lines) == 5
        for line in lines:
            assert (line.get_xdata()[0], line.get_ydata()[0]) == pytest.approx((100, 100))


def test_the_title_page_shows_the_figure_of_its_chapter() -> None:
    chapter = nbformat.read(BOOK / "10-figure-3.ipynb", as_version=4)
    (cell,) = (
        cell
        for cell in chapter.cells
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == "fig-3-repaired"
    )
    (stored,) = (o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {}))
    shown = (BOOK / "_static" / "figure-3-repaired.png").read_bytes()
    assert base64.b64decode(stored) == shown
