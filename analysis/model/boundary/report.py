"""Reports of commands: tables on standard output or in a file, everything found as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

from analysis.model.boundary.options import add_json, add_out, output
from analysis.model.boundary.outputs import whole_file


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add ``--out``, ``--markdown`` and ``--json``, for `report`."""
    add_out(parser, "FILE.json", "write everything, as one JSON object")
    parser.add_argument("--markdown", type=output, metavar="FILE.md", help="write the tables")
    add_json(parser)


def report(arguments: argparse.Namespace, text: str, result: Mapping[str, object], printed: str | None = None) -> None:
    """Write and print what a command found, the text to stderr where stdout is for JSON.

    Args:
        arguments: Parsed by a parser with `add_report`.
        text: The tables.
        result: Everything, as JSON can hold it.
        printed: What to print, if not the tables.
    """
    _write(arguments, json.dumps(result, indent=1, allow_nan=False) + "\n", text, result, printed)


def add_row_report(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--out``, ``--markdown`` and ``--json``, for `report_rows`.

    Args:
        parser: Of the command.
        what: What the rows are, for the help.
    """
    add_out(parser, "ROWS.jsonl", f"write {what}, one a line")
    parser.add_argument("--markdown", type=output, metavar="FILE.md", help="write the tables")
    add_json(parser, "one JSON object with all rows")


def report_rows(arguments: argparse.Namespace, text: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Write and print rows that a command found, the text to stderr where stdout is for JSON.

    Args:
        arguments: Parsed by a parser with `add_row_report`.
        text: The tables.
        rows: As JSON can hold them.
    """
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    _write(arguments, lines, text, {"rows": list(rows)}, None)


def _write(
    arguments: argparse.Namespace, content: str, text: str, result: Mapping[str, object], printed: str | None
) -> None:
    text = text.rstrip("\n")
    if arguments.out:
        with whole_file(arguments.out) as file:
            file.write(content)
    if arguments.markdown:
        with whole_file(arguments.markdown) as file:
            file.write(text + "\n")
    print(text if printed is None else printed, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result, allow_nan=False))
