"""``cascade-ewif compare``: estimate the difference of two cascades' EWIF, drawn with common random numbers."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers, add_command, advise_on, parse_json, read_text
from analysis.model.boundary.fields import inside
from analysis.model.boundary.options import add_json, add_quiet, add_seed, whole
from simulate.api import MAX_CYCLES
from simulate.estimation import compare
from simulate.sweep.task import Task


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "compare",
        run,
        example="cascade-ewif compare one.json other.json",
    )
    parser.add_argument("first", metavar="FIRST.json", help="a cascade specification, `process` allowed")
    parser.add_argument("second", metavar="SECOND.json", help="another one")
    parser.add_argument(
        "--blocks",
        type=whole(2, MAX_CYCLES),
        default=1_000_000,
        metavar="N",
        help="cycles, prompts or generations of each",
    )
    add_seed(parser, "what is drawn")
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw both and print their difference."""
    first, second = (read_task(path).sampler() for path in (arguments.first, arguments.second))
    found = compare(first, second, (arguments.seed, "compare"), arguments.blocks)
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
        task = Task.from_json(value)
    advise_on(task.cascade)
    return task
