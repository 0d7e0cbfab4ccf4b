"""What a sweep explores: intervals and laws of constants, and Sobol points in them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mecllm.atlas.rows import RUNS, Task
from mecllm.errors import ScenarioError
from mecllm.study.fingerprint import fingerprint
from mecllm.system.arrays import Array
from mecllm.system.files import data_path, read_toml
from mecllm.system.parameters import Law
from mecllm.system.scenario import Scenario

# An interval of positive numbers wider than this is explored on a logarithmic scale.
_DECADE = 10.0


@dataclass(frozen=True)
class Interval:
    """Range of one constant on one track.

    Parameters
    ----------
    low, high : float
        Ends, in the unit of the scenario's key.
    source : str
        Why this range.
    whole : bool
        Whether the constant is a whole number.
    """

    low: float
    high: float
    source: str
    whole: bool = False

    @property
    def law(self) -> str:
        """`"log-uniform"` where the interval spans more than a decade, else `"uniform"`."""
        wide = self.low > 0 and self.high / self.low > _DECADE
        return "log-uniform" if wide else "uniform"

    def value(self, unit: float) -> float:
        """Value at a coordinate in [0, 1]."""
        if self.law == "log-uniform":
            value = self.low * (self.high / self.low) ** unit
        else:
            value = self.low + (self.high - self.low) * unit
        # Rounding must not lead out of the interval.
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value

    def unit(self, value: Any) -> Any:
        """Coordinate in [0, 1] of a value or an array; the inverse of `value`, up to rounding."""
        if self.high == self.low:
            return np.zeros_like(value, dtype=float)
        if self.law == "log-uniform":
            inside = np.log(np.asarray(value) / self.low) / math.log(self.high / self.low)
        else:
            inside = (np.asarray(value) - self.low) / (self.high - self.low)
        return np.clip(inside, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Sweep:
    """A space of scenarios, and what is run at each of its points.

    Parameters
    ----------
    name : str
    seed : int
        Of the scrambling of the Sobol points.
    replicates : int
        Networks drawn at each point of each track.
    methods : tuple of str
        Names in `mecllm.atlas.RUNS`.
    scenarios : mapping
        Track → the scenario whose constants are swept.
    intervals : mapping
        Track → key → interval.
    """

    name: str
    seed: int
    replicates: int
    methods: tuple[str, ...]
    scenarios: Mapping[str, Scenario]
    intervals: Mapping[str, Mapping[str, Interval]]

    @classmethod
    def load(cls, source: str | Path) -> Sweep:
        """Read a sweep by its name (`"atlas"`) or from a TOML file.

        Raises
        ------
        ScenarioError
            Naming the file, the key, the value and what is allowed.
        """
        path = Path(source)
        if path.suffix != ".toml":
            path = data_path("sweeps", f"{source}.toml")
        return _from_table(path, read_toml(path))

    @property
    def keys(self) -> tuple[str, ...]:
        """Every swept key, in the order of the coordinates."""
        return tuple(dict.fromkeys(key for table in self.intervals.values() for key in table))

    def restrict(self, **changes: Any) -> Sweep:
        """Return a copy with other `methods`, `replicates`, `scenarios` or `intervals`."""
        return replace(self, **changes)

    def coordinates(self, points: int) -> Array:
        """Scrambled Sobol points (points, K) in [0, 1); fewer points are the head of more."""
        from scipy.stats import qmc  # imported late: it takes more than a second

        engine = qmc.Sobol(len(self.keys), scramble=True, rng=np.random.default_rng(self.seed))
        # Sobol's sequence is balanced in powers of two; the head of such a block is what is asked.
        return engine.random_base2(max(0, math.ceil(math.log2(points))))[:points]

    def values(self, track: str, coordinates: Array) -> dict[str, float]:
        """Constants of a track at one point.

        Parameters
        ----------
        track : str
            A key of `scenarios`.
        coordinates : array (K,)
            In [0, 1], in the order of `keys`.

        Returns
        -------
        dict
            Key → value in the key's unit; a key the track does not sweep is left out.
        """
        place = dict(zip(self.keys, coordinates.tolist(), strict=True))
        return {key: interval.value(place[key]) for key, interval in self.intervals[track].items()}

    def tasks(self, points: int) -> list[Task]:
        """Every task of the first points, in the order of the points."""
        return [
            Task(point, track, replicate, method)
            for point in range(points)
            for track in self.scenarios
            for replicate in range(self.replicates)
            for method in self.methods
        ]

    def identity(self) -> str:
        """All that decides a row, as JSON: rows of two identities do not belong in one file."""
        content = {
            "name": self.name,
            "seed": self.seed,
            "replicates": self.replicates,
            "methods": self.methods,
            "intervals": {
                track: {key: [i.low, i.high, i.law] for key, i in table.items()}
                for track, table in self.intervals.items()
            },
            "scenarios": {track: _constants(s) for track, s in self.scenarios.items()},
            # A file begun by other solvers is not continued.
            "code": fingerprint("mecllm.atlas.rows"),
            # Another release of the generator of the points would show here.
            "first points": self.coordinates(4).tolist(),
        }
        return json.dumps(content, indent=1, ensure_ascii=False)


def _constants(scenario: Scenario) -> dict[str, object]:
    values = {key: getattr(scenario, key) for key in Scenario.specs()}
    plain = {k: [v.kind, *v.values] if isinstance(v, Law) else v for k, v in values.items()}
    return {"formulation": asdict(scenario.formulation), **plain}


def _from_table(path: Path, table: dict[str, Any]) -> Sweep:
    where = path.name
    kinds: dict[str, type] = {
        "name": str,
        "summary": str,
        "seed": int,
        "replicates": int,
        "methods": list,
        "tracks": dict,
        "parameters": dict,
    }
    for key, value in table.items():
        if key not in kinds:
            raise ScenarioError(where, key, value, "one of " + ", ".join(kinds))
    for key, kind in kinds.items():
        value = table.get(key, {} if key == "parameters" else "(missing)")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ScenarioError(where, key, value, f"a TOML value of type {kind.__name__}")
    for key, least in (("seed", 0), ("replicates", 1)):
        if table[key] < least:
            raise ScenarioError(where, key, table[key], f"a whole number >= {least}")
    methods = table["methods"]
    unknown = [method for method in methods if method not in RUNS]
    if unknown or not methods or len(set(methods)) < len(methods):
        allowed = "a list, without repetition, of " + ", ".join(RUNS)
        raise ScenarioError(where, "methods", methods, allowed)
    scenarios = {track: _scenario(path, track, name) for track, name in table["tracks"].items()}
    if not scenarios:
        raise ScenarioError(where, "tracks", {}, "a table track = scenario")
    extra = table.get("parameters", {})
    return Sweep(
        name=table["name"],
        seed=table["seed"],
        replicates=table["replicates"],
        methods=tuple(methods),
        scenarios=scenarios,
        intervals={track: _intervals(where, track, s, extra) for track, s in scenarios.items()},
    )


def _scenario(path: Path, track: str, name: object) -> Scenario:
    if not isinstance(name, str):
        raise ScenarioError(path.name, f"tracks.{track}", name, "a scenario's name or .toml file")
    return Scenario.load(path.parent / name if name.endswith(".toml") else name)


def _intervals(
    where: str, track: str, scenario: Scenario, extra: dict[str, Any]
) -> dict[str, Interval]:
    specs = Scenario.specs()
    found = {
        key: Interval(*fact.range, fact.source, specs[key].whole)
        for key, fact in scenario.provenance.items()
        if fact.range is not None
    }
    for key, entry in extra.items():
        if key not in specs or specs[key].choices or specs[key].file:
            raise ScenarioError(where, f"parameters.{key}", entry, "a numeric key of a scenario")
        if not isinstance(entry, dict) or sorted(entry) != ["range", "source"]:
            raise ScenarioError(where, f"parameters.{key}", entry, "a table with range and source")
        ends = entry["range"]
        ends = ends.get(track, "(missing)") if isinstance(ends, dict) else ends
        good = isinstance(ends, list) and len(ends) == 2 and all(map(specs[key].accepts, ends))
        if not good or ends[0] > ends[1]:
            allowed = f"[low, high], low <= high, each {specs[key].allowed}"
            raise ScenarioError(where, f"parameters.{key}.range", ends, allowed)
        if not isinstance(entry["source"], str) or not entry["source"].strip():
            raise ScenarioError(where, f"parameters.{key}.source", entry["source"], "a text")
        found[key] = Interval(float(ends[0]), float(ends[1]), entry["source"], specs[key].whole)
    if not found:
        raise ScenarioError(where, "parameters", extra, "at least one constant with a range")
    return found
