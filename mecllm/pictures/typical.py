"""One typical user at a server that n like it share evenly: the setting of the explorer page.

The user has the mean of every law of its track's scenario and the median gain, over one draw, to
the server of best gain. It holds 1/n of a mean server, so the network has one user and one server,
and whatever solves a network solves it. Even shares are what n like users get that all split alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from mecllm.allocation import allocate
from mecllm.methods import solve
from mecllm.system.arrays import Array, IntArray
from mecllm.system.model import Cost, Decision, evaluate
from mecllm.system.network import Network
from mecllm.system.normalization import normalize_weights
from mecllm.system.parameters import Law
from mecllm.system.scenario import Scenario

# Everybody is at the only server.
HERE: IntArray = np.zeros(1, dtype=np.int64)
# Gain, noise density and κ1 come from powers, whose last digit differs between machines; so many
# digits are kept, more than the models of either deserve.
_DIGITS = 4


@dataclass(frozen=True)
class Setting:
    """What the explorer lets a reader change.

    Parameters
    ----------
    track : {"literal", "repaired"}
        Which formulas and which constants.
    delay, energy, stability : float
        Weights of the three terms after normalisation.
    kappa_ratio : float
        κ2/κ1; κ1 stays the track's.
    flops_per_cycle : float
        D^U [FLOP per cycle and core].
    users : float
        n, users that share a server.
    """

    track: str
    delay: float
    energy: float
    stability: float
    kappa_ratio: float
    flops_per_cycle: float
    users: float

    @classmethod
    def of(cls, track: str) -> Setting:
        """Return the setting nearest to a track's scenario, κ2/κ1 with two digits."""
        scenario = Scenario.load(track)
        ratio = scenario.server_kappa_W_per_Hz3.mean / scenario.user_kappa_W_per_Hz3.mean
        return cls(
            track=track,
            delay=scenario.weight_delay,
            energy=scenario.weight_energy,
            stability=scenario.weight_stability,
            kappa_ratio=float(f"{ratio:.2g}"),
            flops_per_cycle=scenario.user_flops_per_cycle.mean,
            users=scenario.users / scenario.servers,
        )

    def but(self, **changes: float) -> Setting:
        """Return the setting with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]  # every one but track is a float


def presets() -> dict[str, Setting]:
    """Return where the explorer starts: the tracks' own settings and those of its experiments."""
    repaired = Setting.of("repaired")
    costly = repaired.but(kappa_ratio=1000.0)
    return {
        "literal track": Setting.of("literal"),
        "repaired track": repaired,
        "costly server": costly,
        "costly server, stability without weight": costly.but(stability=0.0),
        "costly server for one user": costly.but(users=1.0),
    }


def typical_network(setting: Setting, unit: Setting | None = None) -> Network:
    """Network of the one user and its 1/n of a server.

    Parameters
    ----------
    setting : Setting
    unit : Setting, optional
        Where the weights are normalised; by default at the setting itself, as a draw's are.

    Returns
    -------
    Network
        N = M = 1.

    Raises
    ------
    ScenarioError
        For a value that no network can have.
    """
    where = _shared(unit or setting)
    scaled = where.with_weights(setting.energy, setting.delay, setting.stability)
    return replace(_shared(setting), weights=normalize_weights(scaled).weights)


def _shared(setting: Setting) -> Network:
    alone = _alone(setting.track)
    return replace(
        alone,
        user_throughput=setting.flops_per_cycle * alone.user_throughput,
        server_kappa=setting.kappa_ratio * alone.user_kappa,
        bandwidth_max=alone.bandwidth_max / setting.users,
        server_frequency_max=alone.server_frequency_max / setting.users,
    )


@cache
def _alone(track: str) -> Network:
    """Typical user with a whole server, one operation per cycle and core, and weights of 1."""
    scenario = Scenario.load(track)
    drawn = scenario.draw(seed=0)
    means = {
        key: value.mean
        for key in Scenario.specs()
        if isinstance(value := getattr(scenario, key), Law)
    }
    # The FLOPs of a mean prompt; a mean of chips is no chip, but between them.
    changes = means | {"user_flops_per_cycle": 1.0, "users": 1, "servers": 1}
    network = scenario.replace(**changes, normalization="none").draw(seed=0)
    gain = np.median(drawn.link_gain(drawn.nearest()))
    return replace(
        network,
        gain=np.array([[_digits(float(gain))]]),
        noise_density=_digits(network.noise_density),
        user_kappa=np.array([_digits(float(network.user_kappa[0]))]),
    )


def _digits(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def splits(network: Network) -> tuple[Decision, Array]:
    """Best decision with 1 <= α <= Υ-1, and its objective at every such α (Υ-1,).

    With one user at the server neither power nor clocks depend on α.
    """
    decision = allocate(network, HERE).decision
    layers = np.arange(1.0, network.layers)
    costs = [evaluate(network, replace(decision, local_layers=np.array([a]))) for a in layers]
    return decision, np.array([cost.objective for cost in costs])


def options(setting: Setting, unit: Setting | None = None) -> dict[str, tuple[Decision, Cost]]:
    """Decision and cost of the best split, of `edge_only` and of `local_only`.

    Parameters
    ----------
    setting, unit
        As `typical_network` takes them.

    Returns
    -------
    dict
        "split", "edge_only", "local_only" → (decision, cost).

    Raises
    ------
    ScenarioError
        For a value that no network can have.
    """
    network = typical_network(setting, unit)
    best = allocate(network, HERE).decision
    found = {"split": (best, evaluate(network, best))}
    for method in ("edge_only", "local_only"):
        solution = solve(network, method, association=HERE)
        found[method] = (solution.decision, solution.cost)
    return found
