"""Measurements: what their rows hold, and what is made of them."""

import numpy as np
import pandas as pd
import pytest

from mecllm.errors import ScenarioError, SolverError
from mecllm.study import bench, measurements, plan


@pytest.mark.parametrize(("study", "method"), [("allocation", "fractional"), ("newton", "newton")])
def test_exact_allocation_beside_the_iteration(study, method):
    exact, fractional = measurements.resources_rows(study, "repaired", 12, 0)
    assert (exact["method"], fractional["method"]) == ("exact", method)
    assert exact["study"] == fractional["study"] == study
    assert exact["objective"] <= fractional["objective"] * (1 + 1e-6)
    assert 0 < exact["seconds"] < fractional["seconds"]
    assert exact["gap"] <= fractional["gap"] + 1e-12
    assert fractional["finished"]


def test_methods_are_held_against_one_certified_bound(monkeypatch):
    solve = measurements.solve

    def failing(network, method, seed):
        if method == "random":
            raise SolverError("no point")
        return solve(network, method, seed)

    monkeypatch.setattr(measurements, "solve", failing)
    rows = pd.DataFrame(measurements.association_rows("repaired", 12, 3, 0)).set_index("method")
    bound = rows.objective * (1 - rows.gap)
    ran = rows.index != "random"
    np.testing.assert_allclose(bound[ran], bound["priced"], rtol=1e-12)
    assert np.all(rows.gap[ran] >= -1e-12)
    # A method that fails stays in the table.
    assert not rows.finished["random"]
    assert rows.objective["random"] == np.inf


def test_growth_is_measured_in_a_process_of_its_own():
    ballast = np.ones(50_000_000)
    (row,) = measurements.growth_rows("repaired", 100, 0)
    assert row["servers"] == 2
    assert 0 <= row["gap"] < 1e-2
    # What loads is not counted, so that small networks can be compared.
    assert 0 < row["cpu_seconds"] < 5
    # What this process holds does not count.
    assert 2e7 < row["peak_bytes"] < ballast.nbytes / 2


def job(study, seed=0):
    return plan.Measurement(study, "literal", 10, seed)


@pytest.fixture
def measured(monkeypatch):
    """A row without numbers for each measurement; that of seed 9 breaks."""

    def row(job):
        if job.seed == 9:
            raise MemoryError
        return [job._asdict() | {"seconds": 1.0}]

    monkeypatch.setattr(plan, "_measured", row)


@pytest.mark.usefixtures("measured")
def test_no_row_is_lost_when_a_measurement_breaks(tmp_path):
    with pytest.raises(MemoryError):
        plan.run(tmp_path / "bench.csv", [job("growth"), job("growth", 9)])
    assert pd.read_csv(tmp_path / "bench.csv").seed.tolist() == [0]


@pytest.mark.usefixtures("measured")
def test_rows_that_are_not_measured_again_stay(tmp_path):
    path, done = tmp_path / "bench.csv", []
    plan.run(path, [job("growth"), job("newton"), job("newton", 1)])
    old = pd.read_csv(path)
    old.assign(seconds=5.0).to_csv(path, index=False)
    again = plan.run(path, [job("newton", 1), job("newton", 2)], lambda: done.append(1))
    shown = again[["study", "seed", "seconds"]].to_numpy().tolist()
    assert shown == [["newton", 0, 5], ["newton", 1, 1], ["newton", 2, 1], ["growth", 0, 5]]
    assert {"machine", "versions", "date"} <= set(again.columns)
    assert done == [1, 1]
    pd.testing.assert_frame_equal(pd.read_csv(path), again)


def test_a_measurement_goes_to_its_study(monkeypatch):
    calls = []
    for name in ("resources_rows", "association_rows", "growth_rows", "blocks_rows"):
        monkeypatch.setattr(plan, name, lambda *words, name=name: calls.append((name, *words)))
    for study, users in zip(plan.STUDIES, (50, 50, 50, 1000, 100_000), strict=True):
        plan._measured(plan.Measurement(study, "literal", users, 3))
    assert calls == [
        ("resources_rows", "allocation", "literal", 50, 3),
        ("resources_rows", "newton", "literal", 50, 3),
        ("association_rows", "literal", 50, 10, 3),
        ("growth_rows", "literal", 1000, 3),
        ("blocks_rows", "literal", 100_000, 3, 60_000),
    ]


def test_quick_studies_are_fewer_than_all_and_some_can_be_chosen():
    quick, every = plan.plan(quick=True), plan.plan()
    assert set(quick) < set(every)
    # On each track three sizes twice and one association of ten seeds; growth from 10 to 10⁶.
    assert len(every) == 2 * (10 * 3 * 2 + 10 + 10 * 3 + 3 + 1 + 1 + 2)
    growth = plan.plan(only=["growth"], largest=1000)
    assert growth[0] == ("growth", "literal", 10, 0)
    assert {(each.study, each.users) for each in growth} == {("growth", n) for n in (10, 100, 1000)}
    with pytest.raises(ScenarioError, match="one of allocation, newton"):
        plan.plan(only=["shrinkage"])


def test_a_cluster_measures_as_well(tmp_path):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        table = plan.run(tmp_path / "bench.csv", [job("growth")], dask=cluster.scheduler_address)
    assert table.users.tolist() == [10]
    assert table.peak_bytes[0] > 2e7


def test_ratios_are_paired_and_means_geometric():
    rows = pd.DataFrame(
        [
            {"study": "allocation", "track": "repaired", "users": 50, "servers": 10, "seed": seed}
            | {"method": method, "seconds": seconds, "objective": objective}
            | {"gap": 0.0, "finished": True}
            for seed, factor in ((0, 10.0), (1, 1000.0))
            for method, seconds, objective in (
                ("exact", 0.5 + seed, 1.0),
                ("fractional", (0.5 + seed) * factor, 1.0 / (1 - 1e-9 * seed)),
            )
        ]
    )
    (ratio,) = bench.speedup(rows).itertuples()
    assert ratio.ratio == pytest.approx(100)
    assert ratio.least_ratio == pytest.approx(10)
    assert ratio.exact_worse_by == pytest.approx(0, abs=1e-12)
    table = bench.summary(rows).set_index("method")
    assert table.seconds["exact"] == pytest.approx(np.sqrt(0.5 * 1.5))
    assert table.seeds["exact"] == 2


def test_slope_of_a_power_law():
    users = np.array([100, 1000, 10_000, 100_000])
    rows = pd.DataFrame({"study": "growth", "track": "literal", "users": users})
    rows["seconds"] = 3e-4 * users**1.1
    # Networks of a hundred users take what starting takes and do not count.
    rows.loc[0, "seconds"] = 99.0
    assert bench.slope(rows, "literal") == pytest.approx(1.1)
    assert bench.slope(rows, "literal", 100_000) is None
    rows.loc[3, "seconds"] *= 10
    assert bench.slope(rows, "literal", 10_000) == pytest.approx(2.1)
