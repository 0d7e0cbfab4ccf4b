"""What it takes: the claims of Section 5 decided again under other settings of the literal track.

Every setting changes what the paper leaves open, within its stated range, or one printed formula
or figure that a repair changes. A claim that no setting saves does not depend on our choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

import pandas as pd

from mecllm.study import figures as studies
from mecllm.study.checks import CHECKS
from mecllm.study.run import Study, run
from mecllm.system.files import data_path
from mecllm.system.scenario import TRACKS, Scenario

_DU, _AT_MOST = {"user_flops_per_cycle": 256.0}, {"capacity": "at_most"}
_DELAY = {"transmission_delay": True, "noise_dBm_per_Hz": -174.0, "power_min_W": 1e-7}
# Fewer points than the figures: the ends and the middle of each axis.
_WEIGHTS, _USERS = (1.0, 5.0, 9.0, 10.0), (20, 60, 100)
_STUDIES: dict[str, Study] = {
    "2": studies.figure_2,
    "3": partial(studies.figure_3, weights=_WEIGHTS),
    "5": partial(studies.figure_5, users=_USERS),
}
_CLAIMS = tuple(name for name in CHECKS if name[0] in "ABD")
_SEEDS = 10


def _chips() -> dict[str, Any]:
    """Real chips, which differ from user to user and from server to server."""
    repaired = Scenario.load("repaired")
    return {
        f"{side}_{figure}": getattr(repaired, f"{side}_{figure}")
        for side in ("user", "server")
        for figure in ("cores", "flops_per_cycle", "frequency_max_GHz", "kappa_W_per_Hz3")
    }


@cache
def _settings() -> dict[str, dict[str, Any]]:
    """Return description → changes, `SETTINGS`.

    Ends of the ranges that the scenario declares, one at a time; then the repairs, one at a time
    and together; then the repairs with the ends that favour sharing the work.
    """
    return {
        "as stated": {},
        "κ1 = 1e-28": {"user_kappa_W_per_Hz3": 1e-28},
        "κ1 = 1e-26": {"user_kappa_W_per_Hz3": 1e-26},
        "κ2 = 1e-27": {"server_kappa_W_per_Hz3": 1e-27},
        "κ2 = 1e-24": {"server_kappa_W_per_Hz3": 1e-24},
        "σ² = -174 dBm/Hz": {"noise_dBm_per_Hz": -174.0},
        "p_min = 1e-7 W": {"power_min_W": 1e-7},
        "p_min = 0.1 W": {"power_min_W": 0.1},
        "0.5 km square": {"size_km": 0.5},
        "N = 20": {"users": 20},
        "N = 150": {"users": 150},
        "Σ ≤ max": _AT_MOST,
        "upload time, -174 dBm/Hz": _DELAY,
        "D^U = 256": _DU,
        "D^U = 256, Σ ≤ max": _DU | _AT_MOST,
        "D^U = 256, Σ ≤ max, upload time, -174 dBm/Hz": _DU | _AT_MOST | _DELAY,
        "the same, κ1 = 1e-28": _DU | _AT_MOST | _DELAY | {"user_kappa_W_per_Hz3": 1e-28},
        "the same, κ2 = 1e-24": _DU | _AT_MOST | _DELAY | {"server_kappa_W_per_Hz3": 1e-24},
        "the same, N = 150": _DU | _AT_MOST | _DELAY | {"users": 150},
        "the same, κ1 = 5.5e-27, κ2 = 2e-25": _DU
        | _AT_MOST
        | _DELAY
        | {"user_kappa_W_per_Hz3": 5.5e-27, "server_kappa_W_per_Hz3": 2e-25},
        "Σ ≤ max, upload time, -174 dBm/Hz, chips of the repaired track": _AT_MOST
        | _DELAY
        | _chips(),
    }


#: `_settings()`, read when it is first asked for.
SETTINGS: dict[str, dict[str, Any]]


def __getattr__(name: str) -> dict[str, dict[str, Any]]:
    if name != "SETTINGS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _settings()


def decide(
    names: Iterable[str] | None = None,
    seeds: int = _SEEDS,
    workers: int = 1,
    done: Callable[[], object] = lambda: None,
) -> pd.DataFrame:
    """Verdict of every claim about Figures 2, 3 and 5 under each setting, or those named.

    Parameters
    ----------
    names : iterable of str, optional
        Of `SETTINGS`; all by default.
    seeds : int
        Networks a setting.
    workers : int
        Processes.
    done : callable
        Called after each setting.

    Returns
    -------
    DataFrame
        Columns setting, claim, verdict, numbers.
    """
    rows: list[tuple[str, str, str, str]] = []
    for name in _settings() if names is None else names:
        rows += _rows(name, seeds, workers)
        done()
    return pd.DataFrame(rows, columns=["setting", "claim", "verdict", "numbers"])


def _rows(name: str, seeds: int, workers: int) -> Iterator[tuple[str, str, str, str]]:
    scenario = Scenario.load(TRACKS["literal"]).replace(**_settings()[name])
    frames = {
        figure: run(figure, study, "literal", range(seeds), workers, scenario=scenario)
        for figure, study in _STUDIES.items()
    }
    for claim in _CLAIMS:
        verdict, numbers = CHECKS[claim](frames)
        yield name, claim, verdict, numbers


def stored_settings() -> pd.DataFrame:
    """Read `data/results/settings.csv`."""
    return pd.read_csv(data_path("results", "settings.csv"), keep_default_na=False)
