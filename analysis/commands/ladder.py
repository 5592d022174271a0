"""``cascade-ewif ladder``: hold predicted speedups against measured ones, rung by rung."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.ladder import ladder, markdown, read_measured, read_predictions
from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_quiet, add_seed, as_options
from analysis.model.boundary.report import add_report, report
from analysis.model.notation import AUTOREGRESSIVE
from analysis.model.records.calibration import read_calibration

EPILOG = """Each rung's errors, whether its best cascade is the measured best and what choosing it costs, the noise
floor, and, with --calibration, what the error of a replay is made of. A replay over the measured prompts' own traces
(named by `cascade-ewif replay --rung "replay, same prompts"`) is one more rung: the difference of the two is what the
calibration's prompts differ from the measured ones."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "ladder",
        run,
        more=EPILOG,
        example="cascade-ewif ladder --predicted predicted.jsonl replayed.jsonl --measured rows.jsonl",
    )
    parser.add_argument(
        "--predicted",
        nargs="+",
        metavar="FILE.jsonl",
        required=True,
        help="predictions, written by `cascade-ewif predict` and `cascade-ewif replay`",
    )
    parser.add_argument(
        "--measured",
        nargs="+",
        metavar="ROWS.jsonl",
        required=True,
        help="rows of real runs, written by `cascade-ewif bench`",
    )
    parser.add_argument("--calibration", metavar="CALIBRATION.json", help="call times, to split what remains")
    parser.add_argument("--baseline", default=AUTOREGRESSIVE, metavar="NAME", help="name of the autoregressive rows")
    add_seed(parser, "the bootstrap over prompts")
    add_report(parser)
    add_quiet(parser)


@as_options("measured", "baseline")
def run(arguments: argparse.Namespace) -> int:
    """Join, write and print."""
    calibration = read_calibration(arguments.calibration) if arguments.calibration else None
    predictions = read_predictions(arguments.predicted)
    found = ladder(predictions, read_measured(arguments.measured), calibration, arguments.baseline, arguments.seed)
    files = {key: [Path(path).name for path in getattr(arguments, key)] for key in ("predicted", "measured")}
    found = {"sources": files, **found}
    report(arguments, markdown(found), found)
    return 0
