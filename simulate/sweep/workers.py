"""Who draws the batches: this process, processes of this machine, or a Dask cluster; all by the same interface."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from analysis.model import InputError, parse_json
from analysis.model.boundary.provenance import Provenance, provenance
from simulate.kernel.totals import Totals
from simulate.sampler import Sampler
from simulate.sweep.task import Task

_GO_ON = "the rows so far are kept, run the same command again"


@lru_cache(maxsize=64)
def _sampler(task: str) -> Sampler:
    return Task.from_canonical(parse_json(task, "task")).sampler()


def draw_batch(task: str, task_id: str, seed: int, batch: int, blocks: int) -> tuple[Totals, Provenance]:
    """Draw one batch, and say where; runs in any process on any machine and gives the same totals everywhere.

    Args:
        task: The task's canonical JSON.
        task_id: Its id.
        seed: Root seed.
        batch: Index of the batch.
        blocks: Blocks to draw.
    """
    return _sampler(task).draw((seed, task_id, batch), blocks), provenance()


class InThisProcess(Executor):
    """Calls at once, in the calling thread."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        """Call the function and return its finished future."""
        future: Future[object] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _start_worker() -> None:
    """Do not outlive the parent."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Worker processes of this machine; a single one is this process itself.

    They are started afresh rather than forked, so that none inherits the lock on the results file. Where the block
    is interrupted or fails, they are terminated, since a batch under way may take long. For the main thread alone.

    Raises:
        InputError: where a worker dies.
    """
    if count == 1:
        yield InThisProcess()
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        former = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            pool.submit(int)  # starts the workers, which ignore Ctrl-C as well, from the first: this process ends them
        finally:
            signal.signal(signal.SIGINT, former)
        yield pool
    except BaseException as error:
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        if isinstance(error, BrokenProcessPool):
            raise InputError("--workers", f"a worker process died (out of memory?); {_GO_ON}") from None
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask_cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """The workers of a running Dask cluster, and how many threads they have together.

    Args:
        address: Of the scheduler, for example tcp://host:8786.

    Raises:
        InputError: where Dask is not installed, the cluster cannot be reached, or it dies.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise InputError("--dask", "Dask is not installed, expected the extra `dask` of this package") from None
    try:
        client: Any = distributed.Client(address, timeout="5s")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            "--dask", f"got {address!r}, expected the address of a running Dask scheduler ({reason})"
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        executor = client.get_executor(pure=False)
        try:
            yield executor, max(1, threads)
        except (CancelledError, distributed.KilledWorker, distributed.comm.CommClosedError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError("--dask", f"the cluster or a worker died ({reason}); {_GO_ON}") from None
        finally:
            executor.shutdown(wait=False)
