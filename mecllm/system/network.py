"""One drawn network: every constant of Section 3 as an array in SI units."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.files import write_whole
from mecllm.system.geometry import DistanceGain


@dataclass(frozen=True)
class Formulation:
    """Which of the paper's formulas are taken literally and which repaired.

    Parameters
    ----------
    transmission_delay : bool
        Whether the time s/r of the upload counts as delay. Equation (4) leaves it out.
    capacity : {"equal", "at_most"}
        Whether a server must hand out all its bandwidth and clock, as (9e) and (9g) print, or may
        keep some.
    stability_bound : {"paper", "sharp"}
        Theorem 1 as printed, 2L²/(k(1-α/Υ)), or with its sharp constant.
    """

    transmission_delay: bool
    capacity: Literal["equal", "at_most"]
    stability_bound: Literal["paper", "sharp"]

    def __post_init__(self) -> None:
        allowed: dict[str, tuple[object, ...]] = {
            "transmission_delay": (True, False),
            "capacity": ("equal", "at_most"),
            "stability_bound": ("paper", "sharp"),
        }
        for key, choices in allowed.items():
            value = getattr(self, key)
            if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
                raise ScenarioError("formulation", key, value, f"one of {choices}")


@dataclass(frozen=True)
class Weights:
    """Weights ω of the objective, priority and normalisation in one number.

    Parameters
    ----------
    energy : float
        ω_e [1/J].
    delay : float
        ω_t [1/s].
    stability : float
        ω_s [1].
    """

    energy: float
    delay: float
    stability: float

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            if not (np.isfinite(value) and value >= 0):
                raise ScenarioError("weights", key, value, "a finite number >= 0")


@dataclass(frozen=True, eq=False)
class Network:
    """Constants of one network of N users and M servers.

    Parameters
    ----------
    formulation : Formulation
        Literal or repaired equations.
    weights : Weights
        ω_e, ω_t, ω_s.
    layers : int
        Υ, transformer layers of the model.
    noise_density : float
        σ² [W/Hz], read as a density because the rate formula multiplies it by b.
    lipschitz, strong_convexity : float
        L and μ of the loss in Theorem 1.
    flops_per_layer : array (N,)
        ψ(d_n) [FLOP], one layer and one batch.
    payload : array (N,)
        s(d_n) [bit].
    user_throughput, server_throughput : array (N,), (M,)
        C·D [FLOP per cycle].
    user_kappa, server_kappa : array (N,), (M,)
        κ1, κ2 [W/(cycle/s)³].
    user_frequency_max, server_frequency_max : array (N,), (M,)
        f^max [Hz].
    power_min, power_max : array (N,)
        Bounds on the transmit power p_n [W]; the paper has no lower one.
    bandwidth_max : array (M,)
        b^max [Hz].
    gain : array (N, M) or DistanceGain
        g_{n,m}, dimensionless power gain.
    samples : array (N,)
        k_n, fine-tuning samples of a user.
    server_slots : array (M,)
        Most users that a server admits (the declared capacity rule of the greedy and the random
        association).
    user_position, server_position : array (N, 2), (M, 2)
        Planar [m], or latitude and longitude [degree] when drawn from coordinates.

    Raises
    ------
    ScenarioError
        For a wrong shape, a non-finite or a non-positive constant, or N < M where every server
        must be used.

    Examples
    --------
    >>> from mecllm import Network, Scenario
    >>> drawn = Scenario.load("paper").replace(users=4, servers=2).draw(0)
    >>> drawn.save("small.npz")
    >>> network = Network.load("small.npz")
    >>> network.gain.shape, bool((network.gain == drawn.gain).all())
    ((4, 2), True)
    """

    formulation: Formulation
    weights: Weights
    layers: int
    noise_density: float
    lipschitz: float
    strong_convexity: float
    flops_per_layer: Array
    payload: Array
    user_throughput: Array
    user_kappa: Array
    user_frequency_max: Array
    power_min: Array
    power_max: Array
    samples: Array
    server_throughput: Array
    server_kappa: Array
    server_frequency_max: Array
    bandwidth_max: Array
    server_slots: Array
    gain: Array | DistanceGain
    user_position: Array
    server_position: Array

    def __post_init__(self) -> None:
        arrays = _shapes(len(self.flops_per_layer), len(self.bandwidth_max))
        if isinstance(self.gain, DistanceGain):
            arrays.pop("gain")
        for key, shape in arrays.items():
            value = np.array(getattr(self, key), dtype=np.float64)
            if value.shape != shape:
                raise ScenarioError("network", key, f"shape {value.shape}", f"shape {shape}")
            value.setflags(write=False)
            object.__setattr__(self, key, value)
        for key in ("layers", "noise_density", "lipschitz", *arrays):
            if "position" not in key:
                _require_positive(key, getattr(self, key))
        if self.layers < 2:
            raise ScenarioError("network", "layers", self.layers, "at least 2, so that α has room")
        convexity = self.strong_convexity
        if not (np.isfinite(convexity) and convexity >= 0):
            raise ScenarioError("network", "strong_convexity", convexity, "a finite number >= 0")
        if self.users == 0 or self.servers == 0:
            raise ScenarioError("network", "(N, M)", (self.users, self.servers), "N >= 1, M >= 1")
        if np.any(self.power_min > self.power_max):
            least = float(self.power_min.max())
            raise ScenarioError("network", "power_min", least, "power_max at most")
        if self.formulation.capacity == "equal" and self.users < self.servers:
            allowed = f"at least the {self.servers} servers: (9e) and (9g) are equalities, so a "
            allowed += "server without users is infeasible"
            raise ScenarioError("network", "users", self.users, allowed)

    @property
    def users(self) -> int:
        """N, the number of users."""
        return len(self.flops_per_layer)

    @property
    def servers(self) -> int:
        """M, the number of servers."""
        return len(self.bandwidth_max)

    def link_gain(self, association: IntArray) -> Array:
        """Gain (N,) of each user to its own server."""
        return self.gain[np.arange(self.users), association]

    def nearest(self) -> IntArray:
        """Server (N,) of each user's best gain."""
        if isinstance(self.gain, DistanceGain):
            return self.gain.nearest(np.arange(self.users), 1)[:, 0]
        return np.argmax(self.gain, axis=1)

    def with_weights(self, energy: float, delay: float, stability: float) -> Network:
        """Return the same network under other weights ω_e [1/J], ω_t [1/s], ω_s.

        Parameters
        ----------
        energy, delay, stability : float
            ω_e [1/J], ω_t [1/s] and ω_s.

        Returns
        -------
        Network
            A copy that differs in nothing else.
        """
        return replace(self, weights=Weights(energy, delay, stability))

    def save(self, path: str | Path) -> None:
        """Write every array, bit for bit, to an `.npz` file that needs no pickle."""
        header: dict[str, object] = {
            "formulation": asdict(self.formulation),
            "weights": asdict(self.weights),
            **{key: getattr(self, key) for key in _SCALARS},
        }
        arrays = {key: getattr(self, key) for key in _ARRAYS}
        if isinstance(self.gain, DistanceGain):
            header["gain"] = {key: getattr(self.gain, key) for key in _PATH_LOSS}
            arrays["gain"] = np.empty(0)

        def write(draft: Path) -> None:
            with draft.open("wb") as file:  # given a name, NumPy would add .npz to it
                np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)

        write_whole(path, write)

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read what `save` wrote.

        Raises
        ------
        ScenarioError
            When the file is not a saved network.
        """
        allowed = "a file written by Network.save"
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                arrays = {key: file[key] for key in _ARRAYS}
                scalars = {key: header[key] for key in _SCALARS}
                formulation = Formulation(**header["formulation"])
                weights = Weights(**header["weights"])
                if "gain" in header:
                    ends = arrays["user_position"], arrays["server_position"]
                    arrays["gain"] = DistanceGain(*ends, **header["gain"])
        except (OSError, BadZipFile, ValueError, KeyError, TypeError, EOFError) as error:
            raise ScenarioError(str(path), "network", type(error).__name__, allowed) from error
        return cls(formulation=formulation, weights=weights, **scalars, **arrays)


# Arrays with one number per user.
PER_USER = (
    "flops_per_layer",
    "payload",
    "user_throughput",
    "user_kappa",
    "user_frequency_max",
    "power_min",
    "power_max",
    "samples",
)


def _shapes(users: int, servers: int) -> dict[str, tuple[int, ...]]:
    chips = ("server_throughput", "server_kappa", "server_frequency_max")
    return {
        **dict.fromkeys(PER_USER, (users,)),
        **dict.fromkeys((*chips, "bandwidth_max", "server_slots"), (servers,)),
        "gain": (users, servers),
        "user_position": (users, 2),
        "server_position": (servers, 2),
    }


def _require_positive(key: str, value: object) -> None:
    array = np.asarray(value, dtype=np.float64)
    bad = ~(np.isfinite(array) & (array > 0))
    if bad.any():
        where = f"{key}[{', '.join(map(str, np.argwhere(bad)[0]))}]" if array.ndim else key
        raise ScenarioError("network", where, float(array[bad].flat[0]), "a finite number > 0")


_SCALARS = ("layers", "noise_density", "lipschitz", "strong_convexity")
_ARRAYS = tuple(
    field.name
    for field in fields(Network)
    if field.name not in (*_SCALARS, "formulation", "weights")
)
_PATH_LOSS = ("intercept", "slope", "distance_min")
