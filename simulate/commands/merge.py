"""``python -m simulate merge``: join results files, of several machines or seeds, into one."""

from __future__ import annotations

import argparse

from analysis.model import Subparsers, whole_file
from simulate.rows import HEADER
from simulate.store import read_rows
from simulate.summary import merged


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("merge", help="join results files; batches found in several count once")
    parser.add_argument("runs", nargs="+", metavar="RUNS.csv", help="results files")
    parser.add_argument("--out", required=True, metavar="ALL.csv", help="results file to write")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the union of the rows."""
    rows = merged([(path, read_rows(path)) for path in arguments.runs])
    with whole_file(arguments.out) as file:
        file.write(HEADER)
        file.writelines(row.to_line() for row in rows)
    return 0
