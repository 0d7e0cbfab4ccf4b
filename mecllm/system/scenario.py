"""A scenario: every constant the paper states or leaves out, with its source; draws networks."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system import geometry
from mecllm.system.arrays import Array
from mecllm.system.equations import flops_per_layer
from mecllm.system.files import data_path
from mecllm.system.geometry import DistanceGain, path_gain
from mecllm.system.network import Formulation, Network, Weights
from mecllm.system.normalization import normalize_weights
from mecllm.system.parameters import Law, Provenance, Spec, parameter
from mecllm.system.reading import FLAGS, read_law, read_scenario

# With more pairs than this a gain that follows from the distance is computed on demand; any other
# has to be stored, up to so many pairs (0.8 GB).
_STORED_PAIRS, _MOST_PAIRS = 500_000, 100_000_000


@dataclass(frozen=True, eq=False)
class Scenario:
    """Constants of Sections 3 and 5; `specs` gives each one's symbol, unit and meaning.

    Keys carry their unit. A `Law` is drawn per user or server, a plain value is shared.
    """

    name: str
    summary: str
    formulation: Formulation
    provenance: Mapping[str, Provenance] = field(repr=False)
    users: int = parameter("N", "", "mobile users", whole=True, low=1)
    servers: int = parameter("M", "", "edge servers", whole=True, low=1)
    layers: int = parameter("Υ", "", "transformer layers of the model", whole=True, low=2)
    batch_size: int = parameter("B", "", "sequences in a batch", whole=True, low=1)
    hidden_size: int = parameter("h", "", "dimension of the hidden states", whole=True, low=1)
    tokens: Law = parameter("d_n", "", "input tokens of a sequence", whole=True, low=1, drawn=True)
    activation_bits: float = parameter(
        "s/(B d h)", "bit", "bits per activation sent to the server", low_open=True
    )
    user_cores: Law = parameter("C^U", "", "GPU cores of a device", low_open=True, drawn=True)
    user_flops_per_cycle: Law = parameter(
        "D^U", "FLOP", "per cycle and core of a device", low_open=True, drawn=True
    )
    user_frequency_max_GHz: Law = parameter(
        "f_n^max", "GHz", "top GPU clock of a device", low_open=True, drawn=True
    )
    user_kappa_W_per_Hz3: Law = parameter(
        "κ1", "W/(cycle/s)³", "power coefficient of a device", low_open=True, drawn=True
    )
    server_cores: Law = parameter("C^E", "", "GPU cores of a server", low_open=True, drawn=True)
    server_flops_per_cycle: Law = parameter(
        "D^E", "FLOP", "per cycle and core of a server", low_open=True, drawn=True
    )
    server_frequency_max_GHz: Law = parameter(
        "f_m^max", "GHz", "GPU clock a server shares out", low_open=True, drawn=True
    )
    server_kappa_W_per_Hz3: Law = parameter(
        "κ2", "W/(cycle/s)³", "power coefficient of a server", low_open=True, drawn=True
    )
    bandwidth_MHz: Law = parameter(
        "b_m^max", "MHz", "bandwidth of a server", low_open=True, drawn=True
    )
    noise_dBm_per_Hz: float = parameter("σ²", "dBm/Hz", "noise density", low=-math.inf)
    power_max_W: Law = parameter("p_n^max", "W", "top transmit power", low_open=True, drawn=True)
    power_min_W: Law = parameter(
        "p_n^min", "W", "least transmit power (not in the paper)", low_open=True, drawn=True
    )
    path_loss_intercept_dB: float = parameter("", "dB", "path loss at 1 km", low=-math.inf)
    path_loss_slope_dB: float = parameter("", "dB/decade", "path loss per decade of distance")
    shadowing_dB: float = parameter("", "dB", "standard deviation of log-normal shadowing")
    shape: str = parameter(
        "", "", "where users and servers stand", choices=("square", "disk", "sites")
    )
    size_km: float = parameter("", "km", "side of the square or radius of the disk", low_open=True)
    distance_min_m: float = parameter("", "m", "distances below it count as it", low_open=True)
    samples: Law = parameter("k_n", "", "fine-tuning samples of a user", low_open=True, drawn=True)
    lipschitz: float = parameter("L", "", "Lipschitz constant of the loss", low_open=True)
    strong_convexity: float = parameter("μ", "", "strong convexity of the loss")
    weight_energy: float = parameter("ω_e", "", "weight of energy after normalisation")
    weight_delay: float = parameter("ω_t", "", "weight of delay after normalisation")
    weight_stability: float = parameter("ω_s", "", "weight of stability after normalisation")
    normalization: str = parameter("", "", "what a weight of 1 means", choices=("per_draw", "none"))
    admission_MHz: float = parameter(
        "", "MHz", "bandwidth a server reserves for each user it admits", low_open=True
    )
    user_sites: str = parameter("", "", "CSV of coordinates that users are drawn from", file=True)
    server_sites: str = parameter(
        "", "", "CSV of coordinates that servers are drawn from", file=True
    )
    file: str = field(default="scenario", repr=False)

    @classmethod
    def specs(cls) -> dict[str, Spec]:
        """Return the declaration of each parameter by key, in the order of the file."""
        return {f.name: f.metadata["spec"] for f in fields(cls) if "spec" in f.metadata}

    @classmethod
    def load(cls, source: str | Path) -> Scenario:
        """Read a scenario by its name (`"paper"`, `"repaired"`) or from a TOML file.

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
        >>> scenario = Scenario.load("paper")
        >>> scenario.users, scenario.servers, scenario.layers
        (50, 10, 32)
        """
        path = Path(source)
        if path.suffix != ".toml":
            path = data_path("scenarios", f"{source}.toml")
            if not path.is_file():
                names = sorted(p.stem for p in data_path("scenarios").glob("*.toml"))
                raise ScenarioError(
                    "scenario", "name", str(source), f"{', '.join(names)} or a .toml file"
                )
        return cls(**read_scenario(path, cls.specs()))

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
        >>> small = Scenario.load("paper").replace(users=4, servers=2, tokens=(256, 512))
        >>> small.users, str(small.tokens), small.formulation.capacity
        (4, '[256, 512]', 'equal')
        >>> small.replace(capacity="at_most").formulation.capacity
        'at_most'
        """
        specs = self.specs()
        flags = {key: changes.pop(key) for key in FLAGS if key in changes}
        for key, value in changes.items():
            if key not in specs:
                raise ScenarioError("replace", key, value, "one of " + ", ".join(specs))
            if specs[key].drawn and not isinstance(value, Law):
                law = "uniform" if isinstance(value, tuple | list) else None
                given = list(value) if law else value
                changes[key] = read_law("replace", key, specs[key], given, law)
        return replace(self, formulation=replace(self.formulation, **flags), **changes)

    def __post_init__(self) -> None:
        for key, spec in self.specs().items():
            value = getattr(self, key)
            if not spec.drawn and not spec.accepts(value):
                raise ScenarioError(self.file, key, value, spec.allowed)
        if self.formulation.capacity == "equal" and self.users < self.servers:
            allowed = f">= servers = {self.servers}, as capacity = 'equal' forbids an empty server"
            raise ScenarioError(self.file, "users", self.users, allowed)
        if max(self.power_min_W.values) > min(self.power_max_W.values):
            allowed = f"<= power_max_W = {self.power_max_W}"
            raise ScenarioError(self.file, "power_min_W", str(self.power_min_W), allowed)
        for side in ("user", "server"):
            decks = {
                getattr(self, key).devices
                for key in self.specs()
                if key.startswith(side) and isinstance(getattr(self, key), Law)
            } - {()}
            if len(decks) > 1:
                allowed = "the same chips in the same order in each key"
                raise ScenarioError(self.file, f"{side}_*", sorted(decks), allowed)

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
        >>> network = Scenario.load("paper").replace(users=4, servers=2).draw(0)
        >>> network.gain.shape, network.power_max.shape, network.bandwidth_max.shape
        ((4, 2), (4,), (2,))
        """

        def stream(key: str) -> np.random.Generator:
            return np.random.default_rng([seed, zlib.crc32(key.encode())])

        user_device = stream("user_device").uniform(size=self.users)
        server_device = stream("server_device").uniform(size=self.servers)

        def user(key: str) -> Array:
            law: Law = getattr(self, key)
            return law.sample(stream(key), self.users, user_device)

        def server(key: str) -> Array:
            law: Law = getattr(self, key)
            return law.sample(stream(key), self.servers, server_device)

        tokens, bandwidth = user("tokens"), 1e6 * server("bandwidth_MHz")
        user_position = self._positions(stream("user_position"), self.users, self.user_sites)
        server_position = self._positions(
            stream("server_position"), self.servers, self.server_sites
        )
        network = Network(
            formulation=self.formulation,
            weights=Weights(self.weight_energy, self.weight_delay, self.weight_stability),
            layers=self.layers,
            noise_density=10 ** ((self.noise_dBm_per_Hz - 30) / 10),
            lipschitz=self.lipschitz,
            strong_convexity=self.strong_convexity,
            flops_per_layer=flops_per_layer(tokens, self.batch_size, self.hidden_size),
            payload=self.activation_bits * self.batch_size * tokens * self.hidden_size,
            user_throughput=user("user_cores") * user("user_flops_per_cycle"),
            user_kappa=user("user_kappa_W_per_Hz3"),
            user_frequency_max=1e9 * user("user_frequency_max_GHz"),
            power_min=user("power_min_W"),
            power_max=user("power_max_W"),
            samples=user("samples"),
            server_throughput=server("server_cores") * server("server_flops_per_cycle"),
            server_kappa=server("server_kappa_W_per_Hz3"),
            server_frequency_max=1e9 * server("server_frequency_max_GHz"),
            bandwidth_max=bandwidth,
            server_slots=np.floor(bandwidth / (1e6 * self.admission_MHz)),
            gain=self._gain(user_position, server_position, stream("shadowing")),
            user_position=user_position,
            server_position=server_position,
        )
        return normalize_weights(network) if self.normalization == "per_draw" else network

    def _positions(self, rng: np.random.Generator, count: int, sites: str) -> Array:
        if self.shape == "square":
            return geometry.uniform_square(rng, count, 1e3 * self.size_km)
        if self.shape == "disk":
            return geometry.uniform_disk(rng, count, 1e3 * self.size_km)
        known = geometry.read_coordinates(Path(self.file).parent / sites)
        return known[rng.integers(len(known), size=count)]

    def _gain(self, users: Array, servers: Array, rng: np.random.Generator) -> Array | DistanceGain:
        loss = (self.path_loss_intercept_dB, self.path_loss_slope_dB)
        pairs, sites = len(users) * len(servers), self.shape == "sites"
        if sites or self.shadowing_dB:
            if pairs > _MOST_PAIRS:
                allowed = f"a planar shape without shadowing above {_MOST_PAIRS} pairs"
                raise ScenarioError(self.file, "shape, shadowing_dB", self.shape, allowed)
        elif pairs > _STORED_PAIRS:
            return DistanceGain(users, servers, *loss, distance_min=self.distance_min_m)
        measure = geometry.great_circle_distance if sites else geometry.planar_distance
        gain = path_gain(np.maximum(measure(users, servers), self.distance_min_m), *loss)
        if self.shadowing_dB:
            gain = gain * 10 ** (self.shadowing_dB * rng.standard_normal(gain.shape) / 10)
        return gain


# Literal: formulas and hardware as printed. Repaired: every repair, real hardware.
TRACKS = {"literal": "paper", "repaired": "repaired"}
