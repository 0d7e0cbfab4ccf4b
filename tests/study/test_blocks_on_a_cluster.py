"""Blocks of a network on a cluster of two workers, one of which is killed."""

import os
import signal

from mecllm.certified.blocks import priced_in_blocks
from mecllm.study.jobs import completed
from tests.examples import by_distance


def test_a_cluster_gives_the_same_digits_though_a_worker_is_killed():
    from distributed import Client, LocalCluster

    network = by_distance("repaired", 300, 16)
    here = priced_in_blocks(network, 60)
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    with cluster, Client(cluster) as client:
        pids = list(client.run(os.getpid).values())
        seen = []

        def disturbed(work, jobs, arguments):
            for found in completed(work, jobs, arguments, dask=cluster.scheduler_address):
                seen.append(found[0])
                if len(seen) == 3:
                    os.kill(pids[0], signal.SIGKILL)
                yield found

        there = priced_in_blocks(network, 60, disturbed)
    # Blocks were left to do when the worker was killed.
    assert len(seen) > 3 * 5
    assert there.lower_bound == here.lower_bound
    assert there.prices.bandwidth.tobytes() == here.prices.bandwidth.tobytes()
    for key, value in vars(here.allocation.decision).items():
        assert getattr(there.allocation.decision, key).tobytes() == value.tobytes()
