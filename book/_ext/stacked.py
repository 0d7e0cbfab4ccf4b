"""On a phone, the panels of a picture stand below each other.

A picture whose panels stand side by side is cut at the white gutters between them; the page takes
the cut copy where the window is narrow. A picture without gutters, because a legend or a colour
bar spans it, is left as it is and scrolls.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sphinx.application import Sphinx

# Narrower than this, panels are stacked; book.css has the same width.
NARROW = "(max-width: 600px)"
IMAGE = re.compile(r'<img [^>]*src="[^"]*_images/([^"/]+\.png)"[^>]*>')
# Class of a drawing that has no panels (`mystnb: image: classes` of its cell).
WHOLE = 'class="whole'
# Shares of the width of a picture. Panels that stand alone are equally wide, so that a gutter
# begins near an equal share; where panels share the labels of the first, it does not. LEAST tells
# a gutter from the gap between letters, ENTRY the gap between entries of a legend from others.
OFF, LEAST, ENTRY = 0.025, 0.007, 0.03
# Share of the height between which two rows of panels meet, around one half; most of it that a line
# of a legend takes.
ROW_OFF, LINE = 0.06, 0.08
# Largest less smallest of red, green and blue above which a pixel is a colour, not a grey.
COLOURED = 60
# As wide as this times its height, or less, is one panel, or two rows of them.
FLAT = 1.8


def runs(blank: np.ndarray) -> list[tuple[int, int]]:
    """List start and end of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], blank.astype(int), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def gutters(white: np.ndarray) -> list[int]:
    """Find the columns at which two or three panels side by side come apart, if there are any."""
    width = white.shape[1]
    wide = [a for a, b in runs(white.all(axis=0)) if b - a >= LEAST * width]
    for panels in (3, 2):
        near = [[a for a in wide if abs(a / width - k / panels) < OFF] for k in range(1, panels)]
        if all(near):
            return [min(places) for places in near]
    return []


def legend(pixels: np.ndarray) -> int:
    """Row at which a legend for all panels begins: the lowest rows of letters that are coloured."""
    height = foot = below = len(pixels)
    for gap, end in reversed(runs((pixels == 255).all(axis=(1, 2)))):
        row = pixels[end:below].astype(int)
        if len(row) > LINE * height or (len(row) and np.ptp(row, axis=2).max() <= COLOURED):
            break
        foot, below = (gap if len(row) else foot), gap
    return foot


def entries(strip: Image.Image, room: int) -> list[Image.Image]:
    """Break a legend into lines that are no wider than the room, where that can be done."""
    blank = (np.asarray(strip.convert("L")) == 255).all(axis=0)
    ink = np.flatnonzero(~blank)
    if not len(ink):
        return []
    ends = [a for a, b in runs(blank) if ink[0] < a < ink[-1] and b - a > ENTRY * strip.width]
    lines, start = [], ink[0].item()
    for end, after in pairwise([*ends, ink[-1].item() + 1, np.inf]):
        if after - start > room:
            lines.append(strip.crop((start, 0, end, strip.height)))
            start = end
    return lines


def row_of(white: np.ndarray, top: int, foot: int) -> list[tuple[int, int, int, int]]:
    """Boxes of the panels side by side between two rows of a picture; none where there is one."""
    cuts = gutters(white[top:foot])
    width = white.shape[1]
    return [(a, top, b, foot) for a, b in pairwise([0, *cuts, width])] if cuts else []


def parts(picture: Image.Image) -> list[Image.Image]:
    """Cut a picture into its panels, and a legend below them; one part where it has one panel."""
    pixels = np.asarray(picture.convert("RGB"))
    height, width = pixels.shape[:2]
    foot, white = legend(pixels), (pixels == 255).all(axis=2)
    if width >= FLAT * height:
        boxes = row_of(white, 0, foot)
    else:  # two rows of panels, or one panel
        gaps = [(a + b) // 2 for a, b in runs(white[:foot].all(axis=1))]
        middle = [gap for gap in gaps if abs(gap / foot - 0.5) < ROW_OFF]
        rows = [row_of(white, *ends) for ends in pairwise([0, *middle[-1:], foot])]
        boxes = [box for row in rows for box in row] if len(rows) > 1 and all(rows) else []
    if not boxes:
        return [picture]
    found = [picture.crop(box) for box in boxes]
    room = max(part.width for part in found)
    return found + entries(picture.crop((0, foot, width, height)), room)


def stacked(found: list[Image.Image]) -> Image.Image:
    """Put the parts of a picture below each other, each at the left edge."""
    size = max(part.width for part in found), sum(part.height for part in found)
    sheet, top = Image.new("RGB", size, "white"), 0
    for part in found:
        sheet.paste(part.convert("RGB"), (0, top))
        top += part.height
    return sheet


def offer(
    app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Offer a narrow window the stacked copy of each picture that has one."""
    if "body" not in context:
        return
    sources = {name: Path(app.srcdir) / source for source, name in app.builder.images.items()}
    folder = Path(app.outdir) / "_images"

    def choice(match: re.Match[str]) -> str:
        name = match[1]
        if name not in sources or WHOLE in match[0]:
            return match[0]
        with Image.open(sources[name]) as picture:
            found = parts(picture)
            if len(found) == 1:
                return match[0]
            folder.mkdir(parents=True, exist_ok=True)
            copy = f"stacked-{name}"
            stacked(found).save(folder / copy, optimize=True)
        address = re.sub(r'.*src="([^"]*)/[^"/]+".*', r"\1", match[0])
        source = f'<source media="{NARROW}" srcset="{address}/{copy}">'
        return f"<picture>{source}{match[0]}</picture>"

    context["body"] = IMAGE.sub(choice, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
