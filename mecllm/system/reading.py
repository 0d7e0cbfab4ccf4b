"""Reads a scenario file: every entry is checked and an error says where it stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mecllm.errors import ScenarioError
from mecllm.system.files import read_toml
from mecllm.system.network import Formulation
from mecllm.system.parameters import Law, Provenance, Spec, hardware

FLAGS = tuple(f.name for f in fields(Formulation))
_OPTIONAL = {"user_sites": "", "server_sites": ""}
_LAWS = ("uniform", "integer", "hardware")


def read_law(where: str, key: str, spec: Spec, value: object, law: object) -> Law:
    """Check and read the value of a drawn parameter.

    Parameters
    ----------
    where : str
        File, for the message.
    key : str
        Of the parameter; it names the figure of a chip.
    spec : Spec
        What is declared of the parameter.
    value : object
        A number, or the list that the law needs.
    law : object
        "uniform", "integer", "hardware", or None for a fixed value.

    Returns
    -------
    Law
        How the parameter is drawn.

    Raises
    ------
    ScenarioError
        For an unknown law, an empty interval, a chip that the table does not hold or a value
        outside the bounds.
    """
    if law is None:
        if not spec.accepts(value):
            hint = "; an interval needs law = 'uniform' or 'integer'"
            hint = hint if isinstance(value, list) else ""
            raise ScenarioError(where, key, value, spec.allowed + hint)
        return Law("fixed", (float(value),))  # type: ignore[arg-type]
    if law not in _LAWS:
        raise ScenarioError(where, f"{key}.law", law, "one of " + ", ".join(map(repr, _LAWS)))
    if not isinstance(value, list) or not value:
        raise ScenarioError(where, key, value, f"a list, for law = {law!r}")
    if law == "hardware":
        chips = hardware()
        unknown = [name for name in value if name not in chips]
        if unknown:
            raise ScenarioError(where, key, unknown[0], "one of " + ", ".join(sorted(chips)))
        devices = tuple(map(str, value))
        return Law(
            "hardware", tuple(chips[name][key.partition("_")[2]] for name in devices), devices
        )
    if len(value) != 2 or not all(spec.accepts(end) for end in value) or value[0] > value[1]:
        raise ScenarioError(where, key, value, f"[low, high], low <= high, each {spec.allowed}")
    if law == "integer" and any(end != int(end) for end in value):
        raise ScenarioError(where, key, value, "whole ends, for law = 'integer'")
    return Law(str(law), (float(value[0]), float(value[1])))


def _read_provenance(where: str, key: str, entry: dict[str, Any]) -> Provenance:
    """Check and read status, source and range of one entry of a scenario file.

    Parameters
    ----------
    where : str
        File, for the message.
    key : str
        Of the parameter.
    entry : dict
        Its table in the file.

    Returns
    -------
    Provenance
        Where the value comes from.

    Raises
    ------
    ScenarioError
        For an unknown field, a status that is none, an empty source or an empty range.
    """
    for name in entry:
        if name not in ("value", "law", "status", "source", "range"):
            allowed = "value, law, status, source or range"
            raise ScenarioError(where, f"{key}.{name}", entry[name], allowed)
    status, source, interval = entry.get("status"), entry.get("source"), entry.get("range")
    if status not in ("stated", "assumed", "inferred"):
        raise ScenarioError(where, f"{key}.status", status, "stated, assumed or inferred")
    if not isinstance(source, str) or not source.strip():
        raise ScenarioError(where, f"{key}.source", source, "a text")
    if interval is None:
        return Provenance(status, source)
    good = (
        isinstance(interval, list)
        and len(interval) == 2
        and all(
            isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end)
            for end in interval
        )
        and interval[0] <= interval[1]
    )
    if not good:
        raise ScenarioError(where, f"{key}.range", interval, "[low, high] with low <= high")
    return Provenance(status, source, (float(interval[0]), float(interval[1])))


def read_scenario(path: Path, specs: Mapping[str, Spec]) -> dict[str, Any]:
    """Read a scenario file and check each entry.

    Parameters
    ----------
    path : Path
        TOML file.
    specs : mapping
        Declaration of each parameter by key.

    Returns
    -------
    dict
        The fields of `Scenario` by name.

    Raises
    ------
    ScenarioError
        Naming the file, the key, the value and what is allowed.
    """
    table, where = read_toml(path), path.name
    known = {"name", "summary", "formulation", *specs}
    for key in table:
        if key not in known:
            raise ScenarioError(where, key, table[key], "one of " + ", ".join(sorted(known)))
    for key in ("name", "summary"):
        if not isinstance(table.get(key), str):
            raise ScenarioError(where, key, table.get(key, "(missing)"), "a text")
    flags = table.get("formulation")
    if not isinstance(flags, dict) or sorted(flags) != sorted(FLAGS):
        raise ScenarioError(where, "formulation", flags, f"a table with {', '.join(FLAGS)}")
    try:
        formulation = Formulation(**flags)
    except ScenarioError as error:
        key = f"formulation.{error.key}"
        raise ScenarioError(where, key, error.value, error.allowed) from error
    values: dict[str, Any] = {}
    provenance: dict[str, Provenance] = {}
    sites = isinstance(table.get("shape"), dict) and table["shape"].get("value") == "sites"
    for key, spec in specs.items():
        if key in _OPTIONAL and key not in table and not sites:
            values[key] = _OPTIONAL[key]
            continue
        entry = table.get(key, "(missing)")
        if not isinstance(entry, dict) or "value" not in entry:
            raise ScenarioError(where, key, entry, "a table with value, status and source")
        provenance[key] = _read_provenance(where, key, entry)
        value, law = entry["value"], entry.get("law")
        if spec.drawn:
            values[key] = read_law(where, key, spec, value, law)
        elif law is not None or not spec.accepts(value):
            raise ScenarioError(where, key, value, spec.allowed)
        else:
            values[key] = value if spec.whole or isinstance(value, str) else float(value)
    return {
        "name": table["name"],
        "summary": table["summary"],
        "formulation": formulation,
        "provenance": provenance,
        "file": str(path),
        **values,
    }
