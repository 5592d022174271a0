"""``python -m analysis example``: the specifications that come with the package, to print and to start from."""

from __future__ import annotations

import argparse
import json

from analysis.model import InputError, Subparsers
from analysis.model.boundary.program import nearest
from analysis.model.examples import EXAMPLES


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("example", help="specifications that come with the package")
    parser.add_argument("name", nargs="?", metavar="NAME", help="which to print; left out, all are listed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one specification as JSON, or the list of all."""
    if arguments.name is None:
        for name, (shows, _) in EXAMPLES.items():
            print(f"{name:<14}{shows}")
        return 0
    if arguments.name not in EXAMPLES:
        hint = nearest(arguments.name, list(EXAMPLES))
        raise InputError("NAME", f"got {arguments.name!r}, expected one of {', '.join(EXAMPLES)}{hint}")
    print(json.dumps(EXAMPLES[arguments.name][1], indent=2))
    return 0
