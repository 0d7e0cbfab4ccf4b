"""Reads a scenario file: every entry is checked, all faults are kept, each says where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mecllm.errors import ScenarioError
from mecllm.system.files import data_path, read_toml
from mecllm.system.formulation import Formulation
from mecllm.system.given import SIDES
from mecllm.system.laws import read_law, read_provenance
from mecllm.system.parameters import FIGURES, Spec, hardware
from mecllm.system.tables import read_given

FLAGS = tuple(f.name for f in fields(Formulation))
_OPTIONAL = {"user_sites": "", "server_sites": ""}
# A list of chips in place of their four figures, and the tables of single users and servers.
_DEVICES = {"user_device": "user", "server_device": "server"}
_FILES = (*SIDES, "gain", "gain_unit", "gain_name", "chips")


@dataclass
class Reading:
    """What a scenario file says, and all that is wrong with it.

    Parameters
    ----------
    values : dict
        The fields of `Scenario` by name; those at fault are missing, or what the base has.
    faults : list of ScenarioError
        In the order of the checks.
    """

    values: dict[str, Any] = field(default_factory=dict)
    faults: list[ScenarioError] = field(default_factory=list)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep an error and go on."""
        try:
            yield
        except ScenarioError as error:
            self.faults.append(error)


def scenario_path(source: str | Path, folder: Path | None = None) -> Path:
    """Path of a scenario given by its name or as a path that ends in `.toml`.

    Parameters
    ----------
    source : str or Path
        Name or path.
    folder : Path, optional
        Where a path starts from.

    Returns
    -------
    Path
        Of a file, which for a path may be missing.

    Raises
    ------
    ScenarioError
        For a name that none has.
    """
    path = Path(source)
    if path.suffix == ".toml":
        return path if folder is None else folder / path
    path = data_path("scenarios", f"{source}.toml")
    if not path.is_file():
        names = sorted(p.stem for p in data_path("scenarios").glob("*.toml"))
        raise ScenarioError("scenario", "name", str(source), f"{', '.join(names)} or a .toml file")
    return path


def read_scenario(path: Path, specs: Mapping[str, Spec], depth: int = 0) -> Reading:
    """Read a scenario file and check each entry.

    A file with `base` says only what differs from that scenario, as `key = value` or as a table.

    Parameters
    ----------
    path : Path
        TOML file.
    specs : mapping
        Declaration of each parameter by key.
    depth : int
        How many files have named this one as their base.

    Returns
    -------
    Reading
        The fields of `Scenario`, and the faults by file, key, value and what is allowed.

    Raises
    ------
    ScenarioError
        When the file or its base cannot be read.
    """
    table, where, found = read_toml(path), path.name, Reading()
    own = "base" in table
    if own:
        if not isinstance(table["base"], str) or depth > 9:
            raise ScenarioError(
                where, "base", table["base"], "a scenario without a circle of bases"
            )
        base = scenario_path(table["base"], path.parent)
        found = read_scenario(base, specs, depth + 1)
        for key in _OPTIONAL:
            if found.values.get(key):
                found.values[key] = str((base.parent / found.values[key]).absolute())
        found.values |= {
            "name": path.stem,
            "summary": f"As {table['base']}, but for what {where} says",
        }
    more = ("base", "files", *_DEVICES) if own else ()
    known = {"name", "summary", "formulation", *specs, *more}
    allowed = "one of " + ", ".join(sorted(known))
    for key in (key for key in table if key not in known):
        found.faults.append(ScenarioError(where, key, table[key], allowed))
    for key in ("name", "summary"):
        if key in table or not own:
            with found.noting():
                if not isinstance(table.get(key), str):
                    raise ScenarioError(where, key, table.get(key, "(missing)"), "a text")
                found.values[key] = table[key]
    with found.noting():
        found.values["formulation"] = _formulation(where, table, found.values.get("formulation"))
    files = table.get("files", {})
    chips = None
    with found.noting():
        chips = _chips(path, files)
    entries = {key: table.get(key, "(missing)") for key in specs if key in table or not own}
    for key, side in _DEVICES.items() if own else ():
        if key in table:
            laws = {f"{side}_{figure}": table[key] for figure in FIGURES}
            entries |= {k: {"value": value, "law": "hardware"} for k, value in laws.items()}
    if "given" in found.values:
        found.values["given"] = found.values["given"].without(tuple(entries))
    sites = isinstance(table.get("shape"), dict) and table["shape"].get("value") == "sites"
    found.values.setdefault("provenance", {})
    found.values["provenance"] = dict(found.values["provenance"])
    for key, entry in entries.items():
        if key in _OPTIONAL and key not in table and not sites:
            found.values[key] = _OPTIONAL[key]
            continue
        with found.noting():
            entry = _as_table(specs[key], entry, where) if own else entry
            _read_entry(found.values, where, key, specs[key], entry, chips)
    found.values["file"] = str(path)
    if files and not found.faults:
        with found.noting():
            _read_files(found, table, path, specs)
    return found


def _as_table(spec: Spec, entry: Any, where: str) -> dict[str, Any]:
    """Entry of a file with a base, in which a value may stand alone."""
    if not isinstance(entry, dict):
        pair = isinstance(entry, list) and spec.drawn
        entry = {"value": entry, "law": "uniform"} if pair else {"value": entry}
    return {"status": "assumed", "source": where, **entry}


def _read_entry(
    values: dict[str, Any],
    where: str,
    key: str,
    spec: Spec,
    entry: Any,
    chips: Mapping[str, Mapping[str, float]] | None,
) -> None:
    if not isinstance(entry, dict) or "value" not in entry:
        raise ScenarioError(where, key, entry, "a table with value, status and source")
    origin = read_provenance(where, key, spec, entry)
    value, law = entry["value"], entry.get("law")
    if spec.drawn:
        values[key] = read_law(where, key, spec, value, law, chips)
    elif law is not None or not spec.accepts(value):
        raise ScenarioError(where, key, value, spec.allowed)
    else:
        values[key] = value if spec.whole or isinstance(value, str) else float(value)
    values["provenance"][key] = origin


def _formulation(where: str, table: dict[str, Any], base: Formulation | None) -> Formulation:
    flags = table.get("formulation", {} if base else None)
    known = set(flags) if isinstance(flags, dict) else {"(no table)"}
    if not known <= set(FLAGS) or (base is None and known != set(FLAGS)) or flags is None:
        raise ScenarioError(where, "formulation", flags, f"a table with {', '.join(FLAGS)}")
    try:
        return replace(base, **flags) if base else Formulation(**flags)
    except ScenarioError as error:
        key = f"formulation.{error.key}"
        raise ScenarioError(where, key, error.value, error.allowed) from error


def _chips(path: Path, files: Any) -> dict[str, dict[str, float]] | None:
    """Chips of a file of one's own beside those of `data/hardware.csv`."""
    if not isinstance(files, dict) or not set(files) <= set(_FILES):
        raise ScenarioError(path.name, "files", files, "a table with some of " + ", ".join(_FILES))
    for key, value in files.items():
        if not isinstance(value, str):
            raise ScenarioError(path.name, f"files.{key}", value, "a text")
    return hardware(path.parent / files["chips"]) if "chips" in files else None


def _read_files(
    found: Reading, table: dict[str, Any], path: Path, specs: Mapping[str, Spec]
) -> None:
    """Read tables; there are as many users and servers as rows, unless the file says otherwise."""
    given = read_given(specs, path.parent, table["files"])
    twice = [key for key in (*given.users, *given.servers) if key in table]
    if twice:
        allowed = "said once, in the table's column or in the file"
        raise ScenarioError(path.name, twice[0], table[twice[0]], allowed)
    found.values["given"] = given
    for side in SIDES:
        rows = given.rows(side)
        if rows is not None and side not in table:
            found.values[side] = rows
