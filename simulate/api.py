"""Python interface of the simulation: estimate a cascade, compare two, collect a sweep; exported by `simulate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from analysis.model import Cascade, InputError, advise
from analysis.model.boundary.fields import inside, reject
from simulate.estimation import Comparison, Estimate
from simulate.estimation import compare as compared
from simulate.estimation import estimate as estimated
from simulate.results import Run, runs_of
from simulate.sweep.cluster import PATIENCE, dask_cluster
from simulate.sweep.collect import collect as draw_sweep
from simulate.sweep.schedule import Stop
from simulate.sweep.store import open_store
from simulate.sweep.task import MAX_SEED, Task
from simulate.sweep.workers import processes

TARGET_ERROR = 0.001
"""Relative half width at which a sweep stops where nothing else is asked for."""

MAX_CYCLES = 10**15
MAX_SECONDS = 10**9
MAX_WORKERS = 1024

_UNLIKELY_ERROR = 0.1
"""A relative half width above this is more likely meant as per cent."""

Drawable: TypeAlias = Cascade | Task
Tasks: TypeAlias = Drawable | Mapping[str, Drawable] | Iterable[Drawable | tuple[str, Drawable]]


def estimate(cascade: Cascade | Task, cycles: int = 10**8, seed: int = 0) -> Estimate:
    """Estimate a cascade's EWIF by drawing cycles with the compiled kernel.

    Args:
        cascade: The cascade, or a task (a cascade with an acceptance process or whole generations).
        cycles: At least this many cycles, 2..10^15; exactly so many where blocks are single cycles.
        seed: Root seed, 0..2^63 - 1; the same seed gives the same numbers.

    Returns:
        The estimate with its 95 % interval `ci95`, tokens and cost per cycle.

    Raises:
        InputError: where a cost or an acceptance is missing, or a number is out of range.

    Example:
        Leviathan et al. (2023), Theorem 3.8, has (1 - .8^6) / (1 - .8) / (1 + 5 x .1) = 2.4595 here.

        >>> from analysis.model import Cascade
        >>> from simulate import estimate
        >>> cascade = Cascade.from_json({
        ...     "target": "t",
        ...     "models": {"t": {"cost": 1}, "d": {"cost": 0.1}},
        ...     "acceptance": {"t": {"d": 0.8}},
        ...     "draft": [{"by": "d", "tokens": 5}],
        ... })
        >>> found = estimate(cascade, cycles=10**6, seed=0)
        >>> low, high = found.ci95
        >>> low < 2.4595 < high, high - low < 0.02
        (True, True)
    """
    sampler = _task(cascade, "cascade").sampler()
    _demand_whole("cycles", cycles, 2, MAX_CYCLES)
    _demand_whole("seed", seed, 0, MAX_SEED)
    return estimated(sampler.draw((seed, "run"), sampler.blocks_for(cycles)), sampler)


def compare(first: Cascade | Task, second: Cascade | Task, blocks: int = 10**6, seed: int = 0) -> Comparison:
    """Compare two cascades' EWIF with common random numbers, so that the difference is sharper than two estimates.

    Args:
        first: A cascade or task.
        second: Another.
        blocks: Cycles of each, or prompts or generations where these are drawn as one; 2..10^15.
        seed: Root seed, 0..2^63 - 1.

    Returns:
        Both EWIF, their difference, its 95 % interval `ci95`, and the correlation that sharing gives.

    Raises:
        InputError: where a cost or an acceptance is missing, or a number is out of range.

    Example:
        >>> from analysis.model import Cascade
        >>> from simulate import compare
        >>> spec = {
        ...     "target": "t",
        ...     "models": {"t": {"cost": 1}, "d": {"cost": 0.1}},
        ...     "acceptance": {"t": {"d": 0.8}},
        ...     "draft": [{"by": "d", "tokens": 5}],
        ... }
        >>> longer = spec | {"draft": [{"by": "d", "tokens": 6}]}
        >>> found = compare(Cascade.from_json(longer), Cascade.from_json(spec), blocks=10**5)
        >>> found.difference > 0, found.correlation > 0.9
        (True, True)
    """
    _demand_whole("blocks", blocks, 2, MAX_CYCLES)
    _demand_whole("seed", seed, 0, MAX_SEED)
    one, other = _task(first, "first").sampler(), _task(second, "second").sampler()
    return compared(one, other, (seed, "compare"), blocks)


def collect(
    tasks: Tasks,
    path: str | Path,
    target_error: float | None = None,
    *,
    max_cycles: int | None = None,
    max_seconds: float | None = None,
    seed: int = 0,
    workers: int = 1,
    dask: str | None = None,
    progress: bool | None = None,
) -> list[Run]:
    """Estimate a sweep of tasks to a precision, and go on where an earlier call was interrupted.

    Every batch is on the disk before the next is asked for, so the same call again goes on with the rows that are
    there, and ends with the same numbers as a call that nothing interrupted.

    Args:
        tasks: Cascades or `Task`s; or (name, cascade) pairs, or a dict by name. What a task's `parameters` hold becomes
            columns of the results.
        path: Results file (CSV), made or appended to.
        target_error: Stop a task when half its 95 % interval is at most this share of its EWIF, in (0, 1]: 0.001 is
            0.1 %, and what is taken where no limit is given.
        max_cycles: Stop a task at this many cycles, 1..10^15.
        max_seconds: Stop the sweep after this many seconds, in (0, 10^9].
        seed: Root seed, 0..2^63 - 1.
        workers: Processes, 1..1024; more than one need a script that can be imported (``if __name__ == "__main__":``).
        dask: Address of a Dask scheduler whose workers draw instead, for example tcp://host:8786.
        progress: Whether to show a progress bar on stderr; None for on a terminal only.

    Returns:
        One `Run` per task of the file, sorted by name.

    Raises:
        InputError: where a task is given twice, a number is out of range, the file holds other rows than this sweep's,
            or something happens to the file or to the workers meanwhile.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from simulate import Task, collect
        >>> def task(alpha, k):
        ...     return Task.from_json({
        ...         "target": "t",
        ...         "models": {"t": {"cost": 1}, "d": {"cost": 0.1}},
        ...         "acceptance": {"t": {"d": alpha}},
        ...         "draft": [{"by": "d", "tokens": k}],
        ...         "parameters": {"alpha": alpha, "k": k},
        ...     })
        >>> sweep = [task(alpha, k) for alpha in (0.6, 0.8) for k in (2, 4)]
        >>> path = Path(tempfile.mkdtemp()) / "runs.csv"
        >>> runs = collect(sweep, path, target_error=0.01)
        >>> best = max(runs, key=lambda run: run.ewif)
        >>> best.parameters["alpha"], best.parameters["k"], round(best.ewif, 1)
        (0.8, 4, 2.4)
        >>> rows = [run.as_row() for run in runs]  # pandas.DataFrame(rows) has columns ewif, low, high, alpha, k, ...
        >>> sorted(row["k"] for row in rows)
        [2, 2, 4, 4]
    """
    stop = _stop(target_error, max_cycles, max_seconds)
    _demand_whole("seed", seed, 0, MAX_SEED)
    _demand_whole("workers", workers, 1, MAX_WORKERS)
    listed = _listed(tasks)
    with ExitStack() as stack:
        store = stack.enter_context(open_store(str(path)))
        if dask is not None:
            patience = PATIENCE if max_seconds is None else min(PATIENCE, max_seconds)
            cluster = stack.enter_context(dask_cluster(dask, patience))
            draw_sweep(listed, store, seed, stop, cluster.executor, cluster.threads, cluster=cluster, shown=progress)
        else:
            pool = stack.enter_context(processes(workers))
            draw_sweep(listed, store, seed, stop, pool, workers, shown=progress)
        return runs_of(store.rows, listed)


def _task(value: object, field: str) -> Task:
    if isinstance(value, Cascade):
        return Task(value)
    if not isinstance(value, Task):
        reject(field, value, "a Cascade or a Task")
    return value


def _listed(tasks: Tasks) -> list[Task]:
    """The sweep's tasks under their names; no task and no name twice."""
    if isinstance(tasks, (Cascade, Task)):
        tasks = [tasks]
    listed: list[Task] = []
    ids: dict[str, int] = {}
    names: dict[str, int] = {}
    for i, item in enumerate(tasks.items() if isinstance(tasks, Mapping) else tasks):
        with inside(f"tasks[{i}]"):
            if isinstance(item, tuple):
                if len(item) != 2:
                    reject("", item, "a pair of a name and a Cascade or Task")
                task = _task(item[1], "").named(item[0])
            else:
                task = _task(item, "")
            if task.id in ids:
                raise InputError("", f"the same task as tasks[{ids[task.id]}]")
            if task.name in names:
                raise InputError("name", f"got {task.name!r}, the name of tasks[{names[task.name]}]")
            task.sampler()  # refuses what cannot be drawn before anything is
        ids[task.id] = names[task.name] = i
        listed.append(task)
    return listed


def _stop(target_error: float | None, max_cycles: int | None, max_seconds: float | None) -> Stop:
    if target_error is None and max_cycles is None and max_seconds is None:
        target_error = TARGET_ERROR
    for field, value, high in (("target_error", target_error, 1), ("max_seconds", max_seconds, MAX_SECONDS)):
        if value is not None and (isinstance(value, (bool, str)) or not 0 < value <= high):
            reject(field, value, f"a number in (0, {high:g}]")
    if max_cycles is not None:
        _demand_whole("max_cycles", max_cycles, 1, MAX_CYCLES)
    if target_error is not None and target_error > _UNLIKELY_ERROR:
        advise(
            f"target_error: {target_error:g} is a half-width of {100 * target_error:g} % of EWIF; "
            f"for {target_error:g} % write {target_error / 100:g}"
        )
    return Stop(target_error, max_cycles, max_seconds)


def _demand_whole(field: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        reject(field, value, f"a whole number in {low}..{high}")
