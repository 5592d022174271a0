"""A sweep on a real local Dask cluster gives the rows that this process gives, and says when the cluster dies."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweeps import FLAT, SWEEP, collected, facts, write_tasks

from analysis.model import InputError
from simulate.sweep.cluster import dask_cluster
from simulate.sweep.collect import collect
from simulate.sweep.schedule import Stop
from simulate.sweep.store import open_store, read_rows
from simulate.sweep.task import Task
from simulate.sweep.workers import InThisProcess

distributed = pytest.importorskip("distributed")

ROOT = Path(__file__).parent.parent


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
        pytest.raises(InputError, match=r"^dask: the cluster or a worker died .* the rows so far are kept") as caught,
    ):
        draw_and_die(cluster.scheduler_address)
    assert "\n" not in str(caught.value)


@pytest.fixture
def scheduler(tmp_path):
    """The address of a scheduler, and a function that starts a worker which imports the package from a folder."""
    processes = []

    def started(module, *arguments, root=ROOT):
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
                env=os.environ | {"PYTHONPATH": str(root)},
                cwd=tmp_path,
                stderr=subprocess.DEVNULL,
            )
        )

    file = tmp_path / "scheduler.json"
    started("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    waited = time.monotonic()
    while not (file.exists() and file.read_text().endswith("}")) and time.monotonic() - waited < 60:
        time.sleep(0.05)
    address = json.loads(file.read_text())["address"]
    yield address, lambda root: started("dask_worker", address, "--no-nanny", "--no-dashboard", root=root)
    for process in processes:
        process.kill()
        process.wait()


def refused(folder, address, *options):
    out = folder / "runs.csv"
    done = collected(write_tasks(folder, [FLAT]), out, "--dask", address, *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert read_rows(str(out)) == []
    return done.stderr


def test_a_cluster_without_workers_is_not_waited_for_for_ever(tmp_path, scheduler):
    message = refused(tmp_path, scheduler[0], "--max-seconds", "1")
    assert "has no workers (waited 1 s), expected some" in message


def test_a_worker_of_another_version_is_refused(tmp_path, scheduler):
    """Only `DRAWS` differs in its copy of the package."""
    address, start_worker = scheduler
    for package in ("simulate", "analysis"):
        shutil.copytree(ROOT / package, tmp_path / "other" / package)
    [source] = (tmp_path / "other" / "simulate").rglob("drawing_code.py")
    source.write_text(source.read_text().replace("DRAWS = 2", "DRAWS = 3"))
    start_worker(tmp_path / "other")
    assert "draws with other code (draws 3, code " in refused(tmp_path, address)


def test_a_worker_without_the_package_is_refused(tmp_path, scheduler):
    address, start_worker = scheduler
    (tmp_path / "other" / "simulate").mkdir(parents=True)
    (tmp_path / "other" / "simulate" / "__init__.py").write_text("raise ImportError('not here')")
    start_worker(tmp_path / "other")
    assert "lacks this version of the package" in refused(tmp_path, address)
