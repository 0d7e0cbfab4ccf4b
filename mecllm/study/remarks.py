"""Remarks of Sections 3.2 and 5.3 that no figure shows: what downlinks cost, what greedy does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mecllm.methods import solve
from mecllm.study.statistics import Effect, effect
from mecllm.system.equations import transmission_rate
from mecllm.system.model import Decision, evaluate
from mecllm.system.network import Network
from mecllm.system.scenario import Scenario

_METHODS = ("greedy", "proposed", "random")
# Remark → what is measured, and the methods that greedy is held against, in the ledger's order.
_REMARKS = {
    "D8": ("upload", ("proposed", "random")),
    "D9": ("computation", ("proposed",)),
    "D10": ("weaker", ("proposed",)),
}


def downlink_share(network: Network, decision: Decision) -> float:
    """Energy of sending the gradients back over that of training, which Section 3.2 neglects.

    A gradient at the cut has the size of the activations, s(d_n). The server is taken to send it
    with the power p^max that the user may have, over the user's own bandwidth and link: a server
    with more power than its users, as the paper assumes, spends more per bit.

    Parameters
    ----------
    network : Network
    decision : Decision

    Returns
    -------
    float
        Sum over users of the downlink's energy [J] over that of (2) and (6) [J].

    Examples
    --------
    >>> from mecllm import Scenario, greedy, reference_decision
    >>> network = Scenario.load("repaired").draw(0)
    >>> 0 < downlink_share(network, reference_decision(network, greedy(network))) < 1
    True
    """
    gain, power = network.link_gain(decision.association), network.power_max
    rate = transmission_rate(decision.bandwidth, power, gain, network.noise_density)
    remote = decision.local_layers < network.layers
    cost = evaluate(network, decision)
    downlink = np.where(remote, power * network.payload / rate, 0.0)
    return float(downlink.sum() / (cost.local_energy + cost.edge_energy).sum())


def _weaker_servers(network: Network) -> np.ndarray:
    """Whether each server does less per cycle, C^E D^E, than the mean of the network's servers."""
    return network.server_throughput < network.server_throughput.mean()


def greedy_table(track: str, seeds: Iterable[int], users: int = 50) -> pd.DataFrame:
    """Measure what Section 5.3 says of the greedy association, on a few networks.

    Parameters
    ----------
    track : {"literal", "repaired"}
    seeds : iterable of int
        Networks.
    users : int
        N.

    Returns
    -------
    DataFrame
        A row for each network and method: mean time of an upload [s], charged or not, and of the
        servers' computing [s], users of the fullest server, and the users on servers of less than
        mean efficiency as a share of all.
    """
    rows = []
    for seed in seeds:
        network = Scenario.load(track).replace(users=users).draw(seed)
        weak = _weaker_servers(network)
        for method in _METHODS:
            solution = solve(network, method, seed)
            cost, own = solution.cost, solution.decision.association
            rows.append(
                {
                    "track": track,
                    "seed": seed,
                    "method": method,
                    "upload": cost.transmission_delay.mean(),
                    "computation": cost.edge_delay.mean(),
                    "fullest": np.bincount(own).max(),
                    "weaker": weak[own].mean(),
                }
            )
    return pd.DataFrame(rows)


def greedy_remarks(table: pd.DataFrame) -> dict[str, dict[str, Effect]]:
    """Greedy over the others in what each remark is about.

    Parameters
    ----------
    table : DataFrame
        Of `greedy_table`, one track.

    Returns
    -------
    dict
        D8 (time of the upload), D9 (of the servers' computing), D10 (users on weaker servers) →
        other method → greedy over it, paired over networks.
    """
    found = {}
    for remark, (metric, others) in _REMARKS.items():
        values = table.set_index(["method", "seed"])[metric]
        found[remark] = {
            other: effect(values["greedy"].to_numpy(), values[other].to_numpy()) for other in others
        }
    return found
