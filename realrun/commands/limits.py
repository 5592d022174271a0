"""``cascade-ewif limits``: tell the least time that this machine needs for a call, and how far engines are from it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model import (
    Cascade,
    InputError,
    Subparsers,
    add_command,
    advise,
    inside_file,
    parse_json,
    read_text,
)
from analysis.model.boundary.fields import inside
from analysis.model.boundary.options import add_device, whole, word
from analysis.model.boundary.report import add_report, report
from analysis.model.records.calibration import Calibration, read_calibration
from analysis.model.records.machine_rates import MachineRates
from analysis.model.records.runs import read_runs
from realrun.commands.options import target
from realrun.loading.formats import dtype_as_run
from realrun.loading.options import Source
from realrun.roofline.formats import FORMATS

if TYPE_CHECKING:
    from realrun.roofline.bound import CallBound
    from realrun.roofline.work import DecoderWork

_EMBEDDED = "smollm2-135m"
_FORMATS = tuple(FORMATS)
_MOST_HELD = 10**7

MORE = """Rates of the machine are measured in some seconds, unless --rates has them, or the calibration, which then
tells of the machine that it was made on. Leave the machine alone meanwhile, and set OMP_NUM_THREADS as the engines
have it."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "limits",
        run,
        more=MORE,
        example="cascade-ewif limits --out limits.json\n"
        "cascade-ewif limits --rates limits.json --calibration calibration.json --measured rows.jsonl",
    )
    parser.add_argument(
        "--model",
        type=target,
        metavar="LOAD",
        help="model whose shapes count: a name, a folder, a .gguf file or a hub id; its weights are not loaded "
        f"(default: the calibration's target, or {_EMBEDDED})",
    )
    parser.add_argument("--gguf", metavar="FILE.gguf", help="the model as a GGUF file, whose own bytes count too")
    parser.add_argument(
        "--held", type=whole(0, _MOST_HELD), default=256, metavar="N", help="tokens whose keys and values a call reads"
    )
    parser.add_argument("--rates", metavar="FILE.json", help="rates that an earlier call wrote with --out")
    parser.add_argument("--calibration", metavar="FILE.json", help="compare with its call times of the target")
    parser.add_argument(
        "--measured", nargs="+", metavar="ROWS.jsonl", help="compare with the methods of `cascade-ewif bench --out`"
    )
    parser.add_argument(
        "--weights",
        type=word(_FORMATS),
        choices=_FORMATS,
        help="format of the weights of what is compared (default: what the files say)",
    )
    parser.add_argument(
        "--kernels",
        action="store_true",
        help="also time the linear layers of a call by each kernel that torch has for a weight format",
    )
    add_device(parser, "whose rates are measured")
    add_report(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure or read the rates, and print the least times and the shares of them."""
    known = None if arguments.calibration is None else read_calibration(arguments.calibration)
    name = "t" if known is None else known.target
    runs = [] if arguments.measured is None else read_runs(*arguments.measured, target=name, programs=True)
    rates = None if arguments.rates is None else read_rates(arguments.rates)
    if rates is None and known is not None:
        rates = known.rates
    load = arguments.model or (None if known is None else _loaded(known.specification)) or _EMBEDDED
    file = arguments.gguf or (load if load.endswith(".gguf") else None)

    from realrun.network.device import device_named
    from realrun.roofline.bound import CallBound
    from realrun.roofline.engines import call_shares, method_shares
    from realrun.roofline.gguf_bytes import gguf_format, gguf_weight_bytes
    from realrun.roofline.kernels import kernel_times, kernels_text
    from realrun.roofline.rates import measured_rates
    from realrun.roofline.table import SIZES, bounds_text, calls_text, methods_text, rates_text

    work = _work(load)
    size = None if file is None else gguf_weight_bytes(Path(file))
    origin = "measured now" if rates is None else "measured before"
    if rates is None and known is not None:
        advise("--calibration: tells no rates of the machine that it was made on, those of this machine are taken")
    rates = rates or measured_rates(arguments.device)
    bounds: dict[str, CallBound] = {key: CallBound(work, form, rates) for key, form in FORMATS.items()}
    if size is not None:
        bounds["gguf"] = CallBound(work, gguf_format(), rates, size)
    parts = [f"{rates_text(rates)}\n({origin})", bounds_text(list(bounds.values()), load, arguments.held)]
    result: dict[str, object] = {
        "model": load,
        "held": arguments.held,
        "rates": rates.to_json(),
        "limits": [bound.to_json(arguments.held, SIZES) for bound in bounds.values()],
    }
    if arguments.kernels:
        kernels = list(kernel_times(work, device_named(arguments.device)))
        parts.append(kernels_text(kernels))
        result["kernels"] = [each.to_json() for each in kernels]
    if known is not None:
        form = arguments.weights or weights_of(known)
        timed = call_shares(known.times[name], bounds[form])
        contexts = known.times[name].contexts
        near = min(contexts, key=lambda held: abs(held - known.reference))
        _advise_of_threads(known, rates)
        parts.append(calls_text([each for each in timed if each.held == near], arguments.calibration, form))
        result["calls"] = {"weights": form, "shares": [each.to_json() for each in timed]}
    if runs:
        shares = method_shares(runs, bounds, arguments.weights)
        parts.append(methods_text(shares))
        result["methods"] = [share.to_json() for share in shares]
    report(arguments, "\n\n".join(parts), result)
    return 0


def read_rates(path: str) -> MachineRates:
    """The rates in a file that this command wrote, or in one that holds nothing else.

    Raises:
        InputError: naming the file or the field that is wrong.
    """
    value = parse_json(read_text(path), path)
    with inside_file(path):
        if isinstance(value, Mapping) and "rates" in value:
            with inside("rates"):
                return MachineRates.of_json(value["rates"])
        return MachineRates.of_json(value)


def weights_of(known: Calibration) -> str:
    """Format of the target's weights in a calibration: what its `load` says, or the whole run's.

    Raises:
        InputError: where none is told that is known.
    """
    told = known.notes.get("dtype")
    if isinstance(told, str):
        told = dtype_as_run(Source.of(known.specification, known.target), told)
    if told not in _FORMATS:
        raise InputError("--weights", f"missing: the calibration says {told!r}, expected one of {', '.join(_FORMATS)}")
    return str(told)


def _advise_of_threads(known: Calibration, rates: MachineRates) -> None:
    """Say where calls were timed with other threads than the rates."""
    threads = known.notes.get("threads")
    if isinstance(threads, int) and rates.device == "cpu" and threads != rates.threads:
        advise(f"--calibration: its calls were timed with {threads} threads, the rates with {rates.threads}")


def _loaded(cascade: Cascade) -> str | None:
    """What the target is loaded from, where it is told."""
    return None if cascade.models[cascade.target].load is None else Source.of(cascade, cascade.target).name


def _work(load: str) -> DecoderWork:
    from realrun.loading.transformers_models import load_shapes
    from realrun.roofline.work import work_of

    try:
        return work_of(load_shapes(Source.of_target("--model", load)))
    except InputError as error:
        if error.field == "model":
            raise InputError("--model", f"{load!r} {error.problem}") from None
        raise
