"""``cascade-ewif replay``: predict speedups by decoding recorded texts again, cascade by cascade."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

from analysis.model import InputError, Subparsers, add_command, progress, whole_file
from analysis.model.boundary.options import add_json, add_out, add_quiet, add_seed, output, whole
from analysis.model.records.calibration import Calibration, read_calibration
from analysis.model.records.named import read_named_drafts
from analysis.model.records.traces import MOST_TOKENS
from simulate.replay import Replay, read_traces

EPILOG = """Nothing is modelled: every prompt is decoded from its first token to its last by the rules of the cascade,
from the recorded agreements, with the calls that each model would get. Only inner rounds that have left the target's
text, where nothing was recorded, are drawn."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "replay",
        run,
        more=EPILOG,
        example="cascade-ewif replay calibration.json --cascades cascades.jsonl --out replayed.jsonl",
    )
    parser.add_argument(
        "calibration", metavar="CALIBRATION.json", help="call times; written by `cascade-ewif calibrate`"
    )
    parser.add_argument(
        "--traces", metavar="TRACES", help="recorded agreements (default: the file the calibration names)"
    )
    parser.add_argument(
        "--cascades",
        metavar="CASCADES.jsonl",
        required=True,
        help="one cascade a line, as `cascade-ewif cascades` lists them",
    )
    add_out(parser, "OUT.jsonl", "where the predictions go, one a line")
    parser.add_argument("--rung", default="replay", metavar="NAME", help="what to call the prediction")
    parser.add_argument(
        "--search",
        type=output,
        metavar="FOUND.jsonl",
        help="also look for a better cascade, and write it in the form of --cascades; its prediction, the best of many "
        "on the same prompts, is a little too good",
    )
    parser.add_argument("--limit", type=whole(1, 10**9), metavar="N", help="greatest number of prompts")
    parser.add_argument(
        "--max-new-tokens",
        type=whole(1, MOST_TOKENS),
        metavar="N",
        help="tokens a prompt at most (default: as recorded)",
    )
    add_seed(parser, "what is drawn")
    add_json(parser, "one JSON object with all rows")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay every cascade over every prompt."""
    calibration = read_calibration(arguments.calibration)
    recording = read_traces(arguments.traces or named_traces(arguments.calibration, calibration))
    if arguments.max_new_tokens is not None:
        most = arguments.max_new_tokens
        recording, calibration = recording.cut(most), replace(calibration, max_new_tokens=most)
    if recording.target != calibration.target:
        raise InputError("--traces", f"of target {recording.target!r}, expected {calibration.target!r}")
    cascades = read_named_drafts(arguments.cascades, calibration.cascade)
    replay = Replay(recording, calibration, arguments.seed, arguments.limit)
    rows = [replay.prediction(named, arguments.rung) for named in progress(cascades, "replay", "cascade")]
    if arguments.search:
        found = replay.best(cascades, rows)
        with whole_file(arguments.search) as file:
            file.write(json.dumps(found.to_json(), allow_nan=False) + "\n")
        if found.draft not in {named.draft for named in cascades}:
            rows.append(replay.prediction(found, arguments.rung))
    if arguments.out:
        with whole_file(arguments.out) as file:
            file.writelines(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    table = sys.stderr if arguments.json else sys.stdout
    for row in rows:
        print(
            f"{row['name']:<32} {row['speedup']:7.3f}  [{row['low']:.3f}, {row['high']:.3f}]  "
            f"{row['tokens_per_cycle']:.3f} tokens a cycle",
            file=table,
        )
    if arguments.json:
        print(json.dumps({"rows": rows}, allow_nan=False))
    return 0


def named_traces(path: str, calibration: Calibration) -> Path:
    """The file of traces that a calibration names, by its path from the calibration's folder.

    Raises:
        InputError: where it names none, or the file is not the one that was written with it.
    """
    entry = calibration.details.get("traces")
    file = entry.get("file") if isinstance(entry, dict) else None
    if not isinstance(file, str):
        raise InputError("--traces", "missing, and the calibration names no file of traces")
    found = Path(path).parent / file
    expected = entry.get("sha256") if isinstance(entry, dict) else None
    if expected is not None and found.is_file() and hashlib.sha256(found.read_bytes()).hexdigest() != expected:
        raise InputError(
            "--traces", f"{found} is not the file that the calibration was written with; name it to use it"
        )
    return found
