"""A sweep on a real local Dask cluster gives the rows that this process gives, and says when the cluster dies."""

import os

import pytest
from sweeps import SWEEP, collected, facts, write_tasks

from analysis.model import InputError
from simulate.cluster import dask_cluster
from simulate.sweep.collect import collect
from simulate.sweep.schedule import Stop
from simulate.sweep.store import open_store
from simulate.sweep.task import Task
from simulate.sweep.workers import InThisProcess

distributed = pytest.importorskip("distributed")


def test_a_dask_cluster_changes_no_row(tmp_path):
    with open_store(str(tmp_path / "here.csv")) as store:
        collect([Task.from_json(task) for task in SWEEP], store, 0, Stop(target_error=0.004), InThisProcess(), 1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        done = collected(
            write_tasks(tmp_path),
            tmp_path / "there.csv",
            "--target-error",
            "0.004",
            "--dask",
            cluster.scheduler_address,
        )
    assert done.returncode == 0, done.stderr
    assert facts(tmp_path / "there.csv") == facts(tmp_path / "here.csv")


def test_a_dask_worker_that_dies_is_said_in_one_line():
    dask = pytest.importorskip("dask")

    def draw_and_die(address):
        with dask_cluster(address) as cluster:
            cluster.executor.submit(os._exit, 1).result()

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, protocol="tcp", dashboard_address=None, silence_logs=50
        ) as cluster,
        pytest.raises(InputError, match=r"--dask: the cluster or a worker died .* the rows so far are kept") as caught,
    ):
        draw_and_die(cluster.scheduler_address)
    assert "\n" not in str(caught.value)
