"""What a server offers a user that it does not serve: P3 leaves it open and P5 needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mecllm.allocation import Uplink, Work
from mecllm.system.arrays import Array
from mecllm.system.model import Decision, server_load
from mecllm.system.network import Network


@dataclass(frozen=True, eq=False)
class Offer:
    """What each server would give each user: arrays (N, M).

    P3 chooses b_nm and f_nm for the pairs with χ_nm = 1 and leaves the others open, but P5 needs
    all of them; `OFFERS` lists the declared readings.

    Parameters
    ----------
    bandwidth, frequency : array (N, M)
        b_nm and f_nm [Hz].
    """

    bandwidth: Array
    frequency: Array


def _nothing(network: Network, decision: Decision) -> Offer:
    """Offer 0 elsewhere, which is what (9e) and (9g) leave."""
    zero = np.zeros((network.users, network.servers))
    return _with_own(decision, zero, zero)


def _carried(network: Network, decision: Decision) -> Offer:
    """Let each user carry what it has to any server."""
    ones = np.ones(network.servers)
    return Offer(np.outer(decision.bandwidth, ones), np.outer(decision.server_frequency, ones))


def _newcomer(network: Network, decision: Decision) -> Offer:
    """Offer elsewhere an equal share of the server with one user more."""
    size = server_load(network, decision.association) + 1
    ones = np.ones(network.users)
    return _with_own(
        decision,
        np.outer(ones, network.bandwidth_max / size),
        np.outer(ones, network.server_frequency_max / size),
    )


def _average(network: Network, decision: Decision) -> Offer:
    """Offer everyone, also at its own server, the share of an average server: b^max M/N."""
    ones, share = np.ones(network.users), network.servers / network.users
    return Offer(
        np.outer(ones, network.bandwidth_max * share),
        np.outer(ones, network.server_frequency_max * share),
    )


def _with_own(decision: Decision, bandwidth: Array, frequency: Array) -> Offer:
    own = (np.arange(len(decision.association)), decision.association)
    bandwidth, frequency = bandwidth.copy(), frequency.copy()
    bandwidth[own], frequency[own] = decision.bandwidth, decision.server_frequency
    return Offer(bandwidth, frequency)


OFFERS: dict[str, Callable[[Network, Decision], Offer]] = {
    "nothing": _nothing,
    "carried": _carried,
    "newcomer": _newcomer,
    "average": _average,
}


def pair_costs(network: Network, decision: Decision, offer: Offer) -> Array:
    """Coefficients (N, M) of χ in (48) at fixed α, p, b, f; infinite where b or f is 0.

    Parameters
    ----------
    decision : Decision
        α and p, by user.
    offer : Offer
        b and f, by pair.

    Returns
    -------
    array (N, M)
        In units of the objective.
    """
    users, servers = np.arange(network.users)[:, None], np.arange(network.servers)
    given = (offer.bandwidth > 0) & (offer.frequency > 0)
    bandwidth, clock = np.where(given, offer.bandwidth, 1.0), np.where(given, offer.frequency, 1.0)
    upload = Uplink.of(network, users, servers).cost(bandwidth, decision.power[:, None])
    remaining = (network.layers - decision.local_layers)[:, None]
    edge = remaining * Work.of(network, users, servers).layer_cost(clock)
    return np.where(given, upload + edge, np.inf)
