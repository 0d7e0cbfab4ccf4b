"""The main findings in words: each a sentence with its number, and where it is shown.

No number is typed: each is read from the stored tables, or computed in milliseconds.
"""

from __future__ import annotations

import numpy as np

from mecllm.allocation import allocate
from mecllm.study.certificates import stored_certificates
from mecllm.study.claims import COMPARISONS
from mecllm.study.dependence import shares
from mecllm.study.ledgers import ledger
from mecllm.study.records import stored
from mecllm.study.rules import HOLDS
from mecllm.study.statistics import Effect, effect, select
from mecllm.system.association import greedy
from mecllm.system.scenario import TRACKS, Scenario

# Floors of the power that span what the scenarios consider possible.
_FLOORS_W = (1e-1, 1e-3, 1e-7)
# "Survives": holds in at least so much of the space of both tracks, in both arrangements.
_SURVIVES = 0.9


def findings() -> list[tuple[str, str]]:
    """State the main findings.

    Returns
    -------
    list of (str, str)
        Sentence, in Markdown, and `chapter#label` of its evidence.
    """
    return [_layers(), _power(), _step(), _stability(), _gap(), _survivors()]


def _layers() -> tuple[str, str]:
    frame = stored(3, "literal")
    kept = frame[(frame["metric"] == "local_layers") & (frame["method"] == "proposed")]["value"]
    return (
        "**With the printed hardware there is nothing to share.** Every user keeps the one layer "
        f"that (9a) forces on it, in {np.mean(kept == 1):.0%} of {len(kept)} runs of the proposed "
        "method.",
        "09-figure-2#figure-2-why",
    )


def _power() -> tuple[str, str]:
    at_floor = []
    for floor in _FLOORS_W:
        network = Scenario.load("literal").replace(power_min_W=floor).draw(0)
        power = allocate(network, greedy(network)).decision.power
        at_floor.append(np.mean(power <= floor))
    floors = ", ".join(f"{floor:g}" for floor in _FLOORS_W)
    return (
        "**The printed problem has no optimal power.** Sending more slowly always costs less: with "
        f"a floor of {floors} W, {min(at_floor):.0%} of the users send at the floor. Proposition 1 "
        "fails with it, and holds once the upload's time is charged or a floor is declared.",
        "06-kkt#kkt-drift",
    )


def _step() -> tuple[str, str]:
    described, equal = (_energy(other) for other in ("alternating", "alternating_chi"))
    return (
        "**The χ-step wins, not the fractional transform.** Against alternating optimisation the "
        f"proposed method needs {described} of the energy; once that has the χ-step too, {equal}.",
        "10-figure-3#figure-3-alternatives",
    )


def _energy(other: str) -> Effect:
    """Energy of the proposed method over another's at weights of one, repaired track."""
    frame = stored(3, "repaired")
    one, two = (select(frame, "energy", name, "a")[1.0] for name in ("proposed", other))
    return effect(one.to_numpy(), two.to_numpy())


def _stability() -> tuple[str, str]:
    frame = stored(2, "repaired").query("metric == 'split_users'")
    split = frame.groupby("method")["value"].sum()
    users = frame["seed"].nunique() * Scenario.load("repaired").users
    return (
        "**Stability does not depend on α in the system described.** The server tunes the layers "
        "that the user does not, so that all are tuned whatever α is: the bound of Theorem 1 is "
        "true and is put to a share that is always one. The figures rest on that reading: without "
        f"the term {split['no_stability']:.0f} instead of {split['proposed']:.0f} of {users} users "
        "split their layers on the repaired track.",
        "10-figure-3#figure-3-share",
    )


def _gap() -> tuple[str, str]:
    table = stored_certificates().query("users == 50 and servers == 10")
    gaps = (1 - table["lower_bound"] / table["objective"]).groupby([table.track, table.method])
    found = gaps.median()
    paper, ours = (
        " and ".join(f"{found[track, method]:.2g} ({track})" for track in TRACKS)
        for method in ("proposed", "priced")
    )
    return (
        f"**How far from optimal?** The median distance to a certified bound is {paper} for the "
        f"proposed method, {ours} for the solver of this book.",
        "15-certificates#certificates",
    )


def _survivors() -> tuple[str, str]:
    def least(claim: str) -> float:
        return min(share.holds for track in TRACKS for share in shares(track, claim).values())

    decided = [c for c in ledger() if c.id in COMPARISONS and shares("literal", c.id)]
    held = [c for c in decided if all(c.on(track) == HOLDS for track in TRACKS)]
    wide = [c.id for c in decided if least(c.id) >= _SURVIVES]
    named = ", ".join(f"{c} ({COMPARISONS[c].text}: {least(c):.0%})" for c in wide)
    return (
        f"**What survives?** Of {len(decided)} comparisons of methods {len(held)} hold on both "
        f"tracks, and {len(wide)} in nine tenths of the space of the constants that the paper "
        f"leaves open{': ' if wide else ''}{named}.",
        "14-sensitivity#sensitivity-shares",
    )
