"""``cascade-ewif generations``: estimate the EWIF of whole generations beside that of stationary cycles."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace

from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_json, add_quiet, add_seed, real, whole
from simulate.api import MAX_CYCLES
from simulate.commands.compare import read_task
from simulate.estimation import estimate
from simulate.sampler import Generation
from simulate.sweep.task import MAX_GENERATION


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "generations",
        run,
        more="A generation is cut at its last token and begins with the prompt's cost; cycles in the long run are not.",
        example="cascade-ewif generations my.json --tokens 256 --prefill 3",
    )
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification, `process` allowed")
    parser.add_argument(
        "--tokens", type=whole(1, MAX_GENERATION), required=True, metavar="N", help="tokens of a generation"
    )
    parser.add_argument(
        "--prefill", type=real(0), default=0.0, metavar="C", help="cost of the prompt, in one-token target calls"
    )
    parser.add_argument(
        "--cycles",
        type=whole(2, MAX_CYCLES),
        default=1_000_000,
        metavar="N",
        help="at least this many cycles of each",
    )
    add_seed(parser, "what is drawn")
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw both and print them."""
    tokens, prefill, cycles, seed = arguments.tokens, arguments.prefill, arguments.cycles, arguments.seed
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
