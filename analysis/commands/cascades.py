"""``cascade-ewif cascades``: list at least 40 cascades of every family, good and bad, to predict and to measure."""

from __future__ import annotations

import argparse
import json
import sys

from analysis.model import Subparsers, add_command, whole_file
from analysis.model.boundary.options import add_out, add_quiet
from analysis.model.records.calibration import read_calibration
from analysis.prediction.candidates import cascades


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "cascades",
        run,
        more="`predict`, `replay` and `bench --drafts` take the list.",
        example="cascade-ewif cascades calibration.json --out cascades.jsonl",
    )
    parser.add_argument("calibration", metavar="CALIBRATION.json", help="written by `cascade-ewif calibrate`")
    add_out(parser, "CASCADES.jsonl", "where the list goes, one cascade a line (default: standard output)")
    parser.add_argument("--no-optima", action="store_true", help="leave out those that theory finds best")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the list."""
    found = cascades(read_calibration(arguments.calibration), optima=not arguments.no_optima)
    lines = [json.dumps(named.to_json(), allow_nan=False) + "\n" for named in found]
    if not arguments.out:
        sys.stdout.writelines(lines)
        return 0
    with whole_file(arguments.out) as file:
        file.writelines(lines)
    families: dict[str, int] = {}
    for named in found:
        families[named.family] = families.get(named.family, 0) + 1
    print(f"{len(found)} cascades: " + ", ".join(f"{n} {family}" for family, n in families.items()))
    return 0
