"""Collect batches of a sweep until every task has enough, surviving any interruption.

Batches of a task are committed in order of their index, and only while the task is unfinished by the batches before
them. Workers may run ahead, but what they draw beyond the end is dropped. So the file of a finished sweep is the same
set of rows whatever the workers, the order of their answers or the interruptions on the way.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from analysis.model import InputError
from simulate.estimation import Estimate, estimate
from simulate.kernel.totals import Totals
from simulate.sweep.cluster import Cluster, demand_same_code
from simulate.sweep.drawing_code import DrawingCode, drawing_code
from simulate.sweep.progress import Bar
from simulate.sweep.rows import Row
from simulate.sweep.schedule import Stop, blocks_of_batch
from simulate.sweep.store import Store
from simulate.sweep.task import Task
from simulate.sweep.workers import Drawn, draw_batch

_GRACE = 10.0
"""Seconds, beyond the limit on time, that batches under way on a cluster are waited for."""

_LOOK = 1.0
"""Seconds between two looks at whether a cluster still has workers."""


class _Progress:
    """One task: what is committed, what is under way, and what waits for an earlier batch."""

    def __init__(self, task: Task, seed: int, stop: Stop, rows: Sequence[Row], path: str) -> None:
        self.task = task
        self._seed = seed
        self._stop = stop
        self._sampler = task.sampler()
        self._totals = Totals()
        self.estimate: Estimate | None = None
        self.finished = False
        self.committed = 0
        self.submitted = 0
        self._expected = 0
        self._waiting: dict[int, Drawn] = {}
        for index, row in enumerate(sorted(rows, key=lambda r: r.batch)):
            if row.batch != index:
                raise InputError(path, f"batch {index} of task {task.name} is missing, expected all up to {row.batch}")
            self._commit(row.totals)
        self.submitted = self.committed
        self._expected = self._totals.cycles

    @property
    def exhausted(self) -> bool:
        """Whether all that may ever be needed is drawn or under way."""
        limit = self._stop.max_cycles
        return self.finished or (limit is not None and self._expected >= limit)

    def submit(self, executor: Executor, batch: int) -> Future[Drawn]:
        """Have the next batch, which has this index, drawn."""
        blocks = blocks_of_batch(self._sampler, batch, self._expected, self._stop.max_cycles)
        future = executor.submit(draw_batch, self.task.canonical, self.task.id, self._seed, batch, blocks)
        self._expected += blocks * self._sampler.cycles_in_block
        self.submitted = batch + 1
        return future

    def arrived(self, batch: int, drawn: Drawn) -> list[Row]:
        """Take a batch in; returns the rows that can now be committed, in order."""
        self._waiting[batch] = drawn
        rows = []
        while not self.finished and self.committed in self._waiting:
            found = self._waiting.pop(self.committed)
            demand_same_code(
                getattr(found, "code", None), f"the worker that drew batch {self.committed} of task {self.task.name}"
            )
            rows.append(Row(self.task, self._seed, self.committed, *found))
            self._commit(found.totals)
        return rows

    def _commit(self, totals: Totals) -> None:
        self._totals += totals
        self.committed += 1
        self.estimate = estimate(self._totals, self._sampler)
        self.finished = self._stop.reached(self.estimate)


def collect(
    tasks: Sequence[Task],
    store: Store,
    seed: int,
    stop: Stop,
    executor: Executor,
    workers: int,
    *,
    cluster: Cluster | None = None,
    shown: bool | None = None,
) -> None:
    """Draw batches until every task is finished.

    Once time is up, what is under way is still taken in; from a cluster, what comes within ten seconds.

    Args:
        tasks: The sweep; ids differ.
        store: The results file, which may hold earlier batches of these tasks.
        seed: Root seed.
        stop: When a task is finished.
        executor: Who draws.
        workers: How many batches it can draw at a time.
        cluster: That of the executor, where it is one: it may lose its workers.
        shown: Whether to show a progress bar; None for on a terminal only.

    Raises:
        InputError: where the file holds rows of another task or seed, by line number, or rows that this code does not
            draw; where a worker has other code; where the cluster or its last worker is gone.
    """
    _demand_same_sweep(tasks, store, seed)
    _demand_repeatable(store)
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row in store.rows:
        rows_of[row.task.id].append(row)
    everything = [_Progress(task, seed, stop, rows_of[task.id], store.path) for task in tasks]
    deadline = time.monotonic() + stop.max_seconds if stop.max_seconds is not None else math.inf
    running: dict[Future[Drawn], tuple[_Progress, int]] = {}
    with Bar(len(tasks), stop, shown) as bar:
        for progress in everything:
            if progress.estimate is not None:
                bar.advance(progress.task.name, None, progress.estimate)
        while not all(progress.finished for progress in everything):
            if time.monotonic() < deadline:
                _submit(everything, running, executor, workers)
            if not running or (cluster is not None and time.monotonic() >= deadline + _GRACE):
                break
            done = wait(running, None if cluster is None else _LOOK, FIRST_COMPLETED).done
            if not done and cluster is not None:
                cluster.demand_workers()
            for future in done:
                progress, batch = running.pop(future)
                before = progress.estimate
                rows = progress.arrived(batch, _result(future, cluster))
                if rows:
                    store.append(rows)
                    assert progress.estimate is not None
                    bar.advance(progress.task.name, before, progress.estimate)
        for future in running:
            future.cancel()


def _submit(
    everything: Sequence[_Progress], running: dict[Future[Drawn], tuple[_Progress, int]], executor: Executor, most: int
) -> None:
    """Have batches drawn, of the tasks with the fewest first, until that many are under way."""
    while len(running) < most:
        open_tasks = [progress for progress in everything if not progress.exhausted]
        if not open_tasks:
            return
        progress = min(open_tasks, key=lambda p: p.submitted)
        batch = progress.submitted
        running[progress.submit(executor, batch)] = progress, batch


def _result(future: Future[Drawn], cluster: Cluster | None) -> Drawn:
    if cluster is None:
        return future.result()
    try:
        drawn = future.result()
    except Exception as error:
        raise cluster.explained(error) from None
    return drawn


def _demand_same_sweep(tasks: Sequence[Task], store: Store, seed: int) -> None:
    """Refuse rows that this sweep would not have drawn: they would be kept, unseen, beside its own."""
    known = {task.id for task in tasks}
    for line, row in enumerate(store.rows, start=2):
        where = f"{store.path} line {line}"
        if row.task.id not in known:
            raise InputError(where, f"a row of another task ({row.task.name}), expected one of this sweep's")
        if row.seed != seed:
            raise InputError(where, f"drawn with seed {row.seed}, expected {seed}; collect seeds apart, then merge")


def _demand_repeatable(store: Store) -> None:
    """Of rows that other code drew, have the shortest of each task drawn again: the sources may differ in nothing."""
    foreign: dict[tuple[str, DrawingCode], Row] = {}
    for row in store.rows:
        if row.code != drawing_code():
            key = row.task.id, row.code
            foreign[key] = min(foreign.get(key, row), row, key=lambda r: r.totals.blocks)
    for row in foreign.values():
        again = row.task.sampler().draw((row.seed, row.task.id, row.batch), row.totals.blocks)
        if again != row.totals:
            raise InputError(
                f"{store.path} line {store.rows.index(row) + 2}",
                f"batch {row.batch} of task {row.task.name} was drawn by other code ({row.code}), and comes out "
                f"otherwise by this ({drawing_code()}); expected a new file",
            )
