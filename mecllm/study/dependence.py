"""What a verdict depends on: the settings that move it, and the share of the space it holds in."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pandas as pd

from mecllm.study.checks import CHECKED
from mecllm.study.ledgers import ledger
from mecllm.study.rules import HOLDS
from mecllm.study.settings import DECLARED, stored_settings
from mecllm.system.files import data_path
from mecllm.system.scenario import TRACKS


class Share(NamedTuple):
    """Share of the atlas' points at which a claim holds, with Wilson's 95 % interval."""

    holds: float
    low: float
    high: float

    def __str__(self) -> str:
        """As percentages."""
        return f"{self.holds:.0%} [{self.low:.0%}, {self.high:.0%}]"


def moved(track: str, claim: str) -> dict[str, str]:
    """List the settings under which a claim has another verdict.

    The settings look at fewer networks, and at fewer points of each axis, than the figures do. What
    that alone would change is not counted: a verdict is another one if it differs from that of the
    ledger and from that of the declared setting on the same networks and points.

    Parameters
    ----------
    track : {"literal", "repaired"}
    claim : str
        Its id.

    Returns
    -------
    dict
        Setting → verdict; empty too for claims that the settings do not decide.
    """
    table = _settings().get((track, claim), {})
    same = {table.get(DECLARED), *(c.on(track) for c in ledger() if c.id == claim)}
    return {name: found for name, found in table.items() if found not in same}


@cache
def _settings() -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in stored_settings().to_dict("records"):
        found.setdefault((row["track"], row["claim"]), {})[row["setting"]] = row["verdict"]
    return found


def shares(track: str, claim: str) -> dict[bool, Share]:
    """Share of the space in which a claim holds.

    Parameters
    ----------
    track : {"literal", "repaired"}
    claim : str
        Its id.

    Returns
    -------
    dict
        Whether on equal terms → share; empty for a claim that the atlas does not decide.
    """
    return _shares().get((track, claim), {})


@cache
def _shares() -> dict[tuple[str, str], dict[bool, Share]]:
    found: dict[tuple[str, str], dict[bool, Share]] = {}
    for row in _stored_shares().to_dict("records"):
        share = Share(row["holds"], row["low"], row["high"])
        found.setdefault((row["track"], row["claim"]), {})[row["equal"]] = share
    return found


def _stored_shares() -> pd.DataFrame:
    """Read `data/results/shares.csv`: the columns of `mecllm.atlas.shares` and `equal`."""
    return pd.read_csv(data_path("results", "shares.csv"))


def contradictions() -> list[str]:
    """Name the verdicts that most of the space contradicts and whose entry has no note on it.

    A claim that holds on the stated constants and in less than half of the space, or the other way
    round, is either a matter of the constants or of what is compared: its note says which.

    Returns
    -------
    list of str
        A line each.
    """
    return [
        f"{claim.id} on the {track} track: {claim.on(track)}, and holds in {share} of the space"
        for claim in ledger()
        if claim.id in CHECKED and not claim.note
        for track in TRACKS
        for share in [shares(track, claim.id).get(True)]
        if share is not None and (claim.on(track) == HOLDS) != (share.holds > 1 / 2)
    ]
