"""Options that several commands share: real numbers, and where a report goes."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping

from analysis.model import InputError, whole_file
from analysis.model.boundary.fields import read_number


def real_option(option: str, text: str, low: float, high: float = math.inf) -> float:
    """Read an option's finite number in [low, high].

    Raises:
        InputError: naming the option, its value and its range.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    try:
        return read_number(value, option, low, high)
    except InputError as error:
        allowed = error.problem.partition("expected ")[2]
        raise InputError(option, f"got {text!r}, expected {allowed}") from None


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add ``--out``, ``--markdown`` and ``--json``, for `report`."""
    parser.add_argument("--out", metavar="FILE.json", help="write everything, as one JSON object")
    parser.add_argument("--markdown", metavar="FILE.md", help="write the tables")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def report(arguments: argparse.Namespace, text: str, result: Mapping[str, object], printed: str | None = None) -> None:
    """Write and print what a command found, the text to stderr where stdout is for JSON.

    Args:
        arguments: Parsed by a parser with `add_report`.
        text: The tables.
        result: Everything, as JSON can hold it.
        printed: What to print, if not the tables.
    """
    text = text.rstrip("\n")
    if arguments.out:
        with whole_file(arguments.out) as file:
            file.write(json.dumps(result, indent=1, allow_nan=False) + "\n")
    if arguments.markdown:
        with whole_file(arguments.markdown) as file:
            file.write(text + "\n")
    print(text if printed is None else printed, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result, allow_nan=False))
