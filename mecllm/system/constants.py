"""Every constant of Sections 3 and 5: symbol, unit, meaning, and the bounds that physics sets.

The bounds are wide on purpose: they keep out slips of the unit and what no device, radio or model
has, and with it the products that floats or solvers could not carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from mecllm.system.formulation import Formulation
from mecllm.system.given import NOTHING, Given
from mecllm.system.parameters import Law, Provenance, Spec, parameter

_CLOCK = "from a microcontroller to ten times the fastest chip"
_KAPPA = "a hundred times beyond what data sheets of chips give, 1e-27 to 1e-22"
_CORES = "the largest accelerators have some 10,000 per chip"
_FLOPS = "tensor cores do some 1,000"
_POWER = "from a sensor's leakage to a broadcast tower"
_WEIGHT = "0 switches a term off; beyond, it would not count beside the others or they beside it"


@dataclass(frozen=True, eq=False)
class Constants:
    """Constants of Sections 3 and 5; `specs` gives each one's symbol, unit, meaning and bounds.

    Keys carry their unit. A `Law` is drawn per user or server, a plain value is shared.
    """

    name: str
    summary: str
    formulation: Formulation
    provenance: Mapping[str, Provenance] = field(repr=False)
    users: int = parameter(
        "N", "", "mobile users", 1, 10_000_000, "memory holds no more", whole=True
    )
    servers: int = parameter("M", "", "edge servers", 1, 100_000, "memory", whole=True)
    layers: int = parameter(
        "Υ", "", "transformer layers of the model", 2, 1_000,
        "two, so that α has room; the deepest transformers trained have 1,000", whole=True,
    )  # fmt: skip
    batch_size: int = parameter(
        "B", "", "sequences in a batch", 1, 1_000_000, "larger ones are not trained", whole=True
    )
    hidden_size: int = parameter(
        "h", "", "dimension of the hidden states", 1, 1_000_000, "the largest have 2e4", whole=True
    )
    tokens: Law = parameter(
        "d_n", "", "input tokens of a sequence", 1, 10_000_000,
        "the longest contexts are of this length", whole=True, drawn=True,
    )  # fmt: skip
    activation_bits: float = parameter(
        "s/(B d h)", "bit", "bits per activation sent to the server", 0.01, 64,
        "from compressed to double precision",
    )  # fmt: skip
    user_cores: Law = parameter(
        "C^U", "", "GPU cores of a device", 1, 1_000_000, _CORES, drawn=True
    )
    user_flops_per_cycle: Law = parameter(
        "D^U", "FLOP", "per cycle and core of a device", 0.01, 100_000, _FLOPS, drawn=True
    )
    user_frequency_max_GHz: Law = parameter(
        "f_n^max", "GHz", "top GPU clock of a device", 1e-3, 100, _CLOCK, drawn=True
    )
    user_kappa_W_per_Hz3: Law = parameter(
        "κ1", "W/(cycle/s)³", "power coefficient of a device", 1e-30, 1e-20, _KAPPA, drawn=True
    )
    server_cores: Law = parameter(
        "C^E", "", "GPU cores of a server", 1, 1_000_000, _CORES, drawn=True
    )
    server_flops_per_cycle: Law = parameter(
        "D^E", "FLOP", "per cycle and core of a server", 0.01, 100_000, _FLOPS, drawn=True
    )
    server_frequency_max_GHz: Law = parameter(
        "f_m^max", "GHz", "GPU clock a server shares out", 1e-3, 100, _CLOCK, drawn=True
    )
    server_kappa_W_per_Hz3: Law = parameter(
        "κ2", "W/(cycle/s)³", "power coefficient of a server", 1e-30, 1e-20, _KAPPA, drawn=True
    )
    bandwidth_MHz: Law = parameter(
        "b_m^max", "MHz", "bandwidth of a server", 1e-3, 1e5,
        "from one narrow-band carrier to all of the millimetre waves", drawn=True,
    )  # fmt: skip
    noise_dBm_per_Hz: float = parameter(
        "σ²", "dBm/Hz", "noise density", -210, -80,
        "thermal noise is -174 at 290 K; -134 dBm over 20 MHz, one reading of the paper, -207",
    )  # fmt: skip
    power_max_W: Law = parameter(
        "p_n^max", "W", "top transmit power", 1e-9, 1e6, _POWER, drawn=True
    )
    power_min_W: Law = parameter(
        "p_n^min", "W", "least transmit power (not in the paper)", 1e-15, 1e6, _POWER, drawn=True
    )
    path_loss_intercept_dB: float = parameter(
        "", "dB", "path loss at 1 km", 0, 250, "free space loses 60 dB at 24 MHz, 152 dB at 1 THz"
    )
    path_loss_slope_dB: float = parameter(
        "", "dB/decade", "path loss per decade of distance", 0, 100,
        "20 in free space, 60 through walls",
    )  # fmt: skip
    shadowing_dB: float = parameter(
        "", "dB", "standard deviation of log-normal shadowing", 0, 30, "measured: 2 to 12"
    )
    shape: str = parameter(
        "", "", "where users and servers stand", choices=("square", "disk", "sites")
    )
    size_km: float = parameter(
        "", "km", "side of the square or radius of the disk", 1e-3, 2e4,
        "from a room to half of the Earth's circumference",
    )  # fmt: skip
    distance_min_m: float = parameter(
        "", "m", "distances below it count as it", 1e-2, 1e5, "a wavelength at 30 GHz; 100 km"
    )
    samples: Law = parameter(
        "k_n", "", "fine-tuning samples of a user", 1, 1e12, "a share of none has no bound",
        drawn=True,
    )  # fmt: skip
    lipschitz: float = parameter(
        "L", "", "Lipschitz constant of the loss", 1e-6, 1e6, "its square enters the bound"
    )
    strong_convexity: float = parameter(
        "μ", "", "strong convexity of the loss", 0, 1e6, "beside 1 - α/Υ in the bound"
    )
    weight_energy: float = parameter(
        "ω_e", "", "weight of energy after normalisation", 1e-9, 1e9, _WEIGHT, zero=True
    )
    weight_delay: float = parameter(
        "ω_t", "", "weight of delay after normalisation", 1e-9, 1e9, _WEIGHT, zero=True
    )
    weight_stability: float = parameter(
        "ω_s", "", "weight of stability after normalisation", 1e-9, 1e9, _WEIGHT, zero=True
    )
    normalization: str = parameter("", "", "what a weight of 1 means", choices=("per_draw", "none"))
    admission_MHz: float = parameter(
        "", "MHz", "bandwidth a server reserves for each user it admits", 1e-6, 1e5,
        "as the bandwidth it is a share of",
    )  # fmt: skip
    user_sites: str = parameter("", "", "CSV of coordinates that users are drawn from", file=True)
    server_sites: str = parameter(
        "", "", "CSV of coordinates that servers are drawn from", file=True
    )
    file: str = field(default="scenario", repr=False)
    given: Given = NOTHING

    @classmethod
    def specs(cls) -> dict[str, Spec]:
        """Return the declaration of each parameter by key, in the order of the file."""
        return {f.name: f.metadata["spec"] for f in fields(cls) if "spec" in f.metadata}
