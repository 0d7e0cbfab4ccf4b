"""P2 as the peers see it: every number of order one, and a way back to a decision.

Written from equations (1)-(12) alone, χ binary, α integer, p, b and f^E continuous:

    min Σ_n [ α_n A_n + S_n/(e - α_n/Υ) + Σ_m χ_nm (U_nm(b, p) + (Υ - α_n) B_nm(f)) ]

    U(b, p) = u (t + w p) / (b ln(1 + x p/b)),    B(f) = d/f + h f²

with b and f as shares of the server's and p as a share of the user's maximum. f^U is the minimiser
of A, which meets nothing else, and is left to no solver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.allocation import user_frequency
from mecllm.system.arrays import Array, IntArray
from mecllm.system.model import Decision, local_layer_cost, server_load, stability_terms
from mecllm.system.network import Network

# A share below this is none: the cost of one alone is beyond that of any sensible decision.
LEAST_SHARE = 1e-7


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Constants of P2 in shares.

    Parameters
    ----------
    local : array (N,)
        A, cost of a layer at home.
    stability : array (N,)
        S = ω_s c.
    edge : float
        e of the stability's bound.
    time : float
        t, the price of the upload's time [1/s]; 0 where it is not charged.
    energy : array (N,)
        w [1/s], the price of the energy at full power.
    power_min : array (N,)
        Least p, a share of the most.
    upload : array (N, M)
        u [s], time of the upload at one nat a second and hertz over the whole band.
    snr : array (N, M)
        x, signal-to-noise ratio at full power over the whole band.
    slow, hot : array (N, M)
        d and h, cost of delay and energy of a layer at the server's whole clock.
    """

    local: Array
    stability: Array
    edge: float
    time: float
    energy: Array
    power_min: Array
    upload: Array
    snr: Array
    slow: Array
    hot: Array

    @classmethod
    def of(cls, network: Network) -> Coefficients:
        """Take them from a network, all N·M pairs."""
        n, weights = network, network.weights
        gain = n.gain[np.arange(n.users)[:, None], np.arange(n.servers)]
        scale, edge = stability_terms(n)
        clock, flops = n.server_frequency_max, n.flops_per_layer[:, None] / n.server_throughput
        return cls(
            local=local_layer_cost(n, user_frequency(n)),
            stability=weights.stability * scale,
            edge=edge,
            time=weights.delay if n.formulation.transmission_delay else 0.0,
            energy=weights.energy * n.power_max,
            power_min=n.power_min / n.power_max,
            upload=n.payload[:, None] * np.log(2) / n.bandwidth_max,
            snr=gain * n.power_max[:, None] / (n.noise_density * n.bandwidth_max),
            slow=weights.delay * flops / clock,
            hot=weights.energy * n.server_kappa * clock**2 * flops,
        )

    @property
    def power_max(self) -> Array:
        """Greatest power (N,), or the least where the upload is free in time, being best then."""
        return np.ones(len(self.local)) if self.time else self.power_min


def capacity_low(network: Network) -> float:
    """Least sum of the shares of a server: 1 where (9e) and (9g) are equalities, else 0."""
    return 1.0 if network.formulation.capacity == "equal" else 0.0


def decided(
    network: Network, association: IntArray, layers: Array, power: Array, band: Array, clock: Array
) -> Decision:
    """Return the decision of a solver's point, its last digits moved into the constraints.

    Parameters
    ----------
    association : int array (N,)
        χ.
    layers : array (N,)
        α.
    power, band, clock : array (N,)
        p, b and f^E as shares of their maxima.

    Returns
    -------
    Decision
        In SI units; sums over a server are at most, or exactly, the whole of it.
    """
    n, m, equal = network, association, capacity_low(network) == 1

    def within(share: Array) -> Array:
        total = server_load(n, m, share)[m]
        return share / (total if equal else np.maximum(total, 1.0))

    return Decision(
        association=m,
        local_layers=np.clip(layers, 1, n.layers - 1),
        power=np.clip(power * n.power_max, n.power_min, n.power_max),
        bandwidth=within(band) * n.bandwidth_max[m],
        user_frequency=user_frequency(n),
        server_frequency=within(clock) * n.server_frequency_max[m],
    )


def shares(network: Network, decision: Decision) -> tuple[Array, Array, Array]:
    """Return p, b and f^E (N,) of a decision as shares of their maxima.

    Parameters
    ----------
    decision : Decision
        Of this network.

    Returns
    -------
    tuple of array (N,)
        Power, bandwidth, clock.
    """
    m = decision.association
    return (
        decision.power / network.power_max,
        decision.bandwidth / network.bandwidth_max[m],
        decision.server_frequency / network.server_frequency_max[m],
    )
