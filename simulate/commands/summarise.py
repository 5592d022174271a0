"""``python -m simulate summarise``: estimates and intervals from a results file."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers
from simulate.commands.options import add_json
from simulate.commands.table import as_json, lines
from simulate.results import read_runs


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("summarise", help="estimates and intervals of every task in a results file")
    parser.add_argument("runs", metavar="RUNS.csv", help="a results file")
    add_json(parser, "one JSON list")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per task."""
    runs = read_runs(arguments.runs)
    print(json.dumps(as_json(runs), allow_nan=False) if arguments.json else "\n".join(lines(runs)))
    return 0
