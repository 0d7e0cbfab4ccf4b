"""Pictures that explain: nothing is cut or covered, and what is drawn from numbers is right."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mecllm.pictures import panels, use_style
from mecllm.pictures.diagrams import (
    draw_algorithm,
    draw_dual,
    draw_split,
    draw_surrogate,
    draw_system,
)

SKETCHES = [draw_system, draw_algorithm, draw_split]
USER = {"local": 0.10, "edge": 0.16, "stability": 0.55, "start": 28.0}


@pytest.fixture(autouse=True)
def _closed():
    use_style()
    yield
    plt.close("all")


def faults(figure) -> list[str]:
    """Letters that leave the picture, and pairs of texts that cover each other."""
    figure.canvas.draw()
    edge = figure.bbox
    words = [text for axis in figure.axes for text in axis.texts if text.get_text()]
    boxes = [word.get_window_extent() for word in words]
    cut = [
        word.get_text()
        for word, box in zip(words, boxes, strict=True)
        if box.x0 < edge.x0 or box.y0 < edge.y0 or box.x1 > edge.x1 or box.y1 > edge.y1
    ]
    # A turned label's box is larger than its letters, so two of them may touch.
    level = [(w, b) for w, b in zip(words, boxes, strict=True) if not w.get_rotation()]
    covered = [
        f"{one.get_text()} / {two.get_text()}"
        for (one, a), (two, b) in combinations(level, 2)
        if a.overlaps(b)
    ]
    return cut + covered


@pytest.mark.parametrize("draw", SKETCHES)
def test_no_word_is_cut_or_covered(draw) -> None:
    figure = draw()
    assert faults(figure) == []
    assert len(figure.axes[0].texts) >= 8


def test_a_word_too_long_or_on_another_is_seen() -> None:
    figure = draw_split()
    axis = figure.axes[0]
    axis.text(6.0, 3.6, "outside the page", fontsize=12)
    axis.text(3.25, 3.3, "upon it", ha="center", va="center")
    assert faults(figure) == ["outside the page", "the wire / upon it"]


def test_surrogates_lie_above_and_touch() -> None:
    axis = draw_surrogate(**USER).axes[0]
    below, *others = [np.asarray(line.get_data()) for line in axis.lines]
    curves = [line for line in others if line.shape[1] == below.shape[1]]
    dots = [line[:, 0] for line in others if line.shape[1] == 1]
    assert len(curves) == 3
    iterates, minima = dots[::2], dots[1::2]
    for curve, touch, lowest in zip(curves, iterates, minima, strict=True):
        assert np.all(curve[1] >= below[1] * (1 - 1e-12))
        at = np.argmin(np.abs(curve[0] - touch[0]))
        assert curve[1, at] == pytest.approx(below[1, at], rel=1e-5)
        assert lowest[1] == curve[1].min()
    # Each next iterate is the minimiser before it, and the true cost falls along them.
    assert [point[0] for point in iterates[1:]] == [point[0] for point in minima[:-1]]
    assert np.all(np.diff([point[1] for point in iterates]) < 0)


def test_the_envelope_is_the_least_line() -> None:
    _, (axis,) = panels()
    price = np.array([0.5, 1.0, 2.0])
    # D = -(ν - 1)²: touched from above by its tangents.
    draw_dual(axis, price, -((price - 1) ** 2), -2 * (price - 1))
    *lines, envelope, _ = axis.lines
    every = envelope.get_xdata()
    assert np.all(envelope.get_ydata() >= -((every - 1) ** 2) - 1e-12)
    np.testing.assert_allclose(envelope.get_ydata(), np.min([x.get_ydata() for x in lines], axis=0))
    styles = [line.get_linestyle() for line in lines]
    assert styles == ["-", "--", "--"]
