"""``python -m simulate generations``: whole generations beside stationary cycles, and the difference."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace

from analysis.model import Subparsers, whole_option
from simulate.commands.compare import read_task
from simulate.commands.options import MAX_CYCLES, MAX_SEED, add_json, add_seed, number_option
from simulate.estimation import estimate
from simulate.sampler import Generation
from simulate.sweep.task import MAX_GENERATION


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("generations", help="EWIF of whole generations beside that of stationary cycles")
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification, `process` allowed")
    parser.add_argument("--tokens", required=True, help="tokens of a generation")
    parser.add_argument("--prefill", default="0", help="cost of the prompt, in target calls (default 0)")
    parser.add_argument("--cycles", default="1000000", help="at least this many cycles of each (default 1000000)")
    add_seed(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw both and print them."""
    tokens = whole_option("--tokens", arguments.tokens, 1, MAX_GENERATION)
    prefill = number_option("--prefill", arguments.prefill)
    cycles = whole_option("--cycles", arguments.cycles, 2, MAX_CYCLES)
    seed = whole_option("--seed", arguments.seed, 0, MAX_SEED)
    task = read_task(arguments.spec)
    stationary = replace(task, generation=None).sampler()
    finite = replace(task, generation=Generation(tokens, prefill)).sampler()
    endless = estimate(stationary.draw((seed, "stationary"), stationary.blocks_for(cycles)), stationary)
    generations = max(2, round(cycles * endless.tokens_per_cycle / tokens))
    whole = estimate(finite.draw((seed, "generations"), generations), finite)
    difference = whole.ewif - endless.ewif
    half = math.hypot(whole.half_width, endless.half_width)
    mean_cost = whole.cost_per_cycle * whole.cycles / whole.blocks + prefill
    if arguments.json:
        result = {
            "ewif": whole.ewif,
            "ci95": list(whole.ci95),
            "stationary_ewif": endless.ewif,
            "stationary_ci95": list(endless.ci95),
            "difference": difference,
            "difference_ci95": [difference - half, difference + half],
            "cost": mean_cost,
            "cycles_per_generation": whole.cycles / whole.blocks,
            "generations": whole.blocks,
        }
        print(json.dumps(result, allow_nan=False))
        return 0
    print(f"EWIF of whole generations   {whole.ewif:.6f}   95 % interval [{whole.ci95[0]:.6f}, {whole.ci95[1]:.6f}]")
    print(f"EWIF of stationary cycles   {endless.ewif:.6f}   [{endless.ci95[0]:.6f}, {endless.ci95[1]:.6f}]")
    print(f"difference                  {difference:+.6f}   +- {half:.6f}")
    print(f"cost of a generation        {mean_cost:.4f}   one-token target calls, prefill included")
    return 0
