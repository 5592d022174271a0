"""Options that several commands share."""

from __future__ import annotations

import argparse

from analysis.model import InputError
from analysis.model.boundary.fields import read_number, reject
from simulate.api import MAX_CYCLES, MAX_SECONDS, MAX_WORKERS
from simulate.sweep.task import MAX_SEED

__all__ = [
    "MAX_CYCLES",
    "MAX_SECONDS",
    "MAX_SEED",
    "MAX_WORKERS",
    "add_json",
    "add_seed",
    "number_option",
    "positive_option",
]


def positive_option(option: str, text: str | None, high: float) -> float | None:
    """Read an option's number in (0, high]; None where it was not given."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value <= high:
        raise InputError(option, f"got {text!r}, expected a number in (0, {high:g}]")
    return read_number(value, option, 0)


def number_option(option: str, text: str) -> float:
    """Read an option's finite number >= 0."""
    try:
        value = float(text)
    except ValueError:
        reject(option, text, "a finite number >= 0")
    return read_number(value, option, 0)


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add --seed."""
    parser.add_argument("--seed", default="0", help="root seed, a whole number >= 0 (default 0)")


def add_json(parser: argparse.ArgumentParser, what: str = "one JSON object") -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as the last line")
