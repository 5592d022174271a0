"""Reading one field of a specification, and saying in one line what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn


class InputError(ValueError):
    """Bad input, told in one line: the field, the value found there and the allowed range.

    Attributes:
        field: Path of the offending field, for example ``draft[0].tokens``; may be empty.
        problem: What is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}" if field else problem)


class ContradictionError(RuntimeError):
    """Two of our own answers exclude each other, so neither is told: a fault of the program, not of its input."""


def reject(field: str, value: object, allowed: str) -> NoReturn:
    """Raise `InputError` for a value outside its allowed range."""
    raise InputError(field, f"got {shown(value)}, expected {allowed}")


@contextmanager
def inside(prefix: str) -> Iterator[None]:
    """Prefix the field of every `InputError` raised in the block: each container names only its own part."""
    try:
        yield
    except InputError as error:
        joint = "" if not error.field or error.field.startswith("[") else "."
        raise InputError(f"{prefix}{joint}{error.field}", error.problem) from None


def shown(value: object) -> str:
    """One short line for any value, in JSON's words where it has them."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) > 10**30:
        return "a huge integer"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def read_number(value: object, field: str, low: float, high: float = math.inf) -> float:
    """Read a finite number in [low, high]; booleans and strings are not numbers."""
    allowed = f"a number in [{low:g}, {high:g}]" if high < math.inf else f"a finite number >= {low:g}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        reject(field, value, allowed)
    try:
        result = float(value)
    except OverflowError:
        reject(field, value, allowed)
    if (low, high) == (0, 1) and 2 <= result <= 100:
        allowed += f" ({result:g} % is {result / 100:g})"
    if not (math.isfinite(result) and low <= result <= high):
        reject(field, value, allowed)
    return result + 0.0  # -0.0 is 0


def count(value: object, field: str, high: int) -> int:
    """Read a whole number in 1..high; 3.0 is whole, True and "3" are not."""
    allowed = f"a whole number in 1..{high}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        reject(field, value, allowed)
    if not 1 <= value <= high or value != int(value):
        reject(field, value, allowed)
    return int(value)


def read_name(value: object, field: str) -> str:
    """Read a non-empty string."""
    if not isinstance(value, str) or not value:
        reject(field, value, "a non-empty string")
    return value


def mapping(value: object, field: str) -> Mapping[str, object]:
    """Read a JSON object."""
    if not isinstance(value, Mapping):
        reject(field, value, "an object")
    for key in value:
        if not isinstance(key, str):
            reject(field, value, "an object with string keys")
    return value


def sequence(value: object, field: str) -> Sequence[object]:
    """Read a JSON list."""
    if not isinstance(value, (list, tuple)):
        reject(field, value, "a list")
    return value


def only_keys(value: Mapping[str, object], allowed: Sequence[str], required: Sequence[str] = ()) -> None:
    """Refuse keys that nothing would read, and name the ones that must be there."""
    for key in value:
        if key not in allowed:
            raise InputError(key, f"unknown key, expected one of {', '.join(allowed)}")
    for key in required:
        if key not in value:
            raise InputError(key, "missing")
