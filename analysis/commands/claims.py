"""``cascade-ewif claims``: check every claim of the ledger: proved, tested or refuted."""

from __future__ import annotations

import argparse
import json
import sys

from analysis.claims import as_markdown, as_text, run_ledger, summary
from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_json, add_quiet


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "claims",
        run,
        more="It takes about a minute. The exit status is 1 where a claim is left open.",
        example="cascade-ewif claims --markdown",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--markdown", action="store_true", help="print a Markdown table")
    add_json(shape)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the ledger; status 1 where a claim or a rescue is left open."""
    rows = run_ledger()
    if arguments.json:
        print(summary(rows), file=sys.stderr)
        print(json.dumps({"claims": [row.to_json() for row in rows]}, allow_nan=False))
    else:
        print(as_markdown(rows) if arguments.markdown else as_text(rows))
    return 0 if all(row.finding.settled for row in rows) else 1
