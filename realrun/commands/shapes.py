"""``python -m realrun calibrate --shape NAME ...``: its options and its run."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from statistics import median

from analysis.model import InputError, whole_file, whole_option
from realrun.commands.options import DTYPE_NAMES, demand_word
from realrun.shapes.catalogue import SHAPES, Shape, shape_named

ALL = "all"
SHAPE_DTYPE = "bfloat16"
Q = "1,2,3,4,5,6,8,12,16,24,32,48,64"
CONTEXTS = "64,256,512"
LONGEST = 2**15
OPTIONS = ("q", "contexts", "encoded", "seconds", "compile", "cold", "unpacked")
"""What only shapes need, by attribute, but for --shape itself."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only shapes need; --dtype, --device, --turns, --out and --json are the command's own."""
    group = parser.add_argument_group("call times of published architectures, without their weights")
    group.add_argument(
        "--shape",
        nargs="+",
        metavar="NAME",
        help=f"build these with random weights and time their calls, {ALL} for all that fit: {', '.join(SHAPES)}",
    )
    group.add_argument("--q", default=Q, metavar="Q,...", help=f"tokens of a call (default {Q})")
    group.add_argument("--contexts", default=CONTEXTS, metavar="N,...", help=f"tokens held (default {CONTEXTS})")
    group.add_argument("--encoded", default="256", metavar="N", help="tokens that an encoder reads (default 256)")
    group.add_argument(
        "--seconds", default="120", metavar="S", help="of timed turns a shape, but for the first 3 (default 120)"
    )
    group.add_argument("--compile", action="store_true", help="through torch.compile, with caches of a fixed size")
    group.add_argument("--cold", action="store_true", help="have the processor's caches forget before every call")
    group.add_argument("--unpacked", action="store_true", help="do not pack linear layers for a CPU")


def run_shapes(arguments: argparse.Namespace) -> int:
    """Time the shapes one after another and write their rows; tell each one's call on the fewest tokens."""
    if arguments.models is not None:
        raise InputError("MODELS.json", f"got {arguments.models!r}, expected none beside --shape")
    dtype_name = arguments.dtype or SHAPE_DTYPE
    demand_word("--dtype", dtype_name, DTYPE_NAMES)
    q = _sizes("--q", arguments.q)
    contexts = _sizes("--contexts", arguments.contexts)
    encoded = whole_option("--encoded", arguments.encoded, 1, LONGEST)
    turns = whole_option("--turns", arguments.turns, 1, 10_000)
    seconds = whole_option("--seconds", arguments.seconds, 1, 86_400)
    everything = ALL in arguments.shape
    shapes = list(SHAPES.values()) if everything else [shape_named(name) for name in dict.fromkeys(arguments.shape)]
    with whole_file(arguments.out) as file:
        import torch  # after all else is known to be right: it takes seconds

        from realrun.loading.ensemble import DTYPES
        from realrun.network.device import device_named
        from realrun.shapes.build import demand_memory
        from realrun.shapes.measure import EVICTED_BYTES, Plan

        dtype, device = DTYPES[dtype_name], device_named(arguments.device)
        plan = Plan(q, contexts, encoded, turns, seconds, arguments.cold)
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
        milliseconds = {}
        for shape in fitting:
            rows = _timed(shape, dtype, device, plan, arguments.compile, not arguments.unpacked)
            for row in rows:
                file.write(json.dumps(row) + "\n")
            file.flush()
            ms = milliseconds[shape.name] = 1e3 * median(row["median"] for row in rows if row["q"] == min(q))
            said = f"{shape.name}: {rows[0]['parameters']} parameters, {ms:.2f} ms a call on q = {min(q)}"
            print(said, file=sys.stderr if arguments.json else sys.stdout, flush=True)
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
    if arguments.json:
        print(json.dumps({"dtype": dtype_name, "device": arguments.device, "q": min(q), "milliseconds": milliseconds}))
    return 0


def _timed(shape: Shape, dtype, device, plan, compiled: bool, packed: bool) -> list[dict]:
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
