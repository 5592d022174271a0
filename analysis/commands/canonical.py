"""``python -m analysis canonical``: check a specification and print it in its canonical form."""

from __future__ import annotations

import argparse

from analysis.model import Subparsers, read_cascade


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("canonical", help="check a specification and print its canonical JSON")
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line of canonical JSON."""
    print(read_cascade(arguments.spec).canonical())
    return 0
