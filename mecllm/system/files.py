"""Files: where the data lie, TOML and CSV read, and files written whole."""

from __future__ import annotations

import csv
import json
import math
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mecllm.errors import ScenarioError

_PACKAGE = Path(__file__).resolve().parent.parent


def data_path(*parts: str) -> Path:
    """Path of a file under `data/`, in a checkout or an installed wheel."""
    installed = _PACKAGE / "_data"
    root = installed if installed.is_dir() else _PACKAGE.parent / "data"
    return root.joinpath(*parts)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ScenarioError
        When it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(path.name, "file", str(error), "a readable TOML file") from error


def read_rows(
    path: Path, needed: Sequence[str] = (), any_case: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV file with a line of names: the number of each line, and its texts by name.

    Names lose blanks around them; empty lines are left out.

    Parameters
    ----------
    path : Path
        The file, in UTF-8.
    needed : sequence of str
        Columns that it must have.
    any_case : bool
        Whether names are read in lower case, and only those needed must differ.

    Returns
    -------
    list of (int, dict)
        At least one.

    Raises
    ------
    ScenarioError
        When it cannot be read, lacks a column or has one twice, or has no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            names = [name.lower() for name in names] if any_case else names
            rows = [(reader.line_num, dict(zip(names, row, strict=False))) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError(str(path), "file", type(error).__name__, "a readable CSV") from error
    for name in (*needed, *(() if any_case else filter(None, names))):
        if names.count(name) != 1:
            raise ScenarioError(str(path), "columns", names, f"exactly one column {name!r}")
    if not rows:
        raise ScenarioError(str(path), "rows", 0, "at least one row below the names")
    return [(line, {name: row.get(name, "") for name in names}) for line, row in rows]


def number(path: str | Path, line: int, column: str, text: str) -> float:
    """Read one finite number of a CSV file.

    Parameters
    ----------
    path, line, column
        Where it stands, for the message.
    text : str
        What stands there.

    Returns
    -------
    float
        The number.

    Raises
    ------
    ScenarioError
        When it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ScenarioError(str(path), f"line {line}, {column}", text, "a finite number")
    return value


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there: an interruption leaves no half a file.

    Parameters
    ----------
    path : str or Path
        Where the file is wanted.
    write : callable
        Called with the path to write to.
    """
    target = Path(path)
    draft = target.with_name(target.name + ".part")
    write(draft)
    draft.replace(target)


def write_npz(path: str | Path, header: dict[str, object], arrays: dict[str, Any]) -> None:
    """Write arrays, bit for bit, and what JSON can hold, to a file that needs no pickle.

    Parameters
    ----------
    path : str or Path
        Where to, with the name as it is.
    header : dict
        Numbers, texts and tables of them.
    arrays : dict
        By name.
    """

    def write(draft: Path) -> None:
        with draft.open("wb") as file:  # given a name, NumPy would add .npz to it
            np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)

    write_whole(path, write)


def read_npz(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what `write_npz` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    header, arrays : dict
        As they were given.

    Raises
    ------
    ScenarioError
        When it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        return dict(json.loads(str(arrays.pop("header")))), arrays
    except (OSError, BadZipFile, ValueError, KeyError, TypeError, EOFError) as error:
        what = type(error).__name__
        raise ScenarioError(str(path), "file", what, "a file of arrays as saved") from error
