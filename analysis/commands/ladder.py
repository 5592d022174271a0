"""``python -m analysis ladder``: predictions against measurements."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.ladder import ladder, markdown, read_measured, read_predictions
from analysis.model import Subparsers, whole_option
from analysis.model.boundary.options import add_report, report
from analysis.model.notation import AUTOREGRESSIVE
from analysis.model.records.calibration import read_calibration

EPILOG = """Each rung's errors, whether its best cascade is the measured best and what choosing it costs, the noise
floor, and, with --calibration, what the error of a replay is made of. A replay over the measured prompts' own traces
(named by `simulate replay --rung "replay, same prompts"`) is one more rung: the difference of the two is what the
calibration's prompts differ from the measured ones."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("ladder", help="predicted speedups held against measured ones", epilog=EPILOG)
    parser.add_argument("--predicted", nargs="+", metavar="FILE", required=True, help="prediction rows, JSONL")
    parser.add_argument("--measured", nargs="+", metavar="FILE", required=True, help="rows of real runs, JSONL")
    parser.add_argument("--calibration", metavar="CALIBRATION.json", help="call times, to split what remains")
    parser.add_argument(
        "--baseline", default=AUTOREGRESSIVE, help=f"name of the autoregressive rows (default {AUTOREGRESSIVE})"
    )
    parser.add_argument("--seed", default="0", help="seed of the bootstrap over prompts")
    add_report(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Join, write and print."""
    seed = whole_option("--seed", arguments.seed, 0, 2**63 - 1)
    calibration = read_calibration(arguments.calibration) if arguments.calibration else None
    predictions = read_predictions(arguments.predicted)
    found = ladder(predictions, read_measured(arguments.measured), calibration, arguments.baseline, seed)
    files = {key: [Path(path).name for path in getattr(arguments, key)] for key in ("predicted", "measured")}
    found = {"sources": files, **found}
    report(arguments, markdown(found), found)
    return 0
