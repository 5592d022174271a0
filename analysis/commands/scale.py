"""``python -m analysis scale``: published acceptances at the paper's scale, by assumed and measured costs."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from analysis.model import Subparsers, whole_file
from analysis.scale import cost_ratios, leviathan, markdown, overstated, read_shapes, tenfold

ALPHAS = (0.5, 0.6, 0.7, 0.8, 0.9)
CALLS_A_REVIEW = (2, 5, 13)
"""The published K-matrix for LLaMA-7B has its 160M drafter review Max-Gram's tens until 13: 2 to 13 calls."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("scale", help="EWIF at the paper's scale by assumed and by measured call times")
    parser.add_argument(
        "shapes",
        nargs="*",
        metavar="SHAPES.jsonl",
        help="rows of `python -m realrun calibrate --shape`; none: assumed costs",
    )
    parser.add_argument("--out", metavar="FILE.json", help="where the whole result goes")
    parser.add_argument("--markdown", metavar="FILE.md", help="where the tables go")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


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
    text = markdown(result)
    if arguments.markdown:
        with whole_file(arguments.markdown) as file:
            file.write(text + "\n")
    print(text, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.out:
        with whole_file(arguments.out) as file:
            json.dump(result, file, indent=1, allow_nan=False)
            file.write("\n")
    if arguments.json:
        print(json.dumps(result, allow_nan=False))
    return 0
