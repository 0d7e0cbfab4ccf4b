"""Remarks of Sections 3.2 and 5.3: what decides them, on data where they are true and false."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mecllm.methods import solve
from mecllm.study.certificates import stored_certificates
from mecllm.study.ledgers import ledger
from mecllm.study.remarks import _weaker_servers, downlink_share, greedy_remarks, greedy_table
from mecllm.system.association import greedy
from mecllm.system.model import evaluate, reference_decision
from mecllm.system.parameters import hardware
from mecllm.system.scenario import Scenario


def table(greedy_values, others):
    """Two networks; the metrics of greedy and, alike, of the two others."""
    metrics = ("upload", "computation", "weaker")
    return pd.DataFrame(
        [
            {"seed": seed, "method": method, **dict(zip(metrics, values, strict=True))}
            for seed in (0, 1)
            for method, values in (
                ("greedy", greedy_values),
                ("proposed", others),
                ("random", others),
            )
        ]
    )


@pytest.mark.parametrize(
    ("greedy_values", "verdict"), [((1, 1, 1), "lower"), ((2, 2, 2), "tie"), ((3, 3, 3), "higher")]
)
def test_remarks_follow_the_data(greedy_values, verdict) -> None:
    found = greedy_remarks(table(greedy_values, (2, 2, 2)))
    assert list(found) == ["D8", "D9", "D10"]
    assert {e.verdict for effects in found.values() for e in effects.values()} == {verdict}


@pytest.mark.parametrize(
    ("track", "against_proposed"),
    [("literal", ("tie", "tie", "tie")), ("repaired", ("lower", "higher", "higher"))],
)
def test_greedy_is_as_the_ledger_says(track, against_proposed) -> None:
    measured = greedy_table(track, range(8))
    found = greedy_remarks(measured)
    assert tuple(effects["proposed"].verdict for effects in found.values()) == against_proposed
    assert found["D8"]["random"].verdict == "lower"
    mean = measured.groupby("method")[["fullest", "weaker"]].mean()
    # No crowding: the fullest server of greedy is no fuller than that of proposed.
    assert mean.fullest["greedy"] <= mean.fullest["proposed"] + 1e-9


def test_weaker_servers_are_those_below_the_mean() -> None:
    network = Scenario.load("repaired").replace(users=4, servers=3).draw(0)
    speeds = np.array([1.0, 2.0, 6.0])
    network = replace(network, normalized_by="", server_throughput=speeds)
    assert _weaker_servers(network).tolist() == [True, True, False]


def test_downlink_is_the_upload_at_full_power() -> None:
    network = Scenario.load("repaired").draw(1)
    decision = replace(reference_decision(network, greedy(network)), power=network.power_max)
    cost = evaluate(network, decision)
    training = (cost.local_energy + cost.edge_energy).sum()
    share = downlink_share(network, decision)
    assert share == pytest.approx(cost.transmission_energy.sum() / training)
    kept = replace(decision, local_layers=np.full(network.users, float(network.layers)))
    assert downlink_share(network, kept) == 0


@pytest.mark.parametrize(("track", "low", "high"), [("literal", 0.7, 9), ("repaired", 0.06, 0.4)])
def test_downlink_is_not_negligible(track, low, high) -> None:
    networks = [Scenario.load(track).draw(seed) for seed in range(10)]
    shares = [downlink_share(n, solve(n, "proposed", s).decision) for s, n in enumerate(networks)]
    assert low < min(shares) <= max(shares) < high
    reason = next(claim.reason for claim in ledger() if claim.id == "T30")
    assert f"{low:g} to {high:g}" in reason


def test_set_up_is_as_the_data_sheets_say() -> None:
    """S8 to S10, on what the servers and the phone named in Section 5 are."""
    chips = {name.split()[1]: figures for name, figures in hardware().items()}
    reason = {claim.id: claim.reason for claim in ledger()}
    assert [chips[name]["cores"] for name in ("T4", "V100")] == [2560, 5120]
    assert all(cores in reason["S8"] for cores in ("2560", "5120"))
    assert {chips[name]["flops_per_cycle"] for name in ("T4", "V100")} == {2}
    clocks = {name: chips[name]["frequency_max_GHz"] for name in ("A15", "T4", "V100")}
    assert all(f"{clock:g}" in reason["S10"] for clock in clocks.values())
    # The ranges of Section 5 end below the phone's clock and above every server's.
    assert clocks["A15"] > 1
    assert max(clocks["T4"], clocks["V100"]) < 3


def test_optimum_is_enclosed_as_the_ledger_says() -> None:
    """T18 names a limit of the gap for each track, and one for all sizes."""
    stored = stored_certificates()
    stored["gap"] = 1 - stored.lower_bound / stored.objective
    exact = stored[stored.method == "priced"]
    usual = exact[(exact.users == 50) & (exact.servers == 10)]
    reason = next(claim.reason for claim in ledger() if claim.id == "T18")
    for track, limit in (("literal", 0.001), ("repaired", 0.003)):
        gaps = usual[usual.track == track].gap
        assert len(gaps) == 30
        assert 0 <= gaps.min() <= gaps.max() < limit
        assert f"{limit:.1%} ({track})".replace("%", " %") in reason
    assert exact.gap.max() < 0.01
