"""A sweep on a real local Dask cluster gives the rows that this process gives."""

import pytest
from sweeps import SWEEP, collected, facts, write_tasks

from simulate.collect import collect
from simulate.schedule import Stop
from simulate.store import open_store
from simulate.task import Task
from simulate.workers import InThisProcess

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
