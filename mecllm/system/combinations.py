"""Values that are right by themselves and cannot stand together: each refused by name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.constants import Constants
from mecllm.system.parameters import Law

_WEIGHTS = ("weight_energy", "weight_delay", "weight_stability")


def refused_combinations(scenario: Constants) -> Iterator[tuple[tuple[str, ...], ScenarioError]]:
    """Find what no network can be drawn from, or no method can solve.

    Parameters
    ----------
    scenario : Constants
        With values that are right one by one.

    Yields
    ------
    keys : tuple of str
        Which values do not go together.
    fault : ScenarioError
        Said of the first of them.
    """
    s, where = scenario, scenario.file
    if s.formulation.capacity == "equal" and s.users < s.servers:
        allowed = f">= servers = {s.servers}, as capacity = 'equal' forbids an empty server"
        yield ("users", "servers", "formulation"), ScenarioError(where, "users", s.users, allowed)
    least = float(min(s.given.servers.get("bandwidth_MHz", s.bandwidth_MHz.values)))
    if s.admission_MHz > least:
        allowed = f"<= bandwidth_MHz = {least:g}, or that server would admit nobody"
        fault = ScenarioError(where, "admission_MHz", s.admission_MHz, allowed)
        yield ("admission_MHz", "bandwidth_MHz"), fault
    low, high = (
        np.asarray(s.given.users.get(key, getattr(s, key).values))
        for key in ("power_min_W", "power_max_W")
    )
    # Two columns go row by row; of a law any value may meet any other.
    by_row = {"power_min_W", "power_max_W"} <= set(s.given.users)
    if np.any(low > high) if by_row else max(low) > min(high):
        fault = ScenarioError(
            where, "power_min_W", float(max(low)), f"<= power_max_W = {min(high):g}"
        )
        yield ("power_min_W", "power_max_W"), fault
    if not any(getattr(s, key) for key in _WEIGHTS):
        allowed = "one of the three > 0, or every decision would cost the same"
        yield _WEIGHTS, ScenarioError(where, ", ".join(_WEIGHTS), 0.0, allowed)
    for side in ("user", "server"):
        laws = {k: getattr(s, k) for k in s.specs() if k.startswith(side)}
        decks = {law.devices for law in laws.values() if isinstance(law, Law)} - {()}
        if len(decks) > 1:
            allowed = "the same chips in the same order in each key"
            yield tuple(laws), ScenarioError(where, f"{side}_*", sorted(decks), allowed)
    if s.shape == "sites":
        for side in ("users", "servers"):
            key = f"{side[:-1]}_sites"
            if not getattr(s, key) and "position" not in getattr(s.given, side):
                yield ("shape", key), ScenarioError(where, key, "", "a CSV, for shape = 'sites'")
