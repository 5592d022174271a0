"""``python -m analysis ewif``: the exact EWIF of one cascade."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers, read_cascade
from analysis.theory.exact import cycle_law


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("ewif", help="exact EWIF, tokens and cost per cycle, and law of the yield")
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the law of a cycle."""
    law = cycle_law(read_cascade(arguments.spec))
    if arguments.json:
        result = {
            "ewif": law.ewif,
            "tokens_per_cycle": law.tokens_per_cycle,
            "cost_per_cycle": law.cost_per_cycle,
            "pmf": law.pmf.tolist(),
        }
        print(json.dumps(result, allow_nan=False))
        return 0
    print(f"EWIF              {law.ewif:.6f}   (autoregressive = 1)")
    print(f"tokens per cycle  {law.tokens_per_cycle:.6f}")
    print(f"cost per cycle    {law.cost_per_cycle:.6f}   one-token target calls")
    print("tokens  probability")
    for i, probability in enumerate(law.pmf):
        if probability >= 1e-6:
            print(f"{i + 1:6d}  {probability:.6f}")
    return 0
