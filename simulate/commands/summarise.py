"""``python -m simulate summarise``: estimates and intervals from a results file."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers
from simulate.commands.options import add_json
from simulate.sweep.store import read_rows
from simulate.sweep.summary import summarise


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("summarise", help="estimates and intervals of every task in a results file")
    parser.add_argument("runs", metavar="RUNS.csv", help="a results file")
    add_json(parser, "one JSON list")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line a task."""
    summaries = summarise(read_rows(arguments.runs))
    if arguments.json:
        print(json.dumps([summary.to_json() for summary in summaries], allow_nan=False))
        return 0
    print("EWIF       95 % interval             cycles           task")
    for summary in summaries:
        e = summary.estimate
        print(f"{e.ewif:<9.6f}  [{e.ci95[0]:.6f}, {e.ci95[1]:.6f}]  {e.cycles:<15d}  {summary.task.name}")
    return 0
