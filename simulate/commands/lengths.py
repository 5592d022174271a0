"""``cascade-ewif lengths``: what chains and cascades are worth, from acceptance lengths that an engine recorded."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.model import InputError, Subparsers, add_command
from analysis.model.boundary.options import add_quiet, add_seed, whole
from analysis.model.boundary.report import add_row_report, report_rows
from analysis.model.records.length_traces import read_length_traces
from simulate.lengths.study import study
from simulate.lengths.table import markdown

EPILOG = """Files are those of https://github.com/SpecDecode-Bench/simulator (arXiv 2601.11580): token ids and, from
every place of a text, how many tokens of an EAGLE head would be accepted. What an n-gram copier proposes follows from
the tokens. Every rule is replayed from step to step; its setting is chosen on one half of the texts and judged on the
other. Calls are priced by the fit that the same project published for an H100, and by costs for each drafted token."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "lengths",
        run,
        more=EPILOG,
        example="cascade-ewif lengths combined_gsm8k.jsonl combined_cnn.jsonl --out lengths.jsonl",
    )
    parser.add_argument("files", nargs="+", metavar="FILE.jsonl", help="recorded lengths, one text a line")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="what to call the data (default: the files' names)")
    parser.add_argument(
        "--longest",
        default=8191,
        type=whole(2, 10**9),
        metavar="N",
        help="leave longer texts out: most of them repeat themselves until a limit cuts them",
    )
    add_seed(parser, "the bootstrap over texts")
    add_row_report(parser, "all rows: numbers, no text and no token")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay every rule over every text."""
    names = arguments.names or [_stem(path) for path in arguments.files]
    if len(names) != len(arguments.files) or len(set(names)) < len(names):
        raise InputError("--names", f"got {', '.join(names)}, expected a name of its own for each file")
    sets = {name: read_length_traces(path) for name, path in zip(names, arguments.files, strict=True)}
    rows = study(sets, arguments.longest, arguments.seed)
    report_rows(arguments, markdown(rows), rows)
    return 0


def _stem(path: str) -> str:
    return Path(path).name.split(".")[0]
