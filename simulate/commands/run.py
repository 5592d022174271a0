"""``cascade-ewif run``: simulate one cascade and estimate its EWIF, with a 95 % interval."""

from __future__ import annotations

import argparse
import json
import time

from analysis.model import Cascade, Subparsers, add_command, read_cascade
from analysis.model.boundary.options import add_device, add_json, add_quiet, add_seed, add_word, as_options, whole
from simulate.api import MAX_CYCLES
from simulate.estimation import Estimate, estimate
from simulate.intervals import CycleTotals
from simulate.reference import run_cycles
from simulate.sampler import Sampler

ENGINES = ("kernel", "reference", "torch")


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "run",
        run,
        more="The engines are three programs of one law: the reference draws token by token, slow and obviously right, "
        "the kernel is compiled, torch runs on a GPU too.",
        example="cascade-ewif run my.json --cycles 1e8",
    )
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")
    parser.add_argument(
        "--cycles", type=whole(2, MAX_CYCLES), default=100_000, metavar="N", help="number of cycles, at least 2"
    )
    add_word(parser, "--engine", ENGINES, "which of the three programs draws")
    add_device(parser, "of torch")
    add_seed(parser, "what is drawn")
    add_json(parser)
    add_quiet(parser)


@as_options("device")
def run(arguments: argparse.Namespace) -> int:
    """Simulate and print the estimate with its interval."""
    cascade = read_cascade(arguments.spec)
    started = time.perf_counter()
    totals = _drawn(cascade, arguments.cycles, arguments.seed, arguments.engine, arguments.device)
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
    from simulate.torch_engine import TorchSampler  # importing torch takes a second

    lanes = TorchSampler(cascade, device)
    return estimate(lanes.draw((seed, "run"), cycles), lanes.sampler)
