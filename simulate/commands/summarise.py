"""``cascade-ewif summarise``: print the estimate and interval of every task in a results file."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_json
from simulate.commands.table import as_json, lines
from simulate.results import read_runs


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "summarise",
        run,
        example="cascade-ewif summarise runs.csv",
    )
    parser.add_argument("runs", metavar="RUNS.csv", help="a results file")
    add_json(parser, "one JSON list")


def run(arguments: argparse.Namespace) -> int:
    """Print one line per task."""
    runs = read_runs(arguments.runs)
    print(json.dumps(as_json(runs), allow_nan=False) if arguments.json else "\n".join(lines(runs)))
    return 0
