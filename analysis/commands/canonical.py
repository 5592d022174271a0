"""``cascade-ewif canonical``: check a specification and print it in its canonical form."""

from __future__ import annotations

import argparse

from analysis.model import Subparsers, add_command, read_cascade


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "canonical",
        run,
        more="Two specifications of one cascade have one canonical form.",
        example="cascade-ewif canonical my.json",
    )
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")


def run(arguments: argparse.Namespace) -> int:
    """Print one line of canonical JSON."""
    print(read_cascade(arguments.spec).canonical())
    return 0
