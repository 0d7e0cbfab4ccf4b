"""The comparison of stored outputs: what it lets pass, and what it must not."""

import base64
import io
import json
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image

from tests.book import chapters
from tests.digits import NUMBER, compare, contents, difference, picture_difference, unit, value


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("gap 5.1686 %", "gap 5.1685 %"),
        ("×0.904 [0.891, 0.920]", "×0.905 [0.890, 0.920]"),
        ("1.00e-07", "9.99e-08"),
        ("9.99", "10.00"),
        ("-0.01", "0.00"),
        ("3e-08 left", "4e-08 left"),
        ("12,345.6 J", "12,345.7 J"),
        ('{"x":[0.25,1.5]}', '{"x":[0.26,1.5]}'),
        ("4.0s", "4.1s"),
    ],
)
def test_one_unit_of_the_last_digit_passes(stored, fresh):
    assert difference(stored, stored) is None
    assert difference(stored, fresh) is None
    assert difference(fresh, stored) is None


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("gap 5.1686 %", "gap 5.1684 %"),
        ("0.31", "-0.31"),
        ("0.01", "-0.01"),
        ("13 iterations", "14 iterations"),
        ("seed 0 of 30", "seed 1 of 30"),
        ("2/3", "2/4"),
        ("holds", "does not hold"),
        ("True", "False"),
        ("proposed 1.0 greedy 2.0", "greedy 1.0 proposed 2.0"),
        ("0.5", "0.500"),
        ("1.5", "1.4999999999999885"),
        ("1.0 2.0", "1.0"),
        ("β 1.0", "b 1.0"),
        ("1.00e-07", "1.00e-06"),
        ("version 1.2.3", "version 1.2.4"),
        ("#0072B2", "#0072B3"),
        ("x**2", "x**3"),
        ("inf", "1.0"),
    ],
)
def test_anything_else_fails(stored, fresh):
    assert difference(stored, fresh) is not None
    assert difference(fresh, stored) is not None


def printed_numbers():
    """Ten printed numbers spread over the book, as (chapter, kind, text, place in the text)."""
    found = [
        (path.stem, kind, text, match)
        for path in chapters()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for kind, text in contents(cell.get("outputs", []))
        if kind in ("stdout", "text/plain")
        for match in NUMBER.finditer(text)
    ]
    return found[:: len(found) // 10][:10]


@pytest.mark.parametrize(("chapter", "kind", "text", "match"), printed_numbers())
def test_two_units_planted_in_a_stored_output_are_noticed(chapter, kind, text, match):
    number = match.group()

    def planted(steps):
        other = format(value(number) + steps * unit(number), "f" if "e" not in number else "e")
        if "e" in number:  # as Python prints it, with the same digits
            digits = len(number.split("e")[0].partition(".")[2])
            other = f"{value(number) + steps * unit(number):.{digits}e}"
            other = f"{float(Decimal(other)):.{digits}e}"
        return text[: match.start()] + other + text[match.end() :]

    def outputs(content):
        return [{"output_type": "stream", "name": "stdout", "text": content}]

    assert compare(outputs(text), outputs(planted(0))) is None
    assert compare(outputs(text), outputs(planted(2))) is not None
    assert compare(outputs(text), outputs(planted(-2))) is not None


def png(array):
    file = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def test_pictures_are_compared_as_the_eye_does():
    picture = np.full((300, 400, 3), 255)
    picture[100:102, 50:350] = 0
    shade, moved, gone = picture.copy(), picture.copy(), np.full_like(picture, 255)
    shade[100:102, 50:350] = 20  # an edge rendered a little lighter
    moved[:] = np.roll(picture, 30, axis=0)
    assert picture_difference(png(picture), png(shade)) is None
    assert picture_difference(png(picture), png(moved)) is not None
    assert picture_difference(png(picture), png(gone)) is not None
    assert picture_difference(png(picture), png(picture[:200])) is not None


def test_outputs_are_compared_kind_by_kind():
    stream = {"output_type": "stream", "name": "stdout", "text": ["a 1.25\n", "b\n"]}
    joined = {"output_type": "stream", "name": "stdout", "text": "a 1.26\nb\n"}
    warned = {"output_type": "stream", "name": "stderr", "text": "a 1.25\nb\n"}
    table = {"output_type": "display_data", "data": {"text/html": "<td>1</td>"}, "metadata": {}}
    assert compare([stream], [joined]) is None
    assert compare([stream], [warned]) is not None
    assert compare([stream, table], [stream]) is not None
    assert compare([stream], []) is not None
