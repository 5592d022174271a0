"""``cascade-ewif simulation-speed``: measure the speed of every engine of the simulation on this machine, each beside
its baseline."""

from __future__ import annotations

import argparse
import json
import os

from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_device, add_quiet, as_options, whole
from analysis.model.examples import flat
from simulate.api import MAX_WORKERS
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
    parser = add_command(
        commands,
        "simulation-speed",
        run,
        more="The last line is one JSON object.",
        example="cascade-ewif simulation-speed --repeats 3 --memory-cycles 1e7",
        aliases=["bench"],
    )
    parser.add_argument("--repeats", type=whole(1, 1000), default=7, metavar="N", help="measurements of each engine")
    parser.add_argument(
        "--workers",
        type=whole(1, MAX_WORKERS),
        metavar="N",
        help="threads of the kernel (default: one for every processor)",
    )
    add_device(parser, "of torch")
    parser.add_argument(
        "--memory-cycles",
        type=whole(1_000_000, 10**13),
        default=10**9,
        metavar="N",
        help="cycles to watch memory over",
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    add_quiet(parser)


@as_options("device")
def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    repeats, cycles = arguments.repeats, arguments.memory_cycles
    workers = arguments.workers or os.cpu_count() or 1
    from simulate.torch_engine import TorchSampler  # costs a second that no other command should pay

    TorchSampler(flat(), arguments.device)  # refuses a device that is not there before anything is measured
    before, after = memory_growth(cycles)
    measured = measure(repeats, workers, arguments.device)
    if not arguments.json:
        print(f"medians of {repeats}, kernel on {workers} threads, torch on {arguments.device}")
        for name, found in measured.items():
            line = f"{name:<24}{found.median / 1e6:>12.3f} million/s   best {found.best / 1e6:.3f}"
            if name in _BASELINES:
                base = _BASELINES[name]
                line += f"   {found.median / measured[base].median:.3g} x {base}"
            print(line)
        print(f"peak memory {before:.0f} MiB after 10^6 cycles, {after:.0f} MiB after {cycles:.0e}")
    result = {f"{name}_per_s": found.median for name, found in measured.items()}
    result |= {f"{name}_per_s_best": found.best for name, found in measured.items()}
    result |= {"memory_mib_1e6": before, "memory_mib_long": after, "memory_cycles": cycles, "workers": workers}
    print(json.dumps(result))
    return 0
