"""``cascade-ewif merge``: join results files of several machines or seeds into one; batches found in several count
once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from analysis.model import InputError, Subparsers, add_command, whole_file
from analysis.model.boundary.options import add_out
from simulate.sweep.rows import HEADER, Row
from simulate.sweep.store import read_rows, replacing
from simulate.sweep.summary import merged


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "merge",
        run,
        example="cascade-ewif merge one.csv other.csv --out all.csv",
    )
    parser.add_argument("runs", nargs="+", metavar="RUNS.csv", help="results files")
    add_out(parser, "ALL.csv", "results file to write; one already there may hold no rows but these", required=True)


def run(arguments: argparse.Namespace) -> int:
    """Write the union of the rows."""
    with replacing(arguments.out) as former:
        rows = merged([(path, read_rows(path)) for path in arguments.runs])
        _demand_all(arguments.out, former, rows)
        try:
            with whole_file(arguments.out) as file:
                file.write(HEADER)
                file.writelines(row.to_line() for row in rows)
        except OSError as error:
            raise InputError(arguments.out, f"cannot be written: {error.strerror}") from None
    return 0


def _demand_all(path: str, former: Sequence[Row], rows: Sequence[Row]) -> None:
    """Refuse to replace a file by one that lacks some of its rows."""
    kept = {row.key for row in rows}
    for row in former:
        if row.key not in kept:
            raise InputError(
                path,
                f"holds batch {row.batch} of task {row.task.name} (seed {row.seed}), which the merged files do not; "
                "expected a new file, or this one among those merged",
            )
