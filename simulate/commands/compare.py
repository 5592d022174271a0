"""``python -m simulate compare``: the difference of two cascades, drawn with common random numbers."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers, parse_json, read_text, whole_option
from analysis.model.boundary.fields import inside
from simulate.commands.options import MAX_CYCLES, MAX_SEED, add_json, add_seed
from simulate.estimation import compare
from simulate.sweep.task import Task


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("compare", help="difference of two tasks' EWIF, drawn with common random numbers")
    parser.add_argument("first", metavar="FIRST.json", help="a cascade specification, `process` allowed")
    parser.add_argument("second", metavar="SECOND.json", help="another one")
    parser.add_argument("--blocks", default="1000000", help="cycles, prompts or generations of each (default 1000000)")
    add_seed(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw both and print their difference."""
    blocks = whole_option("--blocks", arguments.blocks, 2, MAX_CYCLES)
    seed = whole_option("--seed", arguments.seed, 0, MAX_SEED)
    first, second = (read_task(path).sampler() for path in (arguments.first, arguments.second))
    found = compare(first, second, (seed, "compare"), blocks)
    low, high = found.ci95
    if arguments.json:
        result = {
            "first": found.first,
            "second": found.second,
            "difference": found.difference,
            "ci95": [low, high],
            "correlation": found.correlation,
            "blocks": found.blocks,
        }
        print(json.dumps(result, allow_nan=False))
        return 0
    print(f"EWIF          {found.first:.6f} and {found.second:.6f}")
    print(f"difference    {found.difference:+.6f}   95 % interval [{low:+.6f}, {high:+.6f}]")
    print(f"correlation   {found.correlation:.4f} of the two estimates, by sharing random numbers")
    return 0


def read_task(path: str) -> Task:
    """Read one task from a JSON file."""
    value = parse_json(read_text(path), path)
    with inside(path):
        return Task.from_json(value)
