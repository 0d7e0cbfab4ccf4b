"""A Dask cluster that is not ready: what is missing is told, awaited, and given up."""

import logging
import threading

import pytest

from mecllm.errors import ScenarioError
from mecllm.study import jobs


@pytest.fixture(scope="module")
def cluster():
    """A scheduler in this process, without workers until one is asked for."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=0, processes=False, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Seconds in place of minutes."""
    monkeypatch.setattr(jobs, "_TELL_SECONDS", 0.1)
    monkeypatch.setattr(jobs, "_LOOK_SECONDS", 0.05)


def squares(address):
    done = jobs.completed(pow, [1, 2, 3], lambda job: (job, 2), dask=address)
    return sorted(result for _, result in done)


def test_a_scheduler_without_workers_is_given_up_in_a_line(cluster, monkeypatch, caplog):
    monkeypatch.setattr(jobs, "_GIVE_UP_SECONDS", 0.5)
    message = r"dask = 'tcp|inproc.*a worker \(dask worker .*none came within 0.5 s"
    with caplog.at_level(logging.WARNING), pytest.raises(ScenarioError, match=message):
        squares(cluster.scheduler_address)
    assert [record.getMessage() for record in caplog.records if "awaits a worker" in record.message]


def test_it_goes_on_when_a_worker_comes(cluster, caplog):
    timer = threading.Timer(1.0, cluster.scale, [1])
    timer.start()
    with caplog.at_level(logging.WARNING):
        assert squares(cluster.scheduler_address) == [1, 4, 9]
    timer.join()
    assert any("awaits a worker" in record.message for record in caplog.records)


def test_workers_without_the_package_are_told(cluster, monkeypatch):
    cluster.scale(1)
    cluster.wait_for_workers(1)
    monkeypatch.setattr(jobs, "_GIVE_UP_SECONDS", 0.5)
    monkeypatch.setattr(jobs, "_HAS_PACKAGE", "False")
    with pytest.raises(ScenarioError, match=r"mecllm to be installed where .* runs; none came"):
        squares(cluster.scheduler_address)


def test_the_question_to_a_worker_has_the_right_answer():
    assert eval(jobs._HAS_PACKAGE) is True
    assert eval(jobs._HAS_PACKAGE.replace("mecllm", "no_such_package")) is False
