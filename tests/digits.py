"""Two outputs are the same when their words are, and their numbers to the last printed digit.

A stored number is a promise of as many digits as it prints. Another processor or another library
may round the last one the other way, so a number may differ by one unit of it and by no more. Whole
numbers, words, signs and the number of digits may not differ at all. `conftest.py` hands nbval's
comparison of cells to this module.
"""

from __future__ import annotations

import base64
import io
import re
from decimal import Decimal
from typing import Any

import numpy as np
from PIL import Image

# A number with a decimal point, or with Python's two-digit exponent; not within a version or an id.
NUMBER = re.compile(
    r"(?<![\w.#])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+(?:[eE][-+]?\d+)?|e[-+]\d\d)(?!\.?\d)"
)
# Colour steps [0..255] within which two renderings of an edge may differ, and the share of a
# picture's pixels that may differ by more: a marker that moves by a pixel is 1e-4 of a page-wide
# figure, one that moves by its own width or a changed label is 1e-3 and more.
COLOUR_STEP, PIXEL_SHARE = 32, 4e-4


def unit(number: str) -> Decimal:
    """Return one unit of the last printed digit: 0.01 for 3.14, 1e-7 for 2.5e-6."""
    return Decimal(1).scaleb(int(value(number).as_tuple().exponent))


def value(number: str) -> Decimal:
    """Exact value of a printed number; thousands may be set apart by commas."""
    return Decimal(number.replace(",", "").replace("−", "-"))


def difference(stored: str, fresh: str) -> str | None:
    """Say where two texts differ by more than the last printed digit of a number, or None.

    Parameters
    ----------
    stored, fresh : str
        Text as a cell stores and as it now prints.
    """
    if stored == fresh:
        return None
    words, words_now = NUMBER.split(stored), NUMBER.split(fresh)
    if words != words_now:
        for then, now in zip(words, words_now, strict=False):
            if then != now:
                return f"stored {_about(then, now)}, now {_about(now, then)}"
        return f"stored {len(words) - 1} numbers, now {len(words_now) - 1}"
    for then, now in zip(NUMBER.findall(stored), NUMBER.findall(fresh), strict=True):
        # A number that rounds to one digit less, 9.99e-3 and 1.00e-2, keeps the coarser unit.
        if abs(value(then) - value(now)) > max(unit(then), unit(now)):
            return f"stored {then}, now {now}"
        if abs(unit(then).logb() - unit(now).logb()) > 1:
            return f"stored {then}, now {now}: another number of digits"
    return None


def _about(text: str, other: str) -> str:
    """Return the part of a text around its first difference from another one."""
    first = next(
        (i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b),
        min(len(text), len(other)),
    )
    return repr(text[max(0, first - 30) : first + 30])


def picture_difference(stored: str, fresh: str) -> str | None:
    """Say by how much two base64 PNG pictures differ, or None where the eye sees none.

    Parameters
    ----------
    stored, fresh : str
        PNG files in base64, as notebooks hold them.
    """
    if stored.strip() == fresh.strip():
        return None
    then, now = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), dtype=int)
        for png in (stored, fresh)
    )
    if then.shape != now.shape:
        return f"stored picture {then.shape[1::-1]}, now {now.shape[1::-1]} pixels"
    share = float((np.abs(then - now).max(axis=2) > COLOUR_STEP).mean())
    return f"{share:.2%} of the picture's pixels differ" if share > PIXEL_SHARE else None


def contents(outputs: list[Any]) -> list[tuple[str, str]]:
    """Everything a cell has put out, as (kind, content) in order; a stream in one piece."""
    found: list[tuple[str, str]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            kind, text = output["name"], _joined(output["text"])
            if found and found[-1][0] == kind:
                text = found.pop()[1] + text
            found.append((kind, text))
        elif output["output_type"] == "error":
            found.append(("error", f"{output['ename']}: {output['evalue']}"))
        else:
            found += sorted((kind, _joined(data)) for kind, data in output["data"].items())
    return found


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def compare(stored: list[Any], fresh: list[Any]) -> str | None:
    """Say how the outputs of a cell differ from the stored ones, or None.

    Parameters
    ----------
    stored, fresh : list of outputs in the notebook format
    """
    then, now = contents(stored), contents(fresh)
    kinds, kinds_now = [kind for kind, _ in then], [kind for kind, _ in now]
    if kinds != kinds_now:
        return f"stored outputs {kinds}, now {kinds_now}"
    for (kind, old), (_, new) in zip(then, now, strict=True):
        differ = picture_difference if kind == "image/png" else difference
        if (where := differ(old, new)) is not None:
            return f"{kind}: {where}"
    return None
