"""Reads what is known of each user and server from files: CSV tables, and a gain matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array
from mecllm.system.files import number, read_rows
from mecllm.system.geometry import read_coordinates
from mecllm.system.given import SIDES, Given, chip_columns, given_arrays, side_of
from mecllm.system.parameters import Spec, hardware

# Which of them a table has decides how distances are measured.
_PLANAR, _GLOBE = ("x_m", "y_m"), ("latitude", "longitude")


def read_given(specs: Mapping[str, Spec], folder: Path, files: Mapping[str, Any]) -> Given:
    """Read the tables and the matrix that a scenario file names.

    Parameters
    ----------
    specs : mapping
        Declaration of each parameter by key.
    folder : Path
        Where the names start from.
    files : mapping
        `users`, `servers`: CSV files whose columns are named as the keys of a scenario, `device`,
        `x_m` and `y_m`, or `latitude` and `longitude`; `gain`: CSV or NPZ; `gain_unit`;
        `gain_name`: of the array in an NPZ that has several; `chips`: as `data/hardware.csv`.

    Returns
    -------
    Given
        What was read, with the columns that no parameter has.

    Raises
    ------
    ScenarioError
        As `given_arrays`, naming the file.
    """
    chips = hardware(folder / files["chips"] if "chips" in files else None)
    sides: dict[str, dict[str, Any]] = {side: {} for side in SIDES}
    geographic, ignored = False, []
    for side in (side for side in SIDES if side in files):
        path = folder / files[side]
        rows = read_rows(path)
        names, columns = list(rows[0][1]), sides[side]
        if "device" in names:
            columns |= chip_columns(str(path), side, [row["device"] for _, row in rows], chips)
        for key in names:
            if key in specs and specs[key].drawn and side_of(key) == side:
                columns[key] = [number(path, line, key, row[key]) for line, row in rows]
            elif key.lower() not in ("device", *_PLANAR, *_GLOBE):
                ignored.append(f"{path.name}: {key}")
        if set(_GLOBE) <= {name.lower() for name in names}:
            columns["position"], geographic = read_coordinates(path), True
        elif set(_PLANAR) <= set(names):
            columns["position"] = [
                [number(path, line, axis, row[axis]) for axis in _PLANAR] for line, row in rows
            ]
    gain = _read_gain(folder / files["gain"], files.get("gain_name")) if "gain" in files else None
    unit, where = files.get("gain_unit", "linear"), str(folder / files.get("users", ""))
    found = given_arrays(specs, sides["users"], sides["servers"], gain, unit, geographic, where)
    return replace(found, ignored=tuple(ignored))


def _read_gain(path: Path, name: str | None) -> Array:
    """Read a matrix from a CSV file, with or without a line of names, or from an NPZ file."""
    try:
        if path.suffix != ".npz":
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            return np.loadtxt(lines[int(_names_columns(lines)) :], delimiter=",", ndmin=2)
        with np.load(path, allow_pickle=False) as file:
            allowed = "one of " + ", ".join(file.files)
            if name not in file.files and (name is not None or len(file.files) != 1):
                raise ScenarioError(str(path), "gain_name", name, allowed)
            return file[name or file.files[0]]
    except ScenarioError:
        raise
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        allowed = "an .npz or .csv file with a row for each user and a column for each server"
        raise ScenarioError(str(path), "gain", str(error).partition("\n")[0], allowed) from error


def _names_columns(lines: list[str]) -> bool:
    """Whether the first line is no line of numbers."""
    try:
        [float(text) for text in (lines or [""])[0].split(",")]
    except ValueError:
        return True
    return False
