"""Audits of the surrogate: whether K touches H, stays above it and shares its gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecllm.model import Decision, evaluate
from mecllm.network import Network
from mecllm.transform import auxiliary, gradient, surrogate, surrogate_gradient


@dataclass(frozen=True)
class Audit:
    """How well K serves as a surrogate of H at a point; all three are relative.

    Parameters
    ----------
    touch : float
        |K - H|/|H| at the point itself, equation (16): 0 up to rounding.
    majorise : float
        Smallest (K - H)/|H| over other points: never below 0 up to rounding.
    gradient : float
        Largest |∂K - ∂H|/scale over blocks, equations (32a)-(32e): 0 up to rounding.
    """

    touch: float
    majorise: float
    gradient: float


def audit(network: Network, decision: Decision, others: tuple[Decision, ...] = ()) -> Audit:
    """Check K against H: value and gradient at a decision, the bound at other ones."""
    aux = auxiliary(network, decision)
    value = evaluate(network, decision).objective
    touch = abs(surrogate(network, decision, aux) - value) / abs(value)
    gaps = [
        (surrogate(network, other, aux) - evaluate(network, other).objective) / abs(value)
        for other in (decision, *others)
    ]
    true, model = gradient(network, decision), surrogate_gradient(network, decision, aux)
    steepest = max(
        float(np.max(np.abs(true[key] - model[key])) / max(np.max(np.abs(true[key])), 1e-300))
        for key in true
    )
    return Audit(touch=touch, majorise=min(gaps), gradient=steepest)
