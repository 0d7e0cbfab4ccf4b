"""Networks that tests share: one for a pencil, small random ones, and a strategy for odd ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import strategies as st

from mecllm.study.bench import sized
from mecllm.system.formulation import Formulation, Weights
from mecllm.system.geometry import DistanceGain
from mecllm.system.model import Decision, server_load
from mecllm.system.network import Network

LITERAL = Formulation(transmission_delay=False, capacity="equal", stability_bound="paper")
REPAIRED = Formulation(transmission_delay=True, capacity="at_most", stability_bound="sharp")
MIXED = [
    Formulation(delay, capacity, "sharp")
    for delay, capacity in product((True, False), ("equal", "at_most"))
]


def pencil_network(formulation: Formulation = LITERAL) -> Network:
    """Two users and one server whose every figure comes out round."""
    return Network(
        formulation=formulation,
        weights=Weights(energy=0.1, delay=0.5, stability=10.0),
        layers=4,
        noise_density=1e-16,
        lipschitz=2.0,
        strong_convexity=0.5,
        flops_per_layer=np.array([1e12, 2e12]),
        payload=np.array([4e6, 3e6]),
        user_throughput=np.array([1000.0, 500.0]),
        user_kappa=np.array([1e-27, 4e-27]),
        user_frequency_max=np.array([1e9, 5e8]),
        power_min=np.array([1e-3, 1e-3]),
        power_max=np.array([1.0, 0.5]),
        samples=np.array([100.0, 50.0]),
        server_throughput=np.array([1e4]),
        server_kappa=np.array([1e-26]),
        server_frequency_max=np.array([3e9]),
        bandwidth_max=np.array([2e6]),
        server_slots=np.array([20.0]),
        gain=np.array([[3e-10], [2e-10]]),
        user_position=np.zeros((2, 2)),
        server_position=np.zeros((1, 2)),
    )


def pencil_decision() -> Decision:
    """One layer and three layers local; bandwidth and clock of the server handed out in full."""
    return Decision(
        association=np.array([0, 0]),
        local_layers=np.array([1.0, 3.0]),
        power=np.array([1.0, 0.5]),
        bandwidth=np.array([1e6, 1e6]),
        user_frequency=np.array([1e9, 5e8]),
        server_frequency=np.array([2e9, 1e9]),
    )


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """One to three users, one or two servers; terms of one order, on purpose also degenerate.

    Equal gains, equal users and a weight of zero are drawn often, not once in a blue moon.
    """
    users, servers = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    factor = st.floats(0.2, 5.0)

    def around(centre: float, *shape: int) -> np.ndarray:
        if draw(st.booleans()):
            return np.full(shape, centre)
        return centre * np.reshape([draw(factor) for _ in range(int(np.prod(shape)))], shape)

    weights = [0.1, 0.5, 10.0]
    silent = draw(st.sampled_from([None, None, 0, 1, 2]))
    if silent is not None:
        weights[silent] = 0.0
    formulation = draw(st.sampled_from([LITERAL, REPAIRED]))
    return Network(
        formulation=replace(formulation, capacity="at_most"),
        weights=Weights(*weights),
        layers=draw(st.sampled_from([2, 4, 32])),
        noise_density=1e-16,
        lipschitz=2.0,
        strong_convexity=draw(st.sampled_from([0.0, 0.5])),
        flops_per_layer=around(1e12, users),
        payload=around(4e6, users),
        user_throughput=around(1000.0, users),
        user_kappa=around(1e-27, users),
        user_frequency_max=around(1e9, users),
        power_min=np.full(users, 1e-3),
        power_max=around(1.0, users),
        samples=around(100.0, users),
        server_throughput=around(1e4, servers),
        server_kappa=around(1e-26, servers),
        server_frequency_max=around(3e9, servers),
        bandwidth_max=around(2e6, servers),
        server_slots=np.full(servers, 20.0),
        gain=around(3e-10, users, servers),
        user_position=np.zeros((users, 2)),
        server_position=np.zeros((servers, 2)),
    )


@st.composite
def decisions(draw: st.DrawFn, network: Network) -> Decision:
    """A point of P3 on the network: α, powers and clocks often at their very bounds."""
    size = network.users
    association = np.array([draw(st.integers(0, network.servers - 1)) for _ in range(size)])
    share = st.one_of(st.just(0.0), st.just(1.0), st.floats(0.0, 1.0))

    def between(low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
        return low + (high - low) * np.array([draw(share) for _ in range(size)])

    def shared(most: np.ndarray) -> np.ndarray:
        parts = np.array([draw(st.floats(0.2, 1.0)) for _ in range(size)])
        total = server_load(network, association, parts)[association]
        return parts * most[association] / (total if draw(st.booleans()) else total + 1)

    return Decision(
        association=association,
        local_layers=between(1, network.layers - 1),
        power=between(network.power_min, network.power_max),
        bandwidth=shared(network.bandwidth_max),
        user_frequency=between(0.1 * network.user_frequency_max, network.user_frequency_max),
        server_frequency=shared(network.server_frequency_max),
    )


def small(seed, users, servers, formulation, layers=6):
    """A random network whose terms are of one order; every server has a user at index < M."""
    rng = np.random.default_rng(seed)

    def around(centre, *shape):
        return centre * rng.uniform(0.3, 3.0, shape)

    base = pencil_network(formulation)
    network = replace(
        base,
        layers=layers,
        flops_per_layer=around(1e12, users),
        payload=around(4e6, users),
        user_throughput=around(1000.0, users),
        user_kappa=around(1e-27, users),
        user_frequency_max=around(1e9, users),
        power_min=np.full(users, 0.1),
        power_max=around(0.5, users),
        samples=around(100.0, users),
        server_throughput=around(1e4, servers),
        server_kappa=around(1e-26, servers),
        server_frequency_max=around(3e9, servers),
        bandwidth_max=around(2e6, servers),
        server_slots=np.full(servers, 20.0),
        gain=around(3e-10, users, servers),
        user_position=np.zeros((users, 2)),
        server_position=np.zeros((servers, 2)),
    )
    association = np.concatenate([np.arange(servers), rng.integers(servers, size=users - servers)])
    return network, association


def by_distance(track: str, users: int, servers: int) -> Network:
    """A drawn network whose gains are computed when asked for, as those of large ones are."""
    scenario = sized(track, users, servers)
    network = scenario.draw(0)
    loss = (scenario.path_loss_intercept_dB, scenario.path_loss_slope_dB, scenario.distance_min_m)
    gain = DistanceGain(network.user_position, network.server_position, *loss)
    return replace(network, gain=gain, normalized_by="")
