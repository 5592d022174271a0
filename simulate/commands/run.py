"""``python -m simulate run``: estimate the EWIF of one cascade with the token-level reference."""

from __future__ import annotations

import argparse
import json
import time

from analysis.model import Subparsers, read_cascade, whole_option
from simulate.reference import run_cycles

MAX_CYCLES = 10**12
MAX_SEED = 2**63 - 1


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("run", help="draw cycles of one cascade token by token and estimate its EWIF")
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")
    parser.add_argument("--cycles", default="100000", help="number of cycles, at least 2 (default 100000)")
    parser.add_argument("--seed", default="0", help="a whole number >= 0 (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate and print the estimate with its interval."""
    cascade = read_cascade(arguments.spec)
    cycles = whole_option("--cycles", arguments.cycles, 2, MAX_CYCLES)
    seed = whole_option("--seed", arguments.seed, 0, MAX_SEED)
    started = time.perf_counter()
    totals = run_cycles(cascade, cycles, seed)
    seconds = time.perf_counter() - started
    low, high = totals.ci95
    if arguments.json:
        result = {
            "ewif": totals.ewif,
            "ci95": [low, high],
            "tokens_per_cycle": totals.tokens_per_cycle,
            "cost_per_cycle": totals.cost_per_cycle,
            "cycles": totals.cycles,
            "seconds": seconds,
        }
        print(json.dumps(result))
        return 0
    print(f"EWIF              {totals.ewif:.6f}   95 % interval [{low:.6f}, {high:.6f}]")
    print(f"tokens per cycle  {totals.tokens_per_cycle:.6f}")
    print(f"cost per cycle    {totals.cost_per_cycle:.6f}   one-token target calls")
    print(f"cycles            {totals.cycles} in {seconds:.2f} s")
    return 0
