"""``cascade-ewif theory-speed``: measure how fast grids, single evaluations and optima are on this machine."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_quiet, whole
from analysis.theory.speed import bench


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "theory-speed",
        run,
        more="The last line is one JSON object.",
        example="cascade-ewif theory-speed --repeats 3",
        aliases=["bench"],
    )
    parser.add_argument("--repeats", type=whole(1, 1000), metavar="N", default=7, help="timed runs of each part")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the medians, each beside its baseline, then one JSON line."""
    result = bench(arguments.repeats)
    if not arguments.json:
        print(f"grid of flat cascades  {result['grid_evals_per_s']:12,.0f} evaluations/s")
        print(f"  one at a time        {result['single_evals_per_s']:12,.0f} evaluations/s (the exact law each time)")
        print(f"one nested cascade     {result['nested_eval_ms']:12.3f} ms (depth 3, up to 30 tokens)")
        print(f"optimum, 3 drafters    {result['optimise_small_s']:12.4f} s (16 tokens, depth 3)")
        print(f"  leaves only          {result['optimise_flat_s']:12.4f} s (16 tokens, depth 1)")
        print(f"optimum, 6 drafters    {result['optimise_large_s']:12.4f} s (32 tokens, depth 3)")
    print(json.dumps(result, allow_nan=False))
    return 0
