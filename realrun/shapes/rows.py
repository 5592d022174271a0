"""Timing of shapes as a command: its options, and a run that goes on with the rows that an interrupted one left."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from statistics import median
from typing import TYPE_CHECKING

from analysis.model import InputError, demand_place, whole_option
from realrun.commands.options import DTYPE_NAMES, demand_word
from realrun.shapes.catalogue import SHAPES, Shape, shape_named

if TYPE_CHECKING:
    import torch

    from realrun.shapes.measure import TimingPlan

ALL = "all"
SHAPE_DTYPE = "bfloat16"
Q = "1,2,3,4,5,6,8,12,16,24,32,48,64"
CONTEXTS = "64,256,512"
LONGEST = 2**15


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the names of the shapes and all options."""
    parser.add_argument(
        "shape",
        nargs="+",
        metavar="NAME",
        help=f"build these with random weights and time their calls, {ALL} for all that fit: {', '.join(SHAPES)}",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="ROWS.jsonl",
        help="where the rows go, shape by shape; the same command goes on with what an interrupted run left",
    )
    parser.add_argument("--q", default=Q, metavar="Q,...", help=f"tokens of a call (default {Q})")
    parser.add_argument("--contexts", default=CONTEXTS, metavar="N,...", help=f"tokens held (default {CONTEXTS})")
    parser.add_argument("--encoded", default="256", metavar="N", help="tokens that an encoder reads (default 256)")
    parser.add_argument(
        "--seconds", default="120", metavar="S", help="of timed turns a shape, but for the first 3 (default 120)"
    )
    parser.add_argument("--compile", action="store_true", help="through torch.compile, with caches of a fixed size")
    parser.add_argument("--cold", action="store_true", help="have the processor's caches forget before every call")
    parser.add_argument("--unpacked", action="store_true", help="do not pack linear layers for a CPU")
    parser.add_argument("--turns", default="9", metavar="N", help="turns of timing calls (default 9)")
    parser.add_argument("--dtype", default=SHAPE_DTYPE, help=f"{', '.join(DTYPE_NAMES)} (default {SHAPE_DTYPE})")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    parser.add_argument("--json", action="store_true", help="print a summary as one JSON object in the last line")


def run_shapes(arguments: argparse.Namespace) -> int:
    """Time the shapes one after another and write their rows; tell each one's call on the fewest tokens."""
    dtype_name = arguments.dtype
    demand_word("--dtype", dtype_name, DTYPE_NAMES)
    q = _sizes("--q", arguments.q)
    contexts = _sizes("--contexts", arguments.contexts)
    encoded = whole_option("--encoded", arguments.encoded, 1, LONGEST)
    turns = whole_option("--turns", arguments.turns, 1, 10_000)
    seconds = whole_option("--seconds", arguments.seconds, 1, 86_400)
    everything = ALL in arguments.shape
    shapes = list(SHAPES.values()) if everything else [shape_named(name) for name in dict.fromkeys(arguments.shape)]
    demand_place(arguments.out)
    import torch  # after all else is known to be right: it takes seconds

    from analysis.model.boundary.journal import is_seconds, rows_file
    from realrun.loading.ensemble import DTYPES
    from realrun.network.device import device_named
    from realrun.shapes.build import demand_memory
    from realrun.shapes.compiled import CompiledCalls
    from realrun.shapes.eager import EagerCalls
    from realrun.shapes.measure import EVICTED_BYTES, TimingPlan, row_key

    dtype, device = DTYPES[dtype_name], device_named(arguments.device)
    plan = TimingPlan(q, contexts, encoded, turns, seconds, arguments.cold, not arguments.unpacked)
    tokens = max(contexts) + max(q) + encoded
    beside = EVICTED_BYTES if arguments.cold else 0
    fitting = []
    for shape in shapes:
        try:
            demand_memory(shape, dtype, device, tokens, beside)
            fitting.append(shape)
        except InputError as error:
            if not everything:
                raise
            print(f"left out: {error.problem}", file=sys.stderr)
    mode = (CompiledCalls if arguments.compile else EagerCalls).mode
    sizes = len(contexts) * len(q)
    expected = [
        row_key(shape, plan, dtype, device, mode, context, size)
        for shape in fitting
        for context in plan.contexts
        for size in plan.q
    ]
    milliseconds = {}
    with rows_file(arguments.out, expected, {"median": is_seconds}) as file:
        for number, shape in enumerate(fitting):
            there = len(file.rows) - number * sizes
            if there < sizes:
                timed = _timed(shape, dtype, device, plan, arguments.compile, not arguments.unpacked)
                file.append(*timed[there:])
            rows = file.rows[number * sizes : (number + 1) * sizes]
            ms = milliseconds[shape.name] = 1e3 * median(row["median"] for row in rows if row["q"] == min(q))
            said = f"{shape.name}: {rows[0]['parameters']} parameters, {ms:.2f} ms a call on q = {min(q)}"
            print(said, file=sys.stderr if arguments.json else sys.stdout, flush=True)
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
    if arguments.json:
        print(json.dumps({"dtype": dtype_name, "device": arguments.device, "q": min(q), "milliseconds": milliseconds}))
    return 0


def _timed(
    shape: Shape, dtype: torch.dtype, device: torch.device, plan: TimingPlan, compiled: bool, packed: bool
) -> list[dict[str, object]]:
    """Build one shape, time it, and let it go."""
    import torch

    from realrun.network.packed import PackedLinear
    from realrun.shapes.build import empty_network, random_network, sizes
    from realrun.shapes.compiled import CompiledCalls
    from realrun.shapes.eager import EagerCalls
    from realrun.shapes.measure import rows

    found = sizes(empty_network(shape, dtype, torch.device("meta")))
    network = random_network(shape, dtype, device, packed and not compiled)
    kind = CompiledCalls if compiled else EagerCalls
    calls = kind(network, max(plan.contexts), max(plan.q), plan.encoded)
    is_packed = any(isinstance(layer, PackedLinear) for layer in network.modules())
    return list(rows(shape, found, calls, plan, dtype, device, is_packed))


def _sizes(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas, in rising order."""
    return tuple(sorted({whole_option(option, part.strip(), 1, LONGEST) for part in text.split(",")}))
