"""The ledger: complete, linked, recomputable, and sensitive to flipped signs or swapped methods."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mecllm.errors import ScenarioError
from mecllm.study import ledgers as claims, settings as regimes
from mecllm.study.checks import CHECKS, FAILS, HOLDS, OPEN, _compare
from mecllm.study.claims import COMPARISONS, SUMMARIES, Order, margin
from mecllm.study.html import ledger_table, verdict_table
from mecllm.study.ledgers import _ONLY_IF, VERDICTS, differences, ledger, results, verdict_counts
from mecllm.system.scenario import TRACKS

IDS = [
    *(f"T{n}" for n in range(1, 40)),
    *(f"S{n}" for n in range(1, 11)),
    *(f"N{n}" for n in range(1, 4)),
    *(f"A{n}" for n in range(1, 4)),
    *(f"B{n}" for n in range(1, 12)),
    *(f"C{n}" for n in range(1, 4)),
    *(f"D{n}" for n in range(1, 11)),
    *(f"E{n}" for n in range(1, 4)),
]


@pytest.fixture(scope="module")
def tables():
    return {track: results(track) for track in TRACKS}


def test_every_claim_has_its_line() -> None:
    assert [claim.id for claim in ledger()] == IDS
    for claim in ledger():
        assert all([claim.where, claim.statement, claim.reason])
        assert re.fullmatch(r"\d\d-[a-z0-9-]+#[a-z0-9-]+", claim.evidence)
        assert (claim.overall == _ONLY_IF) <= (claim.simulated or "only if" in claim.reason)


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
    if track == "literal":
        del swaps["4"]  # C2 is undecided there, and so is its mirror image
    for figure, swap in swaps.items():
        frame = tables[track][figure].replace({"method": swap})
        assert differences(track, {**tables[track], figure: frame}), f"figure {figure}"


@pytest.mark.parametrize("track", TRACKS)
def test_flipping_the_sign_of_the_data_is_noticed(tables, track) -> None:
    """Every decided superiority must turn round when large and small are exchanged."""
    flipped = {
        figure: frame.assign(value=np.where(frame["value"] != 0, 1 / frame["value"], 0))
        for figure, frame in tables[track].items()
    }
    for name, check in CHECKS.items():
        if name in {"A2", "B4", "B5", "C1", "C3", "D4"}:
            continue  # about a distance, a shape or a bound, not about who is lower
        verdict, _ = check(tables[track])
        other, _ = check(flipped)
        assert verdict != HOLDS or other != HOLDS, name


@pytest.mark.parametrize("prefix", ["A", "B", "D"])
def test_flipping_a_check_fails_the_ledger(tables, prefix, monkeypatch) -> None:
    for name, claim in COMPARISONS.items():
        orders = tuple(Order(order.higher, order.lower) for order in claim.orders)
        other_way = partial(_compare, replace(claim, orders=orders))
        if isinstance(CHECKS[name], partial):  # the others look at a shape as well
            monkeypatch.setitem(CHECKS, name, other_way)
    wrong = [line for track in TRACKS for line in differences(track, tables[track])]
    assert any(line.startswith(prefix) for line in wrong)


def test_counts_add_up() -> None:
    assert sum(verdict_counts().values()) == len(IDS)
    assert sum(verdict_counts("B").values()) == 11
    assert set(verdict_counts()) == set(VERDICTS)


@pytest.mark.parametrize(
    ("literal", "repaired", "overall"),
    [
        (HOLDS, HOLDS, HOLDS),
        (FAILS, HOLDS, _ONLY_IF),
        (HOLDS, OPEN, _ONLY_IF),
        (FAILS, OPEN, FAILS),
        (OPEN, FAILS, OPEN),
        (FAILS, FAILS, FAILS),
    ],
)
def test_overall_verdict(literal, repaired, overall) -> None:
    verdict = {"literal": literal, "repaired": repaired}
    assert claims.Claim("A1", "", "", verdict, "", "").overall == overall


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
    assert '<tr id="claim-a1" data-verdict=' in text
    assert 'href="09-figure-2.html#figure-2-verdicts"' in text
    short = verdict_table(["A1", "A3"])
    assert short.count("<tr>") == 3


def test_every_setting_has_a_verdict_on_every_claim() -> None:
    table = regimes.stored_settings()
    assert list(table["setting"].unique()) == list(regimes.SETTINGS)
    assert (table.groupby("setting")["claim"].apply(tuple) == regimes._CLAIMS).all()
    assert set(table["verdict"]) <= {HOLDS, FAILS, OPEN}


def test_a_setting_is_decided_again(monkeypatch) -> None:
    monkeypatch.setattr(regimes, "_STUDIES", {"2": regimes._STUDIES["2"]})
    monkeypatch.setattr(regimes, "_CLAIMS", ("A1", "A2", "A3"))
    again = regimes.decide(["N = 20"])
    kept = regimes.stored_settings().merge(again, on=["setting", "claim"], suffixes=("", "_again"))
    assert len(kept) == 3
    assert (kept["verdict"] == kept["verdict_again"]).all()


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


def test_every_simulation_claim_has_one_definition() -> None:
    assert set(COMPARISONS) | set(SUMMARIES) <= set(CHECKS)
    named = {part for _, parts in SUMMARIES.values() for part in parts}
    assert named <= set(COMPARISONS)
    assert {claim.figure for claim in COMPARISONS.values()} == {"2", "3", "5"}
