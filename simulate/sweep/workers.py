"""Who draws the batches: this process or processes of this machine; a Dask cluster has the same interface."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from analysis.model import InputError, parse_json
from analysis.model.boundary.provenance import Provenance, provenance
from simulate.kernel.totals import Totals
from simulate.sampler import Sampler
from simulate.sweep.drawing_code import DrawingCode, drawing_code
from simulate.sweep.task import Task

GO_ON = "the rows so far are kept, run the same command again"


class Drawn(NamedTuple):
    """A batch as a worker hands it in: its sums, where and when they were drawn, and by which code."""

    totals: Totals
    provenance: Provenance
    code: DrawingCode


@lru_cache(maxsize=64)
def _sampler(task: str) -> Sampler:
    return Task.from_canonical(parse_json(task, "task")).sampler()


def draw_batch(task: str, task_id: str, seed: int, batch: int, blocks: int) -> Drawn:
    """Draw one batch, and say where and by which code.

    Runs in any process on any machine and gives the same totals everywhere.

    Args:
        task: The task's canonical JSON.
        task_id: Its id.
        seed: Root seed.
        batch: Index of the batch.
        blocks: Blocks to draw.
    """
    return Drawn(_sampler(task).draw((seed, task_id, batch), blocks), provenance(), drawing_code())


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
            raise InputError("workers", f"a worker process died (out of memory?); {GO_ON}") from None
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
