"""``python -m simulate simulation-speed``: medians of every engine's speed, each beside its baseline."""

from __future__ import annotations

import argparse
import json
import os
import sys

from analysis.model import Subparsers, whole_option
from analysis.model.examples import flat
from simulate.commands.options import MAX_WORKERS
from simulate.speed import measure, memory_growth

_BASELINES = {
    "flat_cycles": "rng_doubles",
    "flat_cycles_one_thread": "rng_doubles",
    "decay_cycles": "flat_cycles",
    "nested_rounds": "reference_flat_cycles",
    "numpy_flat_cycles": "reference_flat_cycles",
    "torch_flat_cycles": "numpy_flat_cycles",
}


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "simulation-speed", aliases=["bench"], help="measure the engines; the last line is one JSON object"
    )
    parser.add_argument("--repeats", default="7", help="measurements of each engine (default 7)")
    parser.add_argument("--workers", default=None, help="threads of the kernel (default: all processors)")
    parser.add_argument("--device", default="cpu", help="of torch: cpu (default) or cuda")
    parser.add_argument("--memory-cycles", default="1000000000", help="cycles to watch memory over (default 10^9)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    repeats = whole_option("--repeats", arguments.repeats, 1, 1000)
    cycles = whole_option("--memory-cycles", arguments.memory_cycles, 1_000_000, 10**13)
    workers = os.cpu_count() or 1
    if arguments.workers is not None:
        workers = whole_option("--workers", arguments.workers, 1, MAX_WORKERS)
    from simulate.torch_engine import TorchSampler  # costs a second that no other command should pay

    TorchSampler(flat(), arguments.device)  # refuses a device that is not there before anything is measured
    before, after = memory_growth(cycles)
    measured = measure(repeats, workers, arguments.device)
    print(f"medians of {repeats}, kernel on {workers} threads, torch on {arguments.device}", file=sys.stderr)
    for name, found in measured.items():
        line = f"{name:<24}{found.median / 1e6:>12.3f} million/s   best {found.best / 1e6:.3f}"
        if name in _BASELINES:
            base = _BASELINES[name]
            line += f"   {found.median / measured[base].median:.3g} x {base}"
        print(line, file=sys.stderr)
    if before is not None and after is not None:
        print(f"peak memory {before:.0f} MiB after 10^6 cycles, {after:.0f} MiB after {cycles:.0e}", file=sys.stderr)
    result = {f"{name}_per_s": found.median for name, found in measured.items()}
    result |= {f"{name}_per_s_best": found.best for name, found in measured.items()}
    result |= {"memory_mib_1e6": before, "memory_mib_long": after, "memory_cycles": cycles, "workers": workers}
    print(json.dumps(result))
    return 0
