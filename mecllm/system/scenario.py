"""A scenario: every constant the paper states or leaves out, with its source; draws networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.combinations import refused_combinations
from mecllm.system.constants import Constants
from mecllm.system.drawing import draw_network
from mecllm.system.given import SIDES, chip_columns, given_arrays, sides_of
from mecllm.system.laws import read_law
from mecllm.system.network import Network
from mecllm.system.parameters import Law, hardware
from mecllm.system.reading import FLAGS, read_scenario, scenario_path


@dataclass(frozen=True, eq=False)
class Scenario(Constants):
    """Constants with what is done with them: read, replaced, checked, and networks drawn."""

    @classmethod
    def load(cls, source: str | Path) -> Scenario:
        """Read a scenario by its name (`"literal"`, `"repaired"`) or from a TOML file.

        Parameters
        ----------
        source : str or Path
            A name, or a path that ends in `.toml`.

        Returns
        -------
        Scenario
            Every entry checked.

        Raises
        ------
        ScenarioError
            Naming the file, the key, the value and what is allowed.

        Examples
        --------
        >>> from mecllm import Scenario
        >>> scenario = Scenario.load("literal")
        >>> scenario.users, scenario.servers, scenario.layers
        (50, 10, 32)
        """
        found = read_scenario(scenario_path(source), cls.specs())
        if found.faults:
            raise found.faults[0]
        return cls(**found.values)

    @classmethod
    def faults(cls, source: str | Path) -> tuple[ScenarioError, ...]:
        r"""Return all that is wrong with a scenario file, not only the first of it.

        Parameters
        ----------
        source : str or Path
            As `load` takes it.

        Returns
        -------
        tuple of ScenarioError
            Of single entries; of combinations of entries that are right by themselves; then, where
            there is neither, what a draw refuses.

        Examples
        --------
        >>> from pathlib import Path
        >>> from mecllm import Scenario
        >>> text = 'base = "repaired"\ntokens = 0\nlayers = 1\nusers = 8'
        >>> _ = Path("mine.toml").write_text(text)
        >>> [fault.key for fault in Scenario.faults("mine.toml")]
        ['layers', 'tokens']
        """
        try:
            found = read_scenario(scenario_path(source), cls.specs())
        except ScenarioError as error:
            return (error,)
        wrong = {fault.key.partition(".")[0] for fault in found.faults}
        if set(found.values) < {f.name for f in fields(cls)} - {"given"}:
            return tuple(found.faults)
        constants = Constants(**found.values)
        for keys, fault in refused_combinations(constants):
            if not wrong & set(keys):
                found.faults.append(fault)
        if not found.faults:
            with found.noting():
                cls(**found.values).draw(0)
        return tuple(found.faults)

    def replace(self, **changes: Any) -> Scenario:
        """Return a copy with other values: a number, a (low, high) pair or a `Law`; a flag.

        Keys of `Formulation` are accepted too.

        Parameters
        ----------
        **changes
            New values by key.

        Returns
        -------
        Scenario
            Checked like the first.

        Raises
        ------
        ScenarioError
            As `load` does.

        Examples
        --------
        >>> from mecllm import Scenario
        >>> small = Scenario.load("literal").replace(users=4, servers=2, tokens=(256, 512))
        >>> small.users, str(small.tokens), small.formulation.capacity
        (4, '[256, 512]', 'equal')
        >>> small.replace(capacity="at_most").formulation.capacity
        'at_most'
        """
        specs = self.specs()
        flags = {key: changes.pop(key) for key in FLAGS if key in changes}
        for key, value in changes.items():
            if key == "given":
                continue
            if key not in specs:
                raise ScenarioError("replace", key, value, "one of " + ", ".join(specs))
            if specs[key].drawn and not isinstance(value, Law):
                law = "uniform" if isinstance(value, tuple | list) else None
                given = list(value) if law else value
                changes[key] = read_law("replace", key, specs[key], given, law)
        kept = self.given.without(tuple(changes))
        formulation = replace(self.formulation, **flags)
        return replace(self, **{"given": kept, **changes, "formulation": formulation})

    def with_arrays(
        self,
        *,
        gain: Any = None,
        gain_unit: str = "linear",
        user_position: Any = None,
        server_position: Any = None,
        geographic: bool = False,
        user_device: Sequence[str] | None = None,
        server_device: Sequence[str] | None = None,
        chips: str | Path | None = None,
        **values: Any,
    ) -> Scenario:
        """Return a copy in which values of single users and servers take the place of laws.

        Parameters
        ----------
        gain : array (N, M), optional
            Gain of each pair; positions then decide nothing.
        gain_unit : {"linear", "dB", "loss_dB"}
            A power ratio, a gain in dB (negative), or a path loss in dB (positive).
        user_position, server_position : array (N, 2), (M, 2), optional
            Planar [m], or latitude and longitude [degree] where `geographic`.
        geographic : bool
            Whether positions are degrees, so that distances are great circles.
        user_device, server_device : sequence of str, optional
            Chip of each user or server, by its name in `hardware(chips)`.
        chips : str or Path, optional
            A table of one's own, with the columns of `data/hardware.csv`.
        **values
            By key of a scenario, in the unit that stands in it. An array (N,) or (M,) says what
            each user or server has; all else is taken as `replace` takes it, a pair (low, high) in
            a tuple among it.

        Returns
        -------
        Scenario
            Of as many users and servers as the arrays have, where they have some.

        Raises
        ------
        ScenarioError
            Naming the array, its first bad entry and what is allowed.

        Examples
        --------
        >>> from mecllm import Scenario
        >>> scenario = Scenario.load("repaired").with_arrays(tokens=[90, 2000, 700], servers=2)
        >>> network = scenario.draw(0)
        >>> network.users, network.servers, bool(network.payload[0] < network.payload[2])
        (3, 2, True)
        """
        specs = self.specs()
        known = {
            key: values.pop(key)
            for key in tuple(values)
            if key in specs and specs[key].drawn and not isinstance(values[key], tuple | Law)
            if np.ndim(values[key]) == 1
        }
        sides = sides_of(known)
        places = (user_position, server_position)
        table = hardware(chips)
        for i, devices in enumerate((user_device, server_device)):
            if devices is not None:
                sides[i].update(chip_columns("arrays", SIDES[i], devices, table) | sides[i])
            if places[i] is not None:
                sides[i]["position"] = places[i]
        given = given_arrays(specs, *sides, gain, gain_unit, geographic)
        counts = {side: given.rows(side) for side in SIDES}
        sizes = {side: count for side, count in counts.items() if count is not None}
        return self.replace(**{**values, **sizes}, given=given)

    def __post_init__(self) -> None:
        for key, spec in self.specs().items():
            value = getattr(self, key)
            if spec.drawn:
                good = isinstance(value, Law) and all(map(spec.accepts, value.values))
            else:
                good = spec.accepts(value)
            if not good:
                raise ScenarioError(self.file, key, value, spec.allowed)
        for _, fault in refused_combinations(self):
            raise fault

    def draw(self, seed: int) -> Network:
        """Draw a network, its weights normalised as the scenario declares.

        Each parameter has its own stream of random numbers, so that scenarios which differ in one
        of them (or in N or M) share everything else: the draws are paired.

        Parameters
        ----------
        seed : int
            Of all random numbers; the same seed gives the same network.

        Returns
        -------
        Network
            Of N = `users` and M = `servers`, in SI units.

        Examples
        --------
        >>> from mecllm import Scenario
        >>> network = Scenario.load("literal").replace(users=4, servers=2).draw(0)
        >>> network.gain.shape, network.power_max.shape, network.bandwidth_max.shape
        ((4, 2), (4,), (2,))
        """
        return draw_network(self, seed)


# Literal: formulas and hardware as printed. Repaired: every repair, real hardware.
TRACKS = ("literal", "repaired")
