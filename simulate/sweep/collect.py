"""Collect batches of a sweep until every task has enough, surviving any interruption.

Batches of a task are committed in order of their index, and only while the task is unfinished by the batches before
them. Workers may run ahead, but what they draw beyond the end is dropped. So the file of a finished sweep is the same
set of rows whatever the workers, the order of their answers or the interruptions on the way.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeAlias

from tqdm import tqdm

from analysis.model import InputError
from analysis.model.boundary.provenance import Provenance
from simulate.estimates import Estimate, estimate
from simulate.kernel.totals import Totals
from simulate.sweep.rows import Row
from simulate.sweep.schedule import Stop, blocks_of_batch
from simulate.sweep.store import Store
from simulate.sweep.task import Task
from simulate.sweep.workers import draw_batch

_Batch: TypeAlias = tuple[Totals, Provenance]


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
        self._waiting: dict[int, _Batch] = {}
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

    def submit(self, executor: Executor, batch: int) -> Future[_Batch]:
        """Have the next batch, which has this index, drawn."""
        blocks = blocks_of_batch(self._sampler, batch, self._expected, self._stop.max_cycles)
        future = executor.submit(draw_batch, self.task.canonical, self.task.id, self._seed, batch, blocks)
        self._expected += blocks * self._sampler.cycles_in_block
        self.submitted = batch + 1
        return future

    def arrived(self, batch: int, drawn: _Batch) -> list[Row]:
        """Take a batch in; returns the rows that can now be committed, in order."""
        self._waiting[batch] = drawn
        rows = []
        while not self.finished and self.committed in self._waiting:
            totals, provenance = self._waiting.pop(self.committed)
            rows.append(Row(self.task, self._seed, self.committed, totals, provenance))
            self._commit(totals)
        return rows

    def _commit(self, totals: Totals) -> None:
        self._totals += totals
        self.committed += 1
        self.estimate = estimate(self._totals, self._sampler)
        self.finished = self._stop.reached(self.estimate)


def collect(tasks: Sequence[Task], store: Store, seed: int, stop: Stop, executor: Executor, workers: int) -> None:
    """Draw batches until every task is finished; once time is up, what is under way is still taken in.

    Args:
        tasks: The sweep; ids differ.
        store: The results file, which may hold earlier batches of these tasks.
        seed: Root seed.
        stop: When a task is finished.
        executor: Who draws.
        workers: How many batches it can draw at a time.

    Raises:
        InputError: where the file holds rows of another task or seed, by line number.
    """
    path = store.path
    _demand_same_sweep(tasks, store, seed)
    deadline = time.monotonic() + stop.max_seconds if stop.max_seconds is not None else None
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row in store.rows:
        rows_of[row.task.id].append(row)
    everything = [_Progress(task, seed, stop, rows_of[task.id], path) for task in tasks]
    running: dict[Future[_Batch], tuple[_Progress, int]] = {}
    with tqdm(total=len(tasks), desc="collecting", unit="task", delay=2, miniters=0, mininterval=0.2) as bar:
        bar.update(sum(progress.finished for progress in everything))
        while not all(progress.finished for progress in everything):
            late = deadline is not None and time.monotonic() >= deadline
            while not late and len(running) < workers:
                open_tasks = [progress for progress in everything if not progress.exhausted]
                if not open_tasks:
                    break
                progress = min(open_tasks, key=lambda p: p.submitted)
                batch = progress.submitted
                running[progress.submit(executor, batch)] = progress, batch
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                progress, batch = running.pop(future)
                rows = progress.arrived(batch, future.result())
                if rows:
                    store.append(rows)
                    _show(bar, progress)
                    bar.update(progress.finished)
        for future in running:
            future.cancel()


def _demand_same_sweep(tasks: Sequence[Task], store: Store, seed: int) -> None:
    """Refuse rows that this sweep would not have drawn: they would be kept, unseen, beside its own."""
    known = {task.id for task in tasks}
    for line, row in enumerate(store.rows, start=2):
        where = f"{store.path} line {line}"
        if row.task.id not in known:
            raise InputError(where, f"a row of another task ({row.task.name}), expected one of this sweep's")
        if row.seed != seed:
            raise InputError(where, f"drawn with seed {row.seed}, expected {seed}; collect seeds apart, then merge")


def _show(bar: tqdm, progress: _Progress) -> None:  # type: ignore[type-arg]
    assert progress.estimate is not None
    e = progress.estimate
    text = f"{progress.task.name}: EWIF {e.ewif:.5g} ± {e.half_width:.1g}, {e.cycles:.2g} cycles"
    bar.set_postfix_str(text, refresh=False)
