"""``python -m simulate run``: estimate the EWIF of one cascade with any of the three engines."""

from __future__ import annotations

import argparse
import json
import time

from analysis.model import Cascade, InputError, Subparsers, read_cascade, whole_option
from simulate.commands.options import MAX_CYCLES, MAX_SEED, add_json, add_seed
from simulate.estimation import Estimate, estimate
from simulate.intervals import CycleTotals
from simulate.reference import run_cycles
from simulate.sampler import Sampler

ENGINES = ("reference", "kernel", "torch")


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("run", help="draw cycles of one cascade and estimate its EWIF")
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")
    parser.add_argument("--cycles", default="100000", help="number of cycles, at least 2 (default 100000)")
    parser.add_argument(
        "--engine",
        default="reference",
        help="reference (default: token by token, slow and obviously right), kernel (compiled) or torch",
    )
    parser.add_argument("--device", default="cpu", help="of torch: cpu (default) or cuda")
    add_seed(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate and print the estimate with its interval."""
    cascade = read_cascade(arguments.spec)
    cycles = whole_option("--cycles", arguments.cycles, 2, MAX_CYCLES)
    seed = whole_option("--seed", arguments.seed, 0, MAX_SEED)
    started = time.perf_counter()
    totals = _drawn(cascade, cycles, seed, arguments.engine, arguments.device)
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
        print(json.dumps(result, allow_nan=False))
        return 0
    print(f"EWIF              {totals.ewif:.6f}   95 % interval [{low:.6f}, {high:.6f}]")
    print(f"tokens per cycle  {totals.tokens_per_cycle:.6f}")
    print(f"cost per cycle    {totals.cost_per_cycle:.6f}   one-token target calls")
    print(f"cycles            {totals.cycles} in {seconds:.2f} s")
    return 0


def _drawn(cascade: Cascade, cycles: int, seed: int, engine: str, device: str) -> CycleTotals | Estimate:
    if engine == "reference":
        return run_cycles(cascade, cycles, seed)
    if engine == "kernel":
        sampler = Sampler(cascade)
        return estimate(sampler.draw((seed, "run"), cycles), sampler)
    if engine == "torch":
        from simulate.torch_engine import TorchSampler  # importing torch takes a second

        lanes = TorchSampler(cascade, device)
        return estimate(lanes.draw((seed, "run"), cycles), lanes.sampler)
    raise InputError("--engine", f"got {engine!r}, expected one of {', '.join(ENGINES)}")
