"""The claims decided again under other settings, one at a time: what each verdict depends on.

A setting of the literal track changes what the paper leaves open, within its stated range, or one
printed formula or figure that a repair changes: a claim that no setting saves does not depend on
our choices. The declared alternatives are those choices of ours, on either track, that an informed
reader would have made otherwise; the ledger shows each that moves a verdict beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from mecllm.methods import Choices
from mecllm.study import figures as studies
from mecllm.study.checks import CHECKED, verdict
from mecllm.study.records import Record, stored
from mecllm.study.rules import Frames
from mecllm.study.run import run
from mecllm.study.setting import Setting
from mecllm.study.statistics import TIE_BAND
from mecllm.system.files import data_path
from mecllm.system.parameters import hardware
from mecllm.system.scenario import Scenario

# Fewer points than the figures: the ends of each axis, and what the shape of B4 needs.
_WEIGHTS = {"a": (1.0, 4.0, 10.0), "b": (1.0, 10.0), "c": (1.0, 10.0)}
_USERS = (20, 60, 100)
_STUDIES: dict[str, Callable[..., list[Record]]] = {
    "2": studies.figure_2,
    "3": partial(studies.figure_3, weights=_WEIGHTS),
    "5": partial(studies.figure_5, users=_USERS),
}
_CLAIMS = tuple(name for name in CHECKED if name[0] != "C")
# Networks a setting, the first of those of the figures; a repaired one costs three times as much.
_SEEDS = {"literal": 30, "repaired": 15}
# Half and twice the tie band, decided on the tables of the figures.
_BANDS = {f"tie band {band:g}": band for band in (TIE_BAND / 2, 2 * TIE_BAND)}
DECLARED = "as declared"

_DU, _AT_MOST = {"user_flops_per_cycle": 256.0}, {"capacity": "at_most"}
_DELAY = {"transmission_delay": True, "noise_dBm_per_Hz": -174.0, "power_min_W": 1e-7}
_CHIP = ("cores", "flops_per_cycle", "frequency_max_GHz", "kappa_W_per_Hz3")
# -134 dBm over the whole of a server's 20 MHz, in place of -134 dBm/Hz.
_TOTAL_NOISE = {"noise_dBm_per_Hz": -207.0}


def _chips() -> dict[str, Any]:
    """Real chips, which differ from user to user and from server to server."""
    repaired = Scenario.load("repaired")
    keys = [f"{side}_{figure}" for side in ("user", "server") for figure in _CHIP]
    return {key: getattr(repaired, key) for key in keys}


def _only(device: str) -> dict[str, Any]:
    """Give every user the same chip."""
    return {f"user_{figure}": hardware()[device][figure] for figure in _CHIP}


def _neighbours() -> dict[str, Setting]:
    """Return ends of the literal ranges, one at a time; then the repairs, alone and together.

    Then the repairs with the ends that favour sharing the work.
    """
    repairs = _DU | _AT_MOST | _DELAY
    split = {"user_kappa_W_per_Hz3": 5.5e-27, "server_kappa_W_per_Hz3": 2e-25}
    changes: dict[str, dict[str, Any]] = {
        "κ1 = 1e-26": {"user_kappa_W_per_Hz3": 1e-26},
        "κ2 = 1e-27": {"server_kappa_W_per_Hz3": 1e-27},
        "κ2 = 1e-24": {"server_kappa_W_per_Hz3": 1e-24},
        "σ² = -174 dBm/Hz": {"noise_dBm_per_Hz": -174.0},
        "N = 150": {"users": 150},
        "Σ ≤ max": _AT_MOST,
        "upload time, -174 dBm/Hz": _DELAY,
        "D^U = 256": _DU,
        "D^U = 256, Σ ≤ max": _DU | _AT_MOST,
        "D^U = 256, Σ ≤ max, upload time, -174 dBm/Hz": repairs,
        "the same, κ2 = 1e-24": repairs | {"server_kappa_W_per_Hz3": 1e-24},
        "the same, N = 150": repairs | {"users": 150},
        "the same, κ1 = 5.5e-27, κ2 = 2e-25": repairs | split,
        "Σ ≤ max, upload time, -174 dBm/Hz, chips of the repaired track": _AT_MOST
        | _DELAY
        | _chips(),
    }
    return {name: Setting(change) for name, change in changes.items()}


def _other_clock() -> dict[str, Any]:
    """κ2 of each track from the other one's clock: the power of the data sheet over clock³.

    The vendor guarantees the power at the base clock, which the repaired track takes; the literal
    one takes the top clock.
    """
    law = Scenario.load("repaired").server_kappa_W_per_Hz3
    sheet = pd.read_csv(data_path("hardware.csv"), index_col="name").loc[list(law.devices)]
    top = sheet["power_W"] / (1e9 * sheet["frequency_max_GHz"]) ** 3
    base = hardware()[law.devices[0]]["kappa_W_per_Hz3"]
    return {"literal": base, "repaired": replace(law, values=tuple(top))}


def _alternatives(track: str) -> dict[str, Setting]:
    """Choices of ours that could have been made otherwise on a track."""
    clock = {"literal": "base", "repaired": "boost"}[track]
    changes: dict[str, dict[str, Any]] = {
        f"κ2 at the {clock} clock": {"server_kappa_W_per_Hz3": _other_clock()[track]},
        "h = 4096": {"hidden_size": 4096},
        "no normalisation": {"normalization": "none"},
        "σ² as total noise": _TOTAL_NOISE,
        "gradients come back": {"activation_bits": 32.0},
    }
    if track == "repaired":
        changes |= {
            "users with an A15 only": _only("Apple A15 (5-core GPU)"),
            "users with an M2 only": _only("Apple M2 (10-core GPU)"),
        }
    choices = {
        "iterations stopped at 1e-4": Choices(stopped=True),
        "greedy in a random order": Choices(shuffled=True),
        "random shares from 0.5": Choices(share_min=0.5),
        "random α up to 16": Choices(layers_max=16),
    }
    return {
        **{name: Setting(change) for name, change in changes.items()},
        **{name: Setting(choices=choice) for name, choice in choices.items()},
        "server's time shared": Setting(time_shared=True),
    }


@cache
def settings_of(track: str) -> dict[str, Setting]:
    """Every setting of a track: as declared, the alternatives and, of the literal one, neighbours.

    Parameters
    ----------
    track : {"literal", "repaired"}

    Returns
    -------
    dict
        Description → setting.
    """
    near = _neighbours() if track == "literal" else {}
    return {DECLARED: Setting(), **_alternatives(track), **near}


def names(track: str) -> list[str]:
    """Name the settings of a track and the tie bands, in the order of the table.

    Parameters
    ----------
    track : {"literal", "repaired"}

    Returns
    -------
    list of str
    """
    return [*settings_of(track), *_BANDS]


def steps(track: str, name: str) -> int:
    """How many networks `decide` runs for a setting.

    Parameters
    ----------
    track : {"literal", "repaired"}
    name : str
        One of `names(track)`.

    Returns
    -------
    int
    """
    return 1 if name in _BANDS else _SEEDS[track] * len(_STUDIES)


def decide(
    track: str,
    name: str,
    workers: int = 1,
    part: Path | None = None,
    done: Callable[[], object] = lambda: None,
) -> pd.DataFrame:
    """Verdict of every claim about Figures 2, 3 and 5 under a setting.

    Parameters
    ----------
    track : {"literal", "repaired"}
    name : str
        One of `settings_of(track)`, or a tie band.
    workers, part, done
        As `mecllm.study.run.run` takes them; a part is extended by the number of each figure.

    Returns
    -------
    DataFrame
        Columns track, setting, claim, described, equal, verdict.
    """
    if name in _BANDS:
        frames = {figure: stored(figure, track) for figure in _STUDIES}
    else:
        setting = settings_of(track)[name]
        scenario = Scenario.load(track).replace(**setting.changes)
        frames = {
            figure: run(
                figure,
                partial(study, setting=setting),
                track,
                range(_SEEDS[track]),
                workers,
                part and part.with_name(f"{part.name}-{figure}"),
                done,
                scenario,
            )
            for figure, study in _STUDIES.items()
        }
    return pd.DataFrame(_rows(track, name, frames))


def _rows(track: str, name: str, frames: Frames) -> Iterator[dict[str, str]]:
    for claim in _CLAIMS:
        found = verdict(claim, frames, _BANDS.get(name, TIE_BAND), resamples=0)
        yield {
            "track": track,
            "setting": name,
            "claim": claim,
            "described": found.described.verdict,
            "equal": found.equal.verdict,
            "verdict": found.verdict,
        }


def stored_settings() -> pd.DataFrame:
    """Read `data/results/settings.csv`: the columns of `decide`."""
    return pd.read_csv(data_path("results", "settings.csv"), keep_default_na=False)
