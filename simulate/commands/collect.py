"""``cascade-ewif collect``: estimate the EWIF of every task of a sweep; the same command again goes on where it was
interrupted."""

from __future__ import annotations

import argparse
import json
import os

from analysis.model import InputError, Subparsers, add_command, advise_on
from analysis.model.boundary.options import add_json, add_out, add_quiet, add_seed, as_options, real, whole
from simulate.api import MAX_CYCLES, MAX_SECONDS, MAX_WORKERS, TARGET_ERROR, collect
from simulate.commands.table import as_json, lines
from simulate.sweep.task import read_tasks


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "collect",
        run,
        more="Prints one line per task: EWIF, its 95 % interval, cycles, the task's parameters and its name.",
        example="cascade-ewif collect tasks.jsonl --out runs.csv --target-error 0.001",
    )
    parser.add_argument(
        "tasks",
        metavar="TASKS.jsonl",
        help="one cascade specification per line, with `name`, `parameters` (columns of the results), `process` and "
        "`generation` where wanted",
    )
    add_out(parser, "RUNS.csv", "results file, appended to", required=True)
    parser.add_argument(
        "--target-error",
        type=real(0, 1, above=True),
        metavar="R",
        help="stop a task when half its 95 %% interval is at most this share of its EWIF: 0.001 is 0.1 %% "
        f"(default {TARGET_ERROR} where no other limit is given)",
    )
    parser.add_argument(
        "--max-cycles",
        type=whole(1, MAX_CYCLES),
        metavar="N",
        help="stop a task at this many cycles; its last batch is cut for that, so going on with a higher limit gives "
        "other, equally good numbers than the higher limit at once",
    )
    parser.add_argument(
        "--max-seconds",
        type=real(0, MAX_SECONDS, above=True),
        metavar="S",
        help="stop the sweep after this many seconds",
    )
    parser.add_argument(
        "--workers", type=whole(1, MAX_WORKERS), metavar="N", help="processes (default: one for every processor)"
    )
    parser.add_argument("--dask", metavar="ADDRESS", help="draw on the Dask cluster with this scheduler instead")
    add_seed(parser, "the whole sweep")
    add_json(parser, "one JSON object, with the list `runs`,")
    add_quiet(parser)


@as_options("dask", "workers")
def run(arguments: argparse.Namespace) -> int:
    """Collect, then print what the file says about the sweep."""
    tasks = read_tasks(arguments.tasks)
    for task in tasks:
        advise_on(task.cascade)
    try:
        runs = collect(
            tasks,
            arguments.out,
            arguments.target_error,
            max_cycles=arguments.max_cycles,
            max_seconds=arguments.max_seconds,
            seed=arguments.seed,
            workers=arguments.workers or os.cpu_count() or 1,
            dask=arguments.dask,
        )
    except OSError as error:  # for example no room for the compiler's cache
        raise InputError(str(error.filename or arguments.out), f"cannot be written: {error.strerror}") from None
    if arguments.json:
        print(json.dumps({"runs": as_json(runs)}, allow_nan=False))
    else:
        print("\n".join(lines(runs)))
    return 0
