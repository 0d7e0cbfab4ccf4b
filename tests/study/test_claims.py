"""The ledger: complete, linked, recomputable, and sensitive to flipped signs or swapped methods."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from html import escape

import numpy as np
import pandas as pd
import pytest

from mecllm.errors import ScenarioError
from mecllm.study import ledgers as claims, settings as regimes
from mecllm.study.checks import CHECKED, check
from mecllm.study.claims import COMPARISONS, Order, margin
from mecllm.study.dependence import _stored_shares, contradictions, moved, shares
from mecllm.study.html import (
    comparison_table,
    ledger_table,
    settings_table,
    track_table,
    verdict_table,
)
from mecllm.study.ledgers import VERDICTS, differences, ledger, results, verdict_counts
from mecllm.study.rules import HOLDS, ONLY_IF, RULES
from mecllm.system.scenario import TRACKS, Scenario

IDS = [
    *(f"T{n}" for n in range(1, 41)),
    *(f"S{n}" for n in range(1, 11)),
    *(f"N{n}" for n in range(1, 4)),
    *(f"A{n}" for n in range(1, 4)),
    *(f"B{n}" for n in range(1, 12)),
    *(f"C{n}" for n in range(1, 4)),
    *(f"D{n}" for n in range(1, 11)),
    *(f"E{n}" for n in range(1, 4)),
    *(f"L{n}" for n in range(1, 9)),
]


@pytest.fixture(scope="module")
def tables():
    return {track: results(track) for track in TRACKS}


def test_every_claim_has_its_line() -> None:
    assert [claim.id for claim in ledger()] == IDS
    for claim in ledger():
        assert all([claim.where, claim.statement, claim.reason])
        assert re.fullmatch(r"\d\d-[a-z0-9-]+#[a-z0-9-]+", claim.evidence)
        needs = any(claim.on(track) == ONLY_IF for track in TRACKS)
        assert needs <= ("only if" in claim.reason.lower()), claim.id


@pytest.mark.parametrize("track", TRACKS)
def test_recorded_verdicts_are_what_the_data_say(tables, track) -> None:
    assert differences(track, tables[track]) == []


@pytest.mark.parametrize("track", TRACKS)
def test_swapping_two_methods_is_noticed(tables, track) -> None:
    swaps = {
        "2": {"proposed": "edge_only", "edge_only": "proposed"},
        "3": {"proposed": "resource_only", "resource_only": "proposed"},
        "4": {"M=5": "M=20", "M=20": "M=5"},
        "5": {"proposed": "random", "random": "proposed"},
    }
    if track == "repaired":
        del swaps["4"]  # C2 is undecided there, and so is its mirror image
    for figure, swap in swaps.items():
        frame = tables[track][figure]
        method = frame["method"].replace(swap).where(frame["panel"] != "far", frame["method"])
        changed = {**tables[track], figure: frame.assign(method=method)}
        assert differences(track, changed), f"figure {figure}"


@pytest.mark.parametrize("track", TRACKS)
def test_flipping_the_sign_of_the_data_is_noticed(tables, track) -> None:
    """Every decided superiority must turn round when large and small are exchanged."""
    flipped = {
        figure: frame.assign(value=np.where(frame["value"] != 0, 1 / frame["value"], 0))
        for figure, frame in tables[track].items()
    }
    for name in CHECKED:
        if name in {"A2", "B4", "B5", "C1", "C3", "D4"}:
            continue  # about a distance, a shape or a bound, not about who is lower
        found = [check(name, frames, resamples=0).verdict for frames in (tables[track], flipped)]
        assert found != [HOLDS, HOLDS], name


@pytest.mark.parametrize("prefix", ["A", "B", "D"])
def test_flipping_a_check_fails_the_ledger(tables, prefix, monkeypatch) -> None:
    for name, claim in COMPARISONS.items():
        orders = tuple(Order(order.higher, order.lower) for order in claim.orders)
        rule, other = RULES[name], replace(claim, orders=orders)
        if name != "B10":  # which looks at a shape as well
            samples = partial(rule.samples.func, other)
            monkeypatch.setitem(RULES, name, replace(rule, samples=samples))
    wrong = [line for track in TRACKS for line in differences(track, tables[track])]
    assert any(line.startswith(prefix) for line in wrong)


def test_counts_add_up() -> None:
    for track in TRACKS:
        assert sum(verdict_counts(track).values()) == len(IDS)
        assert sum(verdict_counts(track, "B").values()) == 11
        assert set(verdict_counts(track)) == set(VERDICTS)


def test_verdicts_and_shares_of_the_space_agree_or_say_why(monkeypatch) -> None:
    assert contradictions() == []
    noted = [claim for claim in ledger() if claim.note]
    assert all(claim.id in CHECKED for claim in noted)
    bare = tuple(replace(claim, note="") for claim in ledger())
    monkeypatch.setattr("mecllm.study.dependence.ledger", lambda: bare)
    # Every note is needed.
    assert {line.partition(" ")[0] for line in contradictions()} == {claim.id for claim in noted}


GOOD = """
[[claim]]
id = "T1"
where = "w"
statement = "s"
verdict = { both = "holds" }
reason = "r"
evidence = "02-a#b"
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("holds", "maybe"), "maybe"),
        (('reason = "r"\n', ""), "reason"),
        (("both", "literal"), "verdict"),
        (("T1", "A1"), "A1.verdict"),
        (("", GOOD), "T1"),
    ],
)
def test_a_faulty_ledger_is_refused(tmp_path, monkeypatch, change, message) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(GOOD + change[1] if not change[0] else GOOD.replace(*change), encoding="utf-8")
    monkeypatch.setattr(claims, "data_path", lambda *_: path)
    with pytest.raises(ScenarioError, match=message):
        ledger()


def test_tables_are_plain_and_linked() -> None:
    text = ledger_table()
    assert text.count("<tr id=") == len(IDS)
    assert '<tr id="claim-a1" data-verdicts=' in text
    assert 'href="09-figure-2.html#figure-2-verdicts"' in text
    short = verdict_table(["A1", "A3"])
    assert short.count("<tr>") == 3


@pytest.mark.parametrize("track", TRACKS)
def test_every_setting_has_a_verdict_on_every_claim(track) -> None:
    table = regimes.stored_settings()
    table = table[table["track"] == track]
    assert list(table["setting"].unique()) == regimes.names(track)
    assert (table.groupby("setting")["claim"].apply(tuple) == regimes._CLAIMS).all()
    assert set(table["verdict"]) <= set(VERDICTS)


@pytest.mark.parametrize("track", TRACKS)
def test_the_declared_setting_agrees_with_the_ledger(track) -> None:
    """It has fewer networks and points: what holds may lack certainty there, but is not refuted."""
    table = regimes.stored_settings().set_index(["track", "setting", "claim"])["verdict"]
    for claim in ledger():
        if claim.id in regimes._CLAIMS and claim.on(track) == HOLDS:
            assert table[track, regimes.DECLARED, claim.id] in (HOLDS, ONLY_IF), claim.id


def test_a_setting_is_decided_again(monkeypatch) -> None:
    monkeypatch.setattr(regimes, "_STUDIES", {"2": regimes._STUDIES["2"]})
    monkeypatch.setattr(regimes, "_CLAIMS", ("A1", "A2", "A3"))
    again = regimes.decide("literal", "κ1 = 1e-26")
    key = ["track", "setting", "claim"]
    kept = regimes.stored_settings().merge(again, on=key, suffixes=("", "_again"))
    assert len(kept) == 3
    for column in ("described", "equal", "verdict"):
        assert (kept[column] == kept[f"{column}_again"]).all()


def test_every_setting_that_moves_a_verdict_stands_beside_it() -> None:
    text = ledger_table()
    for track in TRACKS:
        for name in regimes._CLAIMS:
            for setting, found in moved(track, name).items():
                assert escape(f"{setting}: {found}") in text


def test_every_share_stands_beside_its_verdict() -> None:
    text = ledger_table()
    table = _stored_shares()
    assert len(table) == 2 * len(TRACKS) * table["claim"].nunique()
    for row in table.itertuples():
        share = shares(row.track, row.claim)[row.equal]
        assert f"{share}" in text
        assert share.low <= share.holds <= share.high


@pytest.mark.parametrize("name", COMPARISONS)
def test_margin_is_positive_where_a_claim_holds_and_negative_where_it_fails(name) -> None:
    claim = COMPARISONS[name]

    def get_from(order):
        """Methods in an order, each 5 % above the one before."""
        values = {method: 1.05**place for place, method in enumerate(order)}
        return lambda metric, method: pd.Series([values[method]])

    rising = {
        "A2": ["proposed", "edge_only", "local_only"],
        "B2": ["proposed", "alternating", "alpha_only", "resource_only"],
    }
    lower = [order.lower for order in claim.orders]
    higher = [order.higher for order in claim.orders]
    methods = rising.get(name, list(dict.fromkeys([*lower, *higher])))
    assert margin(claim, get_from(methods)).item() > 0.01
    falling = {"A2": ["proposed", "local_only", "edge_only"]}.get(name, methods[::-1])
    assert margin(claim, get_from(falling)).item() < -0.01


def test_margin_calls_equal_methods_a_tie_and_knows_the_most() -> None:
    for claim in COMPARISONS.values():
        assert margin(claim, lambda metric, method: pd.Series([3.0])).item() == 0

    def energy(greedy):
        return lambda metric, method: pd.Series([greedy if method == "greedy" else 1.0])

    found = [margin(COMPARISONS["D4"], energy(value)).item() for value in (0.9, 1.04, 1.2)]
    assert found == pytest.approx([-0.1, 0.04, -0.1])


def test_a_matrix_shows_verdicts_as_signs_with_their_names_and_what_a_setting_moves() -> None:
    text = settings_table(["B9", "A2"])
    head, body = text.split("<tbody>")
    assert all(f"</span> {verdict}" in head for verdict in VERDICTS)
    first = body.split("</tr>")[0]
    assert first.count("<td>literal</td><td>as declared</td>") == 1
    assert '<td class="ties"><span role="img" aria-label="ties" title="ties">=</span></td>' in first
    assert "<strong>" not in first
    moved = next(row for row in body.split("</tr>") if "repaired</td><td>no normalisation" in row)
    assert moved.count("<strong>") == 2
    assert moved.count("✗") == 2


def test_every_comparison_stands_with_its_verdict_and_its_ratio() -> None:
    rows = re.findall(r"<tr><td>(\w+)</td><td>.*?</td>(.*?)</tr>", comparison_table())
    assert [name for name, _ in rows] == list(COMPARISONS)
    found = {track: claims.decide(results(track), tuple(COMPARISONS)) for track in TRACKS}
    for name, cells in rows:
        shown = re.findall(r"<td><strong>(.*?)</strong>(.*?)</td>", cells)
        assert [verdict for verdict, _ in shown] == [found[t][name].verdict for t in TRACKS]
        assert all(re.search(r"×\S+ \[\S+, \S+\]", numbers) for _, numbers in shown)


def test_the_table_of_the_tracks_has_what_differs_and_nothing_else() -> None:
    keys = re.findall(r"<code>(\w+)</code>", track_table())
    literal, repaired = map(Scenario.load, TRACKS)
    assert keys == [k for k in literal.provenance if getattr(literal, k) != getattr(repaired, k)]
    assert "power_min_W" in keys
    assert "bandwidth_MHz" not in keys
