"""``python -m analysis predict``: the speedup of every cascade of a list, on every rung that theory climbs."""

from __future__ import annotations

import argparse
import json
import sys

from analysis.model import InputError, Subparsers, whole_file, whole_option
from analysis.model.records.calibration import read_calibration
from analysis.model.records.named import read_named_drafts
from analysis.prediction import RUNGS, predict

EPILOG = """iid: one acceptance a pair, one cost a model. iid+t(q): call times by the number of tokens. fits: hazards by
position and by the outcome of inner reviews, and the loop's own time. The next rung, replay, is
`python -m simulate replay`. Intervals hold for what is measured with an error, not for what a rung leaves out."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("predict", help="speedups from a calibration, by theory", epilog=EPILOG)
    parser.add_argument("calibration", metavar="CALIBRATION.json", help="written by `realrun calibrate`")
    parser.add_argument("--cascades", metavar="CASCADES.jsonl", required=True, help="one cascade a line")
    parser.add_argument("--rungs", default=",".join(RUNGS), help=f"some of {','.join(RUNGS)} (default: all)")
    parser.add_argument("--out", metavar="OUT.jsonl", help="one prediction a line")
    parser.add_argument("--seed", default="0", help="seed of the bootstrap over prompts")
    parser.add_argument("--json", action="store_true", help="print one JSON object with all rows as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict, and print a line a cascade."""
    rungs = arguments.rungs.split(",")
    for rung in rungs:
        if rung not in RUNGS:
            raise InputError("--rungs", f"got {rung!r}, expected some of {','.join(RUNGS)}")
    seed = whole_option("--seed", arguments.seed, 0, 2**63 - 1)
    calibration = read_calibration(arguments.calibration)
    rows = list(predict(calibration, read_named_drafts(arguments.cascades, calibration.cascade), rungs, seed))
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
