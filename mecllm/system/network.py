"""One drawn network: every constant of Section 3 as an array in SI units."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray, require_positive
from mecllm.system.files import read_npz, write_npz
from mecllm.system.formulation import Formulation, Weights
from mecllm.system.geometry import DistanceGain

if TYPE_CHECKING:
    import pandas as pd


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
        Planar [m], or latitude and longitude [degree] when drawn from coordinates; NaN where only
        the gains are known.
    normalized_by : str
        `mark` of the constants that normalised the weights; empty for plain numbers.

    Raises
    ------
    ScenarioError
        For a wrong shape, a non-finite or a non-positive constant, N < M where every server must
        be used, or weights that were normalised by other constants.

    Examples
    --------
    >>> from mecllm import Network, Scenario
    >>> drawn = Scenario.load("literal").replace(users=4, servers=2).draw(0)
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
    normalized_by: str = ""

    @classmethod
    def from_arrays(cls, base: str | Path = "repaired", seed: int = 0, **arrays: Any) -> Network:
        """Make a network of one's own; a scenario gives the rest; weights are normalised last.

        Parameters
        ----------
        base : str or Path
            Scenario whose laws draw the rest: a name, or a file that ends in `.toml`.
        seed : int
            Of what is drawn.
        **arrays
            As `Scenario.with_arrays` takes them: `gain` (N, M) with `gain_unit`, positions, chips
            by name, and any key of a scenario, such as `tokens` (N,) or `bandwidth_MHz` (M,).

        Returns
        -------
        Network
            Of as many users and servers as the arrays have.

        Raises
        ------
        ScenarioError
            Naming the array, its first bad entry and what is allowed.

        Examples
        --------
        >>> from mecllm import Network
        >>> network = Network.from_arrays(
        ...     gain=[[-95, -110], [-120, -90], [-101, -99]], gain_unit="dB",
        ...     tokens=[90, 2000, 700], server_device=["NVIDIA T4", "NVIDIA V100 PCIe"],
        ... )
        >>> network.users, network.servers, float(round(network.gain[0, 0] * 1e10, 2))
        (3, 2, 3.16)
        """
        module: Any = import_module("mecllm.system.scenario")  # which draws networks
        return module.Scenario.load(base).with_arrays(**arrays).draw(seed)

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
                require_positive("network", key, getattr(self, key))
        if self.layers < 2:
            raise ScenarioError("network", "layers", self.layers, "at least 2, so that α has room")
        if self.strong_convexity != 0:
            require_positive("network", "strong_convexity", self.strong_convexity)
        if self.users == 0 or self.servers == 0:
            raise ScenarioError("network", "(N, M)", (self.users, self.servers), "N >= 1, M >= 1")
        if np.any(self.power_min > self.power_max):
            raise ScenarioError("network", "power_min", float(max(self.power_min)), "<= power_max")
        if self.formulation.capacity == "equal" and self.users < self.servers:
            allowed = f"at least the {self.servers} servers: (9e), (9g) let none be without users"
            raise ScenarioError("network", "users", self.users, allowed)
        if self.normalized_by and self.normalized_by != self.mark:
            allowed = "Network.from_arrays, which normalises anew, or with_weights(...)"
            raise ScenarioError("network", "weights", "normalised by others", allowed)

    @property
    def mark(self) -> str:
        """Mark of all constants that the terms of the objective depend on."""
        digest = hashlib.sha256(repr([getattr(self, key) for key in _SCALARS]).encode())
        for key in _WEIGHED:
            value = getattr(self, key)
            lazy = isinstance(value, DistanceGain)
            for part in (value.users, value.servers) if lazy else (value,):
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()[:16]

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
        return replace(self, weights=Weights(energy, delay, stability), normalized_by="")

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a user; names of columns end in the unit."""
        import pandas as pd

        nearest = self.nearest()
        columns = {f"{key}_{unit}": getattr(self, key) for key, unit in PER_USER.items()}
        columns |= {f"position_{axis}": self.user_position[:, axis] for axis in (0, 1)}
        columns |= {"best_server": nearest, "best_gain_dB": 10 * np.log10(self.link_gain(nearest))}
        return pd.DataFrame(columns).rename_axis("user")

    def save(self, path: str | Path) -> None:
        """Write every array, bit for bit, to an `.npz` file that needs no pickle."""
        header: dict[str, object] = {
            "formulation": asdict(self.formulation),
            "weights": asdict(self.weights),
            "normalized_by": self.normalized_by,
            **{key: getattr(self, key) for key in _SCALARS},
        }
        arrays = {key: getattr(self, key) for key in _ARRAYS}
        if isinstance(self.gain, DistanceGain):
            header["gain"] = {key: getattr(self.gain, key) for key in _PATH_LOSS}
            arrays["gain"] = np.empty(0)
        write_npz(path, header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read what `save` wrote.

        Raises
        ------
        ScenarioError
            When the file is not a saved network.
        """
        try:
            header, arrays = read_npz(path)
            arrays = {key: arrays[key] for key in _ARRAYS}
            scalars = {key: header[key] for key in _SCALARS}
            formulation = Formulation(**header["formulation"])
            weights = Weights(**header["weights"])
            if "gain" in header:
                ends = arrays["user_position"], arrays["server_position"]
                arrays["gain"] = DistanceGain(*ends, **header["gain"])
            scalars["normalized_by"] = header.get("normalized_by", "")
            return cls(formulation=formulation, weights=weights, **scalars, **arrays)
        except (KeyError, TypeError, ValueError) as error:
            allowed = "a file written by Network.save"
            what = str(error) if isinstance(error, ScenarioError) else type(error).__name__
            raise ScenarioError(str(path), "network", what, allowed) from error


# Arrays with one number per user, and their units in the names of a table.
PER_USER = {
    "flops_per_layer": "FLOP",
    "payload": "bit",
    "user_throughput": "FLOP_per_cycle",
    "user_kappa": "W_per_Hz3",
    "user_frequency_max": "Hz",
    "power_min": "W",
    "power_max": "W",
    "samples": "1",
}


def _shapes(users: int, servers: int) -> dict[str, tuple[int, ...]]:
    chips = ("server_throughput", "server_kappa", "server_frequency_max")
    return {
        **dict.fromkeys(PER_USER, (users,)),
        **dict.fromkeys((*chips, "bandwidth_max", "server_slots"), (servers,)),
        "gain": (users, servers),
        "user_position": (users, 2),
        "server_position": (servers, 2),
    }


_SCALARS = ("layers", "noise_density", "lipschitz", "strong_convexity")
_OTHER = (*_SCALARS, "formulation", "weights", "normalized_by")
_ARRAYS = tuple(field.name for field in fields(Network) if field.name not in _OTHER)
# What the terms of the objective depend on, at a point where p is not at its minimum.
_WEIGHED = tuple(
    key for key in _ARRAYS if key not in ("power_min", "server_slots") and "position" not in key
)
_PATH_LOSS = ("intercept", "slope", "distance_min")
