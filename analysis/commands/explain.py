"""``cascade-ewif explain``: why speculation gained or lost in an engine, from its metrics with and without it."""

from __future__ import annotations

import argparse
import json

from analysis.commands.advise import add_metrics, at_draft_length, read_comparison, read_pages
from analysis.engines.explanation import explained
from analysis.engines.explanation_words import explanation_lines
from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_json, as_options, real

EPILOG = """Both runs should have had the same requests at the same load. Two runs tell what a step costs, not how that
divides into drafting, review and overhead; --draft-cost, where it is known, takes drafting out of it. `cascade-ewif
advise` reads the same files, and says which draft length to try."""

EXAMPLE = "cascade-ewif explain --metrics with_eagle.txt --baseline plain.txt"


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(commands, "explain", run, more=EPILOG, example=EXAMPLE)
    add_metrics(parser, needs_baseline=True)
    parser.add_argument(
        "--draft-cost", type=real(0), metavar="C", help="cost of drafting one token, in one-token target calls"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the verdict, its factors, what would break even, and what is not known."""
    with as_options("model"):
        counters = read_pages(arguments.metrics, arguments.start, arguments.model)
    comparison = read_comparison(arguments, at_draft_length(arguments, counters))
    assert comparison is not None
    with as_options("draft_cost"):
        found = explained(comparison, arguments.draft_cost)
    if arguments.json:
        print(json.dumps(found.to_json(), allow_nan=False))
        return 0
    for line in explanation_lines(found):
        print(line)
    return 0
