"""Timing of shapes as a command: its options, and a run that goes on with the rows that an interrupted one left."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from analysis.model import InputError
from analysis.model.boundary.options import add_device, add_dtype, add_json, add_out, add_quiet, listed, whole
from realrun.shapes.catalogue import SHAPES, Shape, shape_named

if TYPE_CHECKING:
    import torch

    from realrun.shapes.measure import TimingPlan

ALL = "all"
SHAPE_DTYPE = "bfloat16"
Q = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64)
CONTEXTS = (64, 256, 512)
LONGEST = 2**15


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the names of the shapes and all options."""
    parser.add_argument(
        "shape",
        nargs="+",
        metavar="NAME",
        help=f"build these with random weights and time their calls, {ALL} for all that fit: {', '.join(SHAPES)}",
    )
    add_out(
        parser,
        "ROWS.jsonl",
        "where the rows go, shape by shape; the same command goes on with what an interrupted run left",
        required=True,
    )
    sizes = listed(whole(1, LONGEST))
    parser.add_argument("--q", type=sizes, default=Q, metavar="Q,...", help=f"tokens of a call (default {_said(Q)})")
    parser.add_argument(
        "--contexts",
        type=sizes,
        default=CONTEXTS,
        metavar="N,...",
        help=f"tokens held before a call (default {_said(CONTEXTS)})",
    )
    parser.add_argument(
        "--encoded", type=whole(1, LONGEST), default=256, metavar="N", help="tokens that an encoder reads"
    )
    parser.add_argument(
        "--seconds",
        type=whole(1, 86_400),
        default=120,
        metavar="S",
        help="no turn of timing a shape begins after so many seconds, but for the first 3",
    )
    parser.add_argument("--compile", action="store_true", help="through torch.compile, with caches of a fixed size")
    parser.add_argument("--cold", action="store_true", help="have the processor's caches forget before every call")
    parser.add_argument("--unpacked", action="store_true", help="do not pack linear layers for a CPU")
    parser.add_argument("--turns", type=whole(1, 10_000), default=9, metavar="N", help="how often every call is timed")
    add_dtype(parser, SHAPE_DTYPE, SHAPE_DTYPE)
    add_device(parser)
    add_json(parser, "a summary as one JSON object")
    add_quiet(parser)


def run_shapes(arguments: argparse.Namespace) -> int:
    """Time the shapes one after another and write their rows; tell each one's call on the fewest tokens."""
    dtype_name = arguments.dtype
    q, contexts = (tuple(sorted(set(sizes))) for sizes in (arguments.q, arguments.contexts))
    encoded = arguments.encoded
    everything = ALL in arguments.shape
    shapes = list(SHAPES.values()) if everything else [shape_named(name) for name in dict.fromkeys(arguments.shape)]
    import torch  # after all else is known to be right: it takes seconds

    from analysis.model.boundary.journal import is_seconds, rows_file
    from realrun.loading.ensemble import DTYPES
    from realrun.network.device import device_named
    from realrun.shapes.build import demand_int8, demand_memory
    from realrun.shapes.compiled import CompiledCalls
    from realrun.shapes.eager import EagerCalls
    from realrun.shapes.measure import EVICTED_BYTES, TimingPlan, row_key

    dtype, device = DTYPES[dtype_name], device_named(arguments.device)
    if dtype == torch.int8:
        _demand_int8(arguments)
    plan = TimingPlan(q, contexts, encoded, arguments.turns, arguments.seconds, arguments.cold, not arguments.unpacked)
    tokens = max(contexts) + max(q) + encoded
    beside = EVICTED_BYTES if arguments.cold else 0
    fitting = []
    for shape in shapes:
        try:
            if dtype == torch.int8:
                demand_int8(shape)
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


def _demand_int8(arguments: argparse.Namespace) -> None:
    """Refuse int8 where it is not run, and what says nothing of it."""
    from realrun.network.int8_linear import why_unavailable

    if arguments.device != "cpu":
        raise InputError("--device", f"got {arguments.device!r}, expected cpu with --dtype int8")
    problem = why_unavailable()
    if problem is not None:
        raise InputError("--dtype", f"got 'int8', but {problem}")
    if arguments.compile:
        raise InputError("--compile", "given with --dtype int8, whose calls are not compiled")
    if arguments.unpacked:
        raise InputError("--unpacked", "given with --dtype int8, whose weights are always packed")


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
    in_int8 = dtype == torch.int8
    network = random_network(shape, dtype, device, packed and not compiled and not in_int8)
    size = max(plan.contexts), max(plan.q), plan.encoded
    calls = CompiledCalls(network, *size) if compiled else EagerCalls(network, *size, in_int8)
    is_packed = in_int8 or any(isinstance(layer, PackedLinear) for layer in network.modules())
    return list(rows(shape, found, calls, plan, dtype, device, is_packed))


def _said(sizes: Sequence[int]) -> str:
    """Sizes as they are typed."""
    return ",".join(map(str, sizes))
