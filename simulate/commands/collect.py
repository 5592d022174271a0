"""``python -m simulate collect``: draw batches of a sweep until every task has enough."""

from __future__ import annotations

import argparse
import json
import os

from analysis.model import InputError, Subparsers, advise_on, whole_option
from simulate.api import TARGET_ERROR, collect
from simulate.commands.options import (
    MAX_CYCLES,
    MAX_SECONDS,
    MAX_SEED,
    MAX_WORKERS,
    add_json,
    add_seed,
    positive_option,
)
from simulate.commands.table import as_json, lines
from simulate.sweep.task import read_tasks


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "collect",
        help="estimate a sweep of tasks; the same command again goes on where it was interrupted",
        epilog="Prints one line per task: EWIF, its 95 % interval, cycles, the task's parameters and its name.",
    )
    parser.add_argument(
        "tasks",
        metavar="TASKS.jsonl",
        help="one cascade specification per line, with `name`, `parameters` (columns of the results), `process` and "
        "`generation` where wanted",
    )
    parser.add_argument("--out", required=True, metavar="RUNS.csv", help="results file, appended to")
    parser.add_argument(
        "--target-error",
        help="stop a task when half its 95 %% interval is at most this share of its EWIF: 0.001 is 0.1 %% "
        f"(default {TARGET_ERROR} where no other limit is given)",
    )
    parser.add_argument(
        "--max-cycles",
        help="stop a task at this many cycles; its last batch is cut for that, so going on with a higher limit gives "
        "other, equally good numbers than the higher limit at once",
    )
    parser.add_argument("--max-seconds", help="stop the sweep after this many seconds")
    parser.add_argument("--workers", default=None, help="processes (default: all processors)")
    parser.add_argument("--dask", metavar="ADDRESS", help="draw on the Dask cluster with this scheduler instead")
    parser.add_argument(
        "--quiet", action="store_true", help="no progress bar (there is none either where stderr is no terminal)"
    )
    add_seed(parser)
    add_json(parser, "one JSON object, with the list `runs`,")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect, then print what the file says about the sweep."""
    seed = whole_option("--seed", arguments.seed, 0, MAX_SEED)
    target_error = positive_option("--target-error", arguments.target_error, 1)
    max_seconds = positive_option("--max-seconds", arguments.max_seconds, MAX_SECONDS)
    max_cycles = None
    if arguments.max_cycles is not None:
        max_cycles = whole_option("--max-cycles", arguments.max_cycles, 1, MAX_CYCLES)
    workers = os.cpu_count() or 1
    if arguments.workers is not None:
        workers = whole_option("--workers", arguments.workers, 1, MAX_WORKERS)
    tasks = read_tasks(arguments.tasks)
    for task in tasks:
        advise_on(task.cascade)
    try:
        runs = collect(
            tasks,
            arguments.out,
            target_error,
            max_cycles=max_cycles,
            max_seconds=max_seconds,
            seed=seed,
            workers=workers,
            dask=arguments.dask,
            progress=False if arguments.quiet else None,
        )
    except OSError as error:  # for example no room for the compiler's cache
        raise InputError(str(error.filename or arguments.out), f"cannot be written: {error.strerror}") from None
    if arguments.json:
        print(json.dumps({"runs": as_json(runs)}, allow_nan=False))
    else:
        print("\n".join(lines(runs)))
    return 0
