"""Section 3 as functions of arrays: what a layer and an upload take, before anything is decided."""

from __future__ import annotations

import numpy as np

from mecllm.system.arrays import Array


def flops_per_layer(tokens: Array, batch_size: float, hidden_size: float) -> Array:
    """ψ(d) = 72 B d h² + 12 B d² h [FLOP], one transformer layer and one batch (Section 3).

    The paper calls it "FLOPs per token"; chapter 2 shows that it is per layer and batch.

    Parameters
    ----------
    tokens : array
        d, input tokens of a sequence.
    batch_size, hidden_size : float
        B and h.

    Returns
    -------
    array
        [FLOP], like `tokens`.
    """
    return 72 * batch_size * tokens * hidden_size**2 + 12 * batch_size * tokens**2 * hidden_size


def computation_delay(flops: Array, frequency: Array, throughput: Array) -> Array:
    """Time [s] of one layer, ψ/(f C D): equations (1) and (5).

    Parameters
    ----------
    flops, throughput : array
        ψ [FLOP] and C D [FLOP per cycle].
    frequency : array
        f [Hz].

    Returns
    -------
    array
        [s].
    """
    return flops / (frequency * throughput)


def computation_energy(flops: Array, frequency: Array, throughput: Array, kappa: Array) -> Array:
    """Energy [J] of one layer, κ f² ψ/(C D): equations (2) and (6).

    Parameters
    ----------
    flops, throughput : array
        ψ [FLOP] and C D [FLOP per cycle].
    frequency : array
        f [Hz].
    kappa : array
        κ [W/(cycle/s)³].

    Returns
    -------
    array
        [J].
    """
    return kappa * frequency**2 * flops / throughput


def transmission_rate(bandwidth: Array, power: Array, gain: Array, noise_density: float) -> Array:
    """Shannon rate r [bit/s] = b log2(1 + g p/(σ² b)), with σ² [W/Hz]; Section 3.1.

    Parameters
    ----------
    bandwidth : array
        b [Hz].
    power : array
        p [W].
    gain : array
        g, dimensionless.
    noise_density : float
        σ² [W/Hz].

    Returns
    -------
    array
        [bit/s].
    """
    # log1p keeps the rate accurate at the literal track's signal-to-noise ratios of 1e-2 and less.
    return bandwidth * np.log1p(gain * power / (noise_density * bandwidth)) / np.log(2)


def layer_cost_slopes(
    flops: Array,
    frequency: Array,
    throughput: Array,
    kappa: Array,
    delay: float,
    energy: float,
) -> tuple[Array, Array]:
    """Give what one more hertz takes off the cost of a layer and what it adds to it.

    The slope ∂A/∂f or ∂B/∂f of (14) and (15) is the second less the first.

    Parameters
    ----------
    flops, throughput : array
        ψ [FLOP] and C D [FLOP per cycle].
    frequency : array
        f [Hz].
    kappa : array
        κ [W/(cycle/s)³].
    delay, energy : float
        ω_t [1/s] and ω_e [1/J].

    Returns
    -------
    saved, added : array
        ω_t T/f and 2 ω_e E/f [1/Hz].
    """
    saved = delay * computation_delay(flops, frequency, throughput) / frequency
    added = 2 * energy * computation_energy(flops, frequency, throughput, kappa) / frequency
    return saved, added
