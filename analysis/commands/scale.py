"""``cascade-ewif scale``: tell the EWIF of published acceptances at the paper's scale, by assumed and by measured call
times."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from analysis.model import Subparsers, add_command
from analysis.model.boundary.report import add_report, report
from analysis.paper.scale import cost_ratios, leviathan, markdown, overstated, read_shapes, tenfold

ALPHAS = (0.5, 0.6, 0.7, 0.8, 0.9)
CALLS_A_REVIEW = (2, 5, 13)
"""The published K-matrix for LLaMA-7B has its 160M drafter review Max-Gram's tens until 13: 2 to 13 calls."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "scale",
        run,
        example="cascade-ewif scale shapes.jsonl --markdown scale.md",
    )
    parser.add_argument(
        "shapes",
        nargs="*",
        metavar="SHAPES.jsonl",
        help="rows of `cascade-ewif shapes`; none: assumed costs only",
    )
    add_report(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare costs under every condition, and tell what the tenfold target changes."""
    result = {
        "assumed": [asdict(row) for row in leviathan({})],
        "measured": [
            {
                "condition": asdict(condition),
                "cost_ratios": [asdict(ratio) for ratio in cost_ratios(shapes)],
                "published": [asdict(row) for row in leviathan(shapes)],
            }
            for condition, shapes in read_shapes(*arguments.shapes).items()
        ],
        "tenfold": {
            "speculative": [asdict(row) for row in tenfold(ALPHAS)],
            "swi_overstated": {str(m): overstated(m) for m in CALLS_A_REVIEW},
        },
    }
    report(arguments, markdown(result), result)
    return 0
