"""One entry of a scenario file: its value or law, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mecllm.errors import ScenarioError
from mecllm.system.parameters import FIGURES, Law, Provenance, Spec, hardware

_LAWS = ("uniform", "integer", "hardware")


def read_law(
    where: str,
    key: str,
    spec: Spec,
    value: object,
    law: object,
    chips: Mapping[str, Mapping[str, float]] | None = None,
) -> Law:
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
    chips : mapping, optional
        Those that may be named; by default of `data/hardware.csv`.

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
    if not isinstance(law, str) or law not in _LAWS:
        raise ScenarioError(where, f"{key}.law", law, "one of " + ", ".join(map(repr, _LAWS)))
    if not isinstance(value, list) or not value:
        raise ScenarioError(where, key, value, f"a list, for law = {law!r}")
    if law == "hardware":
        figure = key.partition("_")[2]
        if figure not in FIGURES:
            raise ScenarioError(where, f"{key}.law", law, "another law: chips have no such figure")
        chips = chips or hardware()
        for name in value:
            if not isinstance(name, str) or name not in chips:
                raise ScenarioError(where, key, name, "one of " + ", ".join(sorted(chips)))
        figures = tuple(chips[name][figure] for name in value)
        for name, number in zip(value, figures, strict=True):
            if not spec.accepts(number):
                raise ScenarioError(where, f"{key} of {name}", number, spec.allowed)
        return Law("hardware", figures, tuple(value))
    if len(value) != 2 or not all(spec.accepts(end) for end in value) or value[0] > value[1]:
        raise ScenarioError(where, key, value, f"[low, high], low <= high, each {spec.allowed}")
    if law == "integer" and any(end != int(end) for end in value):
        raise ScenarioError(where, key, value, "whole ends, for law = 'integer'")
    return Law(str(law), (float(value[0]), float(value[1])))


def read_provenance(where: str, key: str, spec: Spec, entry: dict[str, Any]) -> Provenance:
    """Check and read status, source and range of one entry of a scenario file.

    Parameters
    ----------
    where : str
        File, for the message.
    key : str
        Of the parameter.
    spec : Spec
        What is declared of the parameter.
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
        and all(map(spec.accepts, interval))
        and interval[0] <= interval[1]
    )
    if not good:
        raise ScenarioError(
            where, f"{key}.range", interval, f"[low, high], low <= high, each {spec.allowed}"
        )
    return Provenance(status, source, (float(interval[0]), float(interval[1])))
