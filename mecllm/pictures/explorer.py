"""The explorer: one typical user's best split in the page, sliders for what decides it.

The page computes in the reader's browser. Its formulas are printed from SymPy by
`mecllm.pictures.javascript` and its constants are those of `mecllm.pictures.typical`; what is left
to the page is to call them in order, to bisect for the power and to draw (`explorer.js`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from html import escape
from pathlib import Path

from mecllm.pictures.javascript import SYMBOLS, functions, user_expressions
from mecllm.pictures.parts import COMPONENTS
from mecllm.pictures.style import PALETTE, SERIES
from mecllm.pictures.typical import HERE, Setting, typical_network
from mecllm.system.constraints import LEAST_CLOCK
from mecllm.system.model import reference_decision
from mecllm.system.network import Network
from mecllm.system.scenario import TRACKS
from mecllm.theory.derive_run import arguments, track_of


@dataclass(frozen=True)
class Slider:
    """A field of `Setting`, what stands beside its slider, and the values that it takes.

    A slider over a list shows round numbers and takes logarithmic steps where they are wanted.
    """

    key: str
    label: str
    unit: str
    values: tuple[float, ...]


_WEIGHTS = (0.0, 0.1, 0.2, 0.5, 1.0, 1.5, *map(float, range(2, 11)))
_DECADES = (*(float(f"{m}e{e}") for e in range(-1, 4) for m in (1, 1.5, 2, 3, 5, 7)), 1e4)
# Values of the two tracks' own settings stand on each slider: 17 and 60 among the ratios.
SLIDERS: tuple[Slider, ...] = (
    Slider("delay", "Weight of delay, ω<sub>t</sub>", "", _WEIGHTS),
    Slider("energy", "Weight of energy, ω<sub>e</sub>", "", _WEIGHTS),
    Slider("stability", "Weight of stability, ω<sub>s</sub>", "", _WEIGHTS),
    Slider(
        "kappa_ratio",
        "Power coefficients, κ<sub>2</sub>/κ<sub>1</sub>",
        "",
        tuple(sorted((*_DECADES, 17.0, 60.0))),
    ),
    Slider(
        "flops_per_cycle",
        "Device core, D<sup>U</sup>",
        "FLOP/cycle",
        tuple(sorted((*(2.0**k for k in range(10)), *(3 * 2.0**k for k in range(8))))),
    ),
    Slider("users", "Users per server, n", "", tuple(map(float, range(1, 16)))),
)


def page(presets: Mapping[str, Setting]) -> str:
    """HTML of the explorer; needs nothing but itself, and depends on its arguments alone.

    Parameters
    ----------
    presets : mapping
        Name → setting that the reader can jump to; the first is shown at the start.

    Raises
    ------
    ValueError
        For a preset with a value that its slider does not have.
    """
    tracks = {track: _track(track) for track in TRACKS}
    series = {"split": "proposed", "edge_only": "edge_only", "local_only": "local_only"}
    parts = [
        *({"label": label, "color": color} for _, label, color, _ in COMPONENTS["energy"]),
        {"label": "stability", "color": PALETTE["purple"]},
    ]
    data = {
        "symbols": {name: str(symbol) for name, symbol in SYMBOLS.items()},
        "tracks": tracks,
        "least_clock": LEAST_CLOCK,
        "sliders": {slider.key: slider.values for slider in SLIDERS},
        "units": {slider.key: slider.unit for slider in SLIDERS},
        "presets": {name: _places(setting) for name, setting in presets.items()},
        "series": {
            name: {"color": SERIES[key].color, "marker": SERIES[key].marker}
            for name, key in series.items()
        },
        "parts": dict(zip(("device", "upload", "server", "bound"), parts, strict=True)),
    }
    code = {track: functions(user_expressions(track_of(_base(track)))) for track in TRACKS}
    formulas = ",\n".join(f"{json.dumps(track)}: {text}" for track, text in code.items())
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    script = _part(".js").replace("@FUNCTIONS@", "{" + formulas + "}").replace("@DATA@", content)
    return (
        _part(".html")
        .replace("@CONTROLS@", "\n".join(map(_control, SLIDERS)))
        .replace("@TRACKS@", _choices(TRACKS))
        .replace("@PRESETS@", _choices(presets))
        .replace("@SCRIPT@", script)
    )


def _part(ending: str) -> str:
    return Path(__file__).with_suffix(ending).read_text(encoding="utf-8")


def _base(track: str) -> Network:
    ones = dict.fromkeys((field.name for field in fields(Setting)), 1.0)
    return typical_network(Setting(**(ones | {"track": track})))  # type: ignore[arg-type]


def _track(track: str) -> dict[str, object]:
    """Constants of a track by the names of their symbols, every variable at its reference point."""
    network = _base(track)
    values = arguments(network, reference_decision(network, HERE))
    weights = [SYMBOLS[name] for name in ("delay", "energy", "stability")]
    return {
        "values": {str(s): _ten_digits(v.item()) for s, v in values.items() if s not in weights},
        "power_min": _ten_digits(network.power_min[0]),
        "equal": network.formulation.capacity == "equal",
    }


def _ten_digits(value: float) -> float:
    """Round a number: its last digits differ between machines, and no slider shows as many."""
    return float(f"{value:.10g}")


def _places(setting: Setting) -> dict[str, str | int]:
    """Track of a setting and the place of each value on its slider."""
    values = asdict(setting)
    places = {slider.key: slider.values.index(values[slider.key]) for slider in SLIDERS}
    return {"track": setting.track, **places}


def _choices(names: Iterable[str]) -> str:
    return "".join(f"<option>{escape(name)}</option>" for name in names)


def _control(slider: Slider) -> str:
    name = f"split-{slider.key}"
    return (
        f'<div class="split-control"><label for="{name}">{slider.label}</label>'
        f'<output id="{name}-value" for="{name}"></output>'
        f'<input type="range" id="{name}" min="0" max="{len(slider.values) - 1}" step="1"></div>'
    )
