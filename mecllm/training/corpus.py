"""Characters, texts and the pretrained weights: what stands in `data/training`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.system.arrays import Array, IntArray, require
from mecllm.system.files import data_path
from mecllm.training.transformer import SHAPES, Layer

#: Υ, layers of the model, and d, characters of a sequence.
LAYERS, LENGTH = 8, 32
#: Widths h of the stored models.
WIDTHS = (32, 64)
# Texts of users.
_TEXTS = ("washington", "python")
# Printable ASCII and the end of a line, which also stands for every other character.
_ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
_CODES = {character: code for code, character in enumerate(_ALPHABET)}


@dataclass(frozen=True)
class Model:
    """A language model of characters: `ends` as `transformer.embed` takes them, and Υ layers."""

    ends: Layer
    layers: tuple[Layer, ...]


def shapes(width: int) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Shapes of the matrices at both ends of a model, and of those of a layer.

    Parameters
    ----------
    width : int
        h.

    Returns
    -------
    ends, layer : dict
        In the order of the stored file.
    """
    size = len(_ALPHABET)
    ends = {"embedding": (size, width), "position": (LENGTH, width), "head": (width, size)}
    return ends, {name: (a * width, b * width) for name, (a, b) in SHAPES.items()}


def unpack(numbers: Array, width: int) -> Model:
    """Make a model of the numbers of a stored file.

    Parameters
    ----------
    numbers : array
        All weights in one row: both ends, then layer after layer.
    width : int
        h.

    Returns
    -------
    Model

    Raises
    ------
    ScenarioError
        For another count of numbers.
    """
    ends, layer = shapes(width)
    blocks = [ends, *[layer] * LAYERS]
    wanted = sum(a * b for block in blocks for a, b in block.values())
    require(numbers.shape == (wanted,), "weights", numbers.shape, f"{wanted} numbers")
    cuts = np.cumsum([a * b for block in blocks for a, b in block.values()])
    pieces = iter(np.split(numbers, cuts[:-1]))
    made = [{name: next(pieces).reshape(shape) for name, shape in b.items()} for b in blocks]
    return Model(made[0], tuple(made[1:]))


def pretrained(width: int = 32) -> Model:
    """Read a stored model, in double precision.

    Parameters
    ----------
    width : int
        h, one of `WIDTHS`.
    """
    require(width in WIDTHS, "width", width, f"one of {WIDTHS}")
    stored = np.load(data_path("training", f"weights-{width}.npy"), allow_pickle=False)
    return unpack(stored.astype(float), width)


def encode(text: str) -> IntArray:
    """Codes of the characters of a text."""
    return np.array([_CODES.get(character, 0) for character in text])


def windows(text: str) -> IntArray:
    """Cut a user's text into sequences that share no character: int array (count, d+1).

    Parameters
    ----------
    text : str
        One of `_TEXTS`.
    """
    require(text in _TEXTS, "text", text, f"one of {_TEXTS}")
    codes = encode(data_path("training", f"{text}.txt").read_text(encoding="utf-8"))
    count = len(codes) // (LENGTH + 1)
    return codes[: count * (LENGTH + 1)].reshape(count, LENGTH + 1)
