"""``python -m simulate collect``: draw batches of a sweep until every task has enough."""

from __future__ import annotations

import argparse
import os
import sys

from analysis.model import InputError, Subparsers, advise, advise_on, whole_option
from simulate.commands.options import MAX_CYCLES, MAX_SEED, MAX_WORKERS, add_seed, positive_option
from simulate.sweep.collect import collect
from simulate.sweep.schedule import Stop
from simulate.sweep.store import open_store
from simulate.sweep.summary import summarise
from simulate.sweep.task import Task, read_tasks
from simulate.sweep.workers import dask_cluster, processes

DEFAULT_TARGET_ERROR = 0.001
WIDE = 0.1
"""Target error from which it is more likely meant in per cent."""
MAX_SECONDS = 10**9


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "collect", help="estimate a sweep of tasks; the same command again goes on where it was interrupted"
    )
    parser.add_argument("tasks", metavar="TASKS.jsonl", help="one cascade specification a line")
    parser.add_argument("--out", required=True, metavar="RUNS.csv", help="results file, appended to")
    parser.add_argument(
        "--target-error",
        help="stop a task when half its 95 %% interval is at most this share of its EWIF "
        f"(default {DEFAULT_TARGET_ERROR} where no other limit is given)",
    )
    parser.add_argument(
        "--max-cycles",
        help="stop a task at this many cycles; its last batch is cut for that, so going on with a higher limit gives "
        "other, equally good numbers than the higher limit at once",
    )
    parser.add_argument("--max-seconds", help="stop the sweep after this many seconds")
    parser.add_argument("--workers", default=None, help="processes (default: all processors)")
    parser.add_argument("--dask", metavar="ADDRESS", help="draw on the Dask cluster with this scheduler instead")
    add_seed(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect, then say what the sweep holds."""
    seed = whole_option("--seed", arguments.seed, 0, MAX_SEED)
    stop = _stop(arguments)
    workers = os.cpu_count() or 1
    if arguments.workers is not None:
        workers = whole_option("--workers", arguments.workers, 1, MAX_WORKERS)
    tasks = read_tasks(arguments.tasks)
    for task in tasks:
        advise_on(task.cascade)
    try:
        _collect(arguments, tasks, seed, stop, workers)
    except OSError as error:  # for example no room for the compiler's cache
        raise InputError(str(error.filename or arguments.out), f"cannot be written: {error.strerror}") from None
    return 0


def _collect(arguments: argparse.Namespace, tasks: list[Task], seed: int, stop: Stop, workers: int) -> None:
    with open_store(arguments.out) as store:
        if store.rows:
            print(f"{arguments.out}: going on after {len(store.rows)} rows", file=sys.stderr)
        if arguments.dask is not None:
            with dask_cluster(arguments.dask) as (executor, threads):
                collect(tasks, store, seed, stop, executor, threads)
        else:
            with processes(workers) as pool:
                collect(tasks, store, seed, stop, pool, workers)
        for summary in summarise(store.rows):
            low, high = summary.estimate.ci95
            print(f"{summary.task.name}  EWIF {summary.estimate.ewif:.6f}  [{low:.6f}, {high:.6f}]", file=sys.stderr)


def _stop(arguments: argparse.Namespace) -> Stop:
    target_error = positive_option("--target-error", arguments.target_error, 1)
    if target_error is not None and target_error >= WIDE:
        advise(
            f"--target-error: {target_error:g} is a half-width of {100 * target_error:g} % of EWIF; for "
            f"{target_error:g} % write {target_error / 100:g}"
        )
    max_seconds = positive_option("--max-seconds", arguments.max_seconds, MAX_SECONDS)
    max_cycles = None
    if arguments.max_cycles is not None:
        max_cycles = whole_option("--max-cycles", arguments.max_cycles, 1, MAX_CYCLES)
    if target_error is None and max_cycles is None and max_seconds is None:
        target_error = DEFAULT_TARGET_ERROR
    return Stop(target_error, max_cycles, max_seconds)
