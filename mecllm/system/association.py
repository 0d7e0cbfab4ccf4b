"""Who is served by whom: greedy, random, the paper's P5 and P6, and a step that descends."""

from __future__ import annotations

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array, IntArray
from mecllm.system.equations import transmission_rate
from mecllm.system.model import server_load
from mecllm.system.network import Network


def greedy(network: Network, order: IntArray | None = None) -> IntArray:
    """Associate each user in turn with the admitting server of its highest rate.

    The rate (Section 5.3) is that of p^max over the server's bandwidth divided by the users it
    would then have; server m admits at most `network.server_slots[m]` users. Where (9e) and (9g)
    are equalities, every empty server then takes the user that loses least rate by it.

    Parameters
    ----------
    order : int array (N,), optional
        Whose turn it is, first to last; by default in the order of the index.

    Returns
    -------
    int array (N,)
        χ as server indices.

    Raises
    ------
    ScenarioError
        When the servers admit fewer users than there are.
    """
    slots = _slots(network)
    load = np.zeros(network.servers)
    association = np.empty(network.users, dtype=np.int64)
    for user in range(network.users) if order is None else order:
        share = network.bandwidth_max / (load + 1)
        rate = _rate(network, user, share)
        association[user] = np.argmax(np.where(load < slots, rate, -1.0))
        load[association[user]] += 1
    return fill_empty(network, association)


def random_association(network: Network, seed: int) -> IntArray:
    """Associate users at random among the servers' free slots, under the rule of `greedy`.

    Every slot of every server is equally likely; where (9e) and (9g) are equalities each server
    first gets one user.
    """
    slots = _slots(network)
    rng = np.random.default_rng(seed)
    equal = network.formulation.capacity == "equal"
    first = np.arange(network.servers) if equal else np.empty(0, dtype=np.int64)
    # More slots than users on one server cannot all be used.
    spare = np.minimum(slots, network.users).astype(np.int64) - (1 if equal else 0)
    rest = rng.permutation(np.repeat(np.arange(network.servers), spare))
    association = np.concatenate((first, rest))[: network.users]
    return rng.permutation(association)


def _slots(network: Network) -> Array:
    slots = np.floor(network.server_slots)
    if slots.sum() < network.users:
        allowed = (
            f"<= {slots.sum():.0f}, which the {network.servers} servers admit together, each one "
            "for every admission_MHz of its bandwidth_MHz"
        )
        raise ScenarioError("association", "users", network.users, allowed)
    return slots


def _rate(network: Network, user: int, bandwidth: Array) -> Array:
    return transmission_rate(
        bandwidth, network.power_max[user], network.gain[user], network.noise_density
    )


def fill_empty(network: Network, association: IntArray) -> IntArray:
    """Give every empty server the user that loses least rate, where (9e), (9g) are equalities."""
    if network.formulation.capacity == "at_most":
        return association
    association = association.copy()
    for server in np.flatnonzero(server_load(network, association) == 0):
        load = server_load(network, association)
        users = np.flatnonzero(load[association] > 1)
        current = association[users]
        rates = [
            transmission_rate(
                network.bandwidth_max[target] / size,
                network.power_max[users],
                network.gain[users, target],
                network.noise_density,
            )
            for target, size in ((current, load[current]), (server, 1.0))
        ]
        association[users[np.argmin(rates[0] - rates[1])]] = server
    return association
