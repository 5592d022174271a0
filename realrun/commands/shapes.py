"""``python -m realrun shapes``: call times of published architectures, built with random weights."""

from __future__ import annotations

import argparse

from analysis.model import Subparsers
from realrun.shapes import add_options, run_shapes


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("shapes", help="time calls of published architectures, without their weights")
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Time the shapes that the file has no rows of yet."""
    return run_shapes(arguments)
