"""``cascade-ewif shapes``: time calls of published architectures, built with random weights."""

from __future__ import annotations

import argparse

from analysis.model import Subparsers, add_command
from realrun.shapes import add_options, run_shapes


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "shapes",
        run,
        example="cascade-ewif shapes llama-68m --out shapes.jsonl",
    )
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Time the shapes that the file has no rows of yet."""
    return run_shapes(arguments)
