"""Draws a network from the constants of a scenario, and from what is given of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system import geometry
from mecllm.system.arrays import Array, IntArray
from mecllm.system.constants import Constants
from mecllm.system.equations import flops_per_layer
from mecllm.system.formulation import Weights
from mecllm.system.geometry import DistanceGain, path_gain
from mecllm.system.given import GAIN_ALLOWED, GAIN_HIGH, GAIN_LOW, SIDES
from mecllm.system.network import Network
from mecllm.system.normalization import normalize_weights
from mecllm.system.parameters import Law

# With more pairs than this a gain that follows from the distance is computed on demand; any other
# has to be stored, up to so many pairs (0.8 GB).
_STORED_PAIRS, _MOST_PAIRS = 500_000, 100_000_000


def draw_network(scenario: Constants, seed: int) -> Network:
    """Draw what is not given, and normalise the weights as the scenario declares.

    Parameters
    ----------
    scenario : Constants
        What to draw.
    seed : int
        Of all random numbers.

    Returns
    -------
    Network
        As of `Scenario.draw`.

    Raises
    ------
    ScenarioError
        For values that no network can have together.
    """
    s, given = scenario, scenario.given

    def stream(key: str) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(key.encode())])

    rows = [given.take(side, getattr(s, side), stream(f"{side} rows")) for side in SIDES]
    user_device = stream("user_device").uniform(size=s.users)
    server_device = stream("server_device").uniform(size=s.servers)

    def user(key: str) -> Array:
        if key in given.users:
            return given.users[key][rows[0]]
        law: Law = getattr(s, key)
        return law.sample(stream(key), s.users, user_device)

    def server(key: str) -> Array:
        if key in given.servers:
            return given.servers[key][rows[1]]
        law: Law = getattr(s, key)
        return law.sample(stream(key), s.servers, server_device)

    tokens, bandwidth = user("tokens"), 1e6 * server("bandwidth_MHz")
    places = _positions(s, stream, rows)
    network = Network(
        formulation=s.formulation,
        weights=Weights(s.weight_energy, s.weight_delay, s.weight_stability),
        layers=s.layers,
        noise_density=10 ** ((s.noise_dBm_per_Hz - 30) / 10),
        lipschitz=s.lipschitz,
        strong_convexity=s.strong_convexity,
        flops_per_layer=flops_per_layer(tokens, s.batch_size, s.hidden_size),
        payload=s.activation_bits * s.batch_size * tokens * s.hidden_size,
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
        server_slots=np.floor(bandwidth / (1e6 * s.admission_MHz)),
        gain=_gain(s, rows, places, stream("shadowing")),
        user_position=places[0],
        server_position=places[1],
    )
    return normalize_weights(network) if s.normalization == "per_draw" else network


def _positions(
    s: Constants, stream: Callable[[str], np.random.Generator], rows: list[IntArray]
) -> list[Array]:
    """Where users and servers stand; NaN where only their gains are known."""
    places = []
    for side, taken in zip(SIDES, rows, strict=True):
        known, key = getattr(s.given, side).get("position"), side[:-1]
        count, rng = getattr(s, side), stream(f"{key}_position")
        if known is not None:
            places.append(known[taken])
        elif s.given.gain is not None:
            places.append(np.full((count, 2), np.nan))
        elif s.shape == "square":
            places.append(geometry.uniform_square(rng, count, 1e3 * s.size_km))
        elif s.shape == "disk":
            places.append(geometry.uniform_disk(rng, count, 1e3 * s.size_km))
        else:
            path = Path(s.file).parent / getattr(s, f"{key}_sites")
            sites = geometry.read_coordinates(path)
            places.append(sites[rng.integers(len(sites), size=count)])
    return places


def _gain(
    s: Constants, rows: list[IntArray], places: list[Array], rng: np.random.Generator
) -> Array | DistanceGain:
    users, servers = places
    if s.given.gain is not None:
        return s.given.gain[rows[0][:, None], rows[1]]
    loss = (s.path_loss_intercept_dB, s.path_loss_slope_dB)
    placed = any("position" in columns for columns in (s.given.users, s.given.servers))
    sites = s.given.geographic if placed else s.shape == "sites"
    pairs = len(users) * len(servers)
    if sites or s.shadowing_dB:
        if pairs > _MOST_PAIRS:
            allowed = f"a planar shape without shadowing above {_MOST_PAIRS} pairs"
            raise ScenarioError(s.file, "shape, shadowing_dB", s.shape, allowed)
    elif pairs > _STORED_PAIRS:
        extent = float(np.hypot(*np.ptp(np.concatenate(places), axis=0)))
        ends = np.maximum([0.0, extent], s.distance_min_m)
        _check(s, path_gain(ends, *loss))
        return DistanceGain(users, servers, *loss, distance_min=s.distance_min_m)
    measure = geometry.great_circle_distance if sites else geometry.planar_distance
    gain = path_gain(np.maximum(measure(users, servers), s.distance_min_m), *loss)
    if s.shadowing_dB:
        gain = gain * 10 ** (s.shadowing_dB * rng.standard_normal(gain.shape) / 10)
    _check(s, gain)
    return gain


def _check(s: Constants, gain: Array) -> None:
    """Refuse what the path-loss law, the distances and the shadowing make together."""
    low, high = float(gain.min()), float(gain.max())
    if low < GAIN_LOW or high > GAIN_HIGH:
        keys = "path_loss_intercept_dB, path_loss_slope_dB, shadowing_dB, size_km"
        raise ScenarioError(s.file, keys, f"a gain of {low:.3g} to {high:.3g}", GAIN_ALLOWED)
