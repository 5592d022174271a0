"""``cascade-ewif example``: print a specification that comes with the package, to start from; without a name, list them
all."""

from __future__ import annotations

import argparse
import json
import sys

from analysis.model import InputError, Subparsers, add_command
from analysis.model.boundary.program import nearest
from analysis.model.examples import EXAMPLES


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "example",
        run,
        example="cascade-ewif example full > my.json\ncascade-ewif ewif my.json",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which to print; left out, all are listed")


def run(arguments: argparse.Namespace) -> int:
    """Print one specification as JSON, or the list of all."""
    if arguments.name is None:
        for name, (shows, _) in EXAMPLES.items():
            print(f"{name:<14}{shows}")
        print("note: `cascade-ewif example NAME > my.json` makes one yours", file=sys.stderr)
        return 0
    if arguments.name not in EXAMPLES:
        hint = nearest(arguments.name, list(EXAMPLES))
        raise InputError("NAME", f"got {arguments.name!r}, expected one of {', '.join(EXAMPLES)}{hint}")
    print(json.dumps(EXAMPLES[arguments.name][1], indent=2))
    return 0
