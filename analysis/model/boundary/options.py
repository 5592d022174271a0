"""Types of options whose errors are one line of the project's, and the options that several commands share.

A type is a function of the option's text, for `argparse`; what it raises is `InputError` without a field, to which
`Parser` adds the option's name: ``error: --cycles: got 'x', expected a whole number in 2..10^15``.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from analysis.model.boundary.fields import InputError, read_number, shown
from analysis.model.boundary.outputs import demand_place

T = TypeVar("T")

MAX_SEED = 2**63 - 1
DTYPE_NAMES = ("float32", "bfloat16", "float16", "int8")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number in low..high, which may be written as 1e6 or 2.0."""

    def read(text: str) -> int:
        try:
            value = int(text) if text.strip("+-").isdigit() else _whole(float(text))
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            _refuse(text, f"a whole number in {_power(low)}..{_power(high)}")
        return value

    return read


def real(low: float, high: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """A finite number from low to high; `above` where it must be greater than low."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if above and not low < value <= min(high, math.nextafter(math.inf, 0)):
            _refuse(text, f"a number in ({low:g}, {high:g}]" if high < math.inf else f"a finite number > {low:g}")
        try:
            return read_number(value, "", low, high)
        except InputError as error:
            _refuse(text, error.problem.partition("expected ")[2])

    return read


def word(choices: Sequence[str]) -> Callable[[str], str]:
    """One of some words; give `choices` too, for the help and the shell's completion."""

    def read(text: str) -> str:
        if text not in choices:
            _refuse(text, f"one of {', '.join(choices)}")
        return text

    return read


def listed(kind: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Values of one type with commas between them."""

    def read(text: str) -> tuple[T, ...]:
        return tuple(kind(part.strip()) for part in text.split(",") if part.strip() or "," not in text)

    return read


def some_text(text: str) -> str:
    """A text that is not empty."""
    if not text:
        _refuse(text, "a text that is not empty")
    return text


def output(path: str) -> str:
    """The name of a file to write, refused before the work where no file can be written under it."""
    demand_place(path)
    return path


def demand(option: str, value: float, kind: Callable[[str], object]) -> None:
    """Refuse a value whose limits only the input tells, in the words of its type.

    Raises:
        InputError: naming the option, its value and its range.
    """
    try:
        kind(str(value))
    except InputError as error:
        raise InputError(option, error.problem) from None


@contextmanager
def as_options(*fields: str) -> Iterator[None]:
    """Within the block, or in a function so decorated, errors of these fields name the options of that name."""
    try:
        yield
    except InputError as error:
        if error.field not in fields:
            raise
        raise InputError(f"--{error.field.replace('_', '-')}", error.problem) from None


def add_word(parser: argparse.ArgumentParser, option: str, choices: Sequence[str], text: str) -> None:
    """Add an option that takes one of some words, the first if it is left out."""
    parser.add_argument(option, default=choices[0], type=word(choices), choices=choices, help=text)


def add_seed(parser: argparse.ArgumentParser, of: str, high: int = MAX_SEED) -> None:
    """Add ``--seed``, of what is drawn."""
    parser.add_argument("--seed", default=0, type=whole(0, high), metavar="N", help=f"seed of {of}, a whole number")


def add_json(parser: argparse._ActionsContainer, what: str = "everything as one JSON object") -> None:
    """Add ``--json``; what else is printed goes to stderr then."""
    parser.add_argument("--json", action="store_true", help=f"print {what} in the last line of standard output")


def add_out(parser: argparse.ArgumentParser, metavar: str, text: str, *, required: bool = False) -> None:
    """Add ``--out``, a file that is written."""
    parser.add_argument("--out", type=output, required=required, metavar=metavar, help=text)


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add ``--quiet``, which `run_modules` sees to."""
    parser.add_argument("--quiet", action="store_true", help="no progress bar; without a terminal there never is one")


def add_prompts(parser: argparse.ArgumentParser) -> None:
    """Add ``--prompts``."""
    parser.add_argument(
        "--prompts",
        metavar="FILE.jsonl",
        help="one prompt a line, with `id` and `turns` or `prompt` (default: those that come with the package)",
    )


def add_dtype(parser: argparse.ArgumentParser, usual: str, default: str | None = None) -> None:
    """Add ``--dtype``.

    Args:
        parser: Of the command.
        usual: What the help says of the default.
        default: The value where the option is left out.
    """
    parser.add_argument(
        "--dtype",
        default=default,
        type=word(DTYPE_NAMES),
        choices=DTYPE_NAMES,
        help="number format of the models: in float32, and in int8 for the quantised model, greedy cascades write the "
        f"target's own text (default {usual})",
    )


def add_device(parser: argparse.ArgumentParser, of: str = "of the models") -> None:
    """Add ``--device``."""
    parser.add_argument("--device", default="cpu", metavar="DEVICE", help=f"device {of}: cpu, cuda or cuda:N")


def _refuse(text: str, allowed: str) -> NoReturn:
    raise InputError("", f"got {shown(text)}, expected {allowed}")


def _whole(value: float) -> int:
    """A number that is whole, and small enough for floating point to tell it from its neighbours."""
    if not value.is_integer() or abs(value) > 2**53:
        raise ValueError
    return int(value)


def _power(limit: int) -> str:
    """A limit as people write it: great powers of ten with their exponent."""
    zeros = len(str(limit)) - 1
    return f"10^{zeros}" if zeros >= 9 and limit == 10**zeros else str(limit)
