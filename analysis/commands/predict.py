"""``cascade-ewif predict``: predict the speedup of each cascade of a list from a calibration, by theory."""

from __future__ import annotations

import argparse
import json
import sys

from analysis.model import Subparsers, add_command, whole_file
from analysis.model.boundary.options import add_json, add_out, add_quiet, add_seed, listed, word
from analysis.model.records.calibration import read_calibration
from analysis.model.records.named import read_named_drafts
from analysis.prediction import RUNGS, predict

EPILOG = """iid: one acceptance a pair, one cost a model. iid+t(q): call times by the number of tokens. fits: hazards by
position and by the outcome of inner reviews, and the loop's own time. The next rung, replay, is
`cascade-ewif replay`. Intervals hold for what is measured with an error, not for what a rung leaves out."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "predict",
        run,
        more=EPILOG,
        example="cascade-ewif predict calibration.json --cascades cascades.jsonl --out predicted.jsonl",
    )
    parser.add_argument("calibration", metavar="CALIBRATION.json", help="written by `cascade-ewif calibrate`")
    parser.add_argument(
        "--cascades",
        metavar="CASCADES.jsonl",
        required=True,
        help="one cascade a line, as `cascade-ewif cascades` lists them",
    )
    parser.add_argument(
        "--rungs",
        type=listed(word(RUNGS)),
        default=RUNGS,
        metavar="RUNG,...",
        help=f"some of {','.join(RUNGS)} (default: all)",
    )
    add_out(parser, "OUT.jsonl", "where the predictions go, one a line")
    add_seed(parser, "the bootstrap over prompts")
    add_json(parser, "one JSON object with all rows")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict, and print a line a cascade."""
    calibration = read_calibration(arguments.calibration)
    drafts = read_named_drafts(arguments.cascades, calibration.cascade)
    rows = list(predict(calibration, drafts, arguments.rungs, arguments.seed))
    if arguments.out:
        with whole_file(arguments.out) as file:
            file.writelines(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    table = sys.stderr if arguments.json else sys.stdout
    for row in rows:
        print(
            f"{row['name']:<32} {row['rung']:<9} {row['speedup']:7.3f}  [{row['low']:.3f}, {row['high']:.3f}]",
            file=table,
        )
    if arguments.json:
        print(json.dumps({"rows": rows}, allow_nan=False))
    return 0
