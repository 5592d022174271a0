"""Beyond the end of a table: whether it goes on, and how.

A list of measured numbers ends where it ends. Its optional key `beyond` says what holds past its last entry: "last"
(the last entry holds on), "linear" (costs only: they rise on by the last difference) or "refuse" (nothing does).
Without it the last entry holds on too, but an answer that reads it says so, and no optimisation goes there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast

from analysis.model.boundary.fields import InputError, reject

Beyond: TypeAlias = Literal["last", "linear", "refuse"]

KEY = "beyond"


def checked_beyond(value: object, allowed: Sequence[Beyond]) -> Beyond | None:
    """Check what a table says of the values past its end.

    Args:
        value: What was given; None says nothing.
        allowed: What this kind of table may say.

    Raises:
        InputError: naming the key, its value and what is allowed.
    """
    if value is not None and value not in allowed:
        reject(KEY, value, " or ".join(allowed))
    return cast("Beyond | None", value)


def read_beyond(fields: Mapping[str, object]) -> object:
    """The key of a JSON object, where it has it; null is refused, as for every optional key with a word for a value."""
    if KEY in fields and fields[KEY] is None:
        raise InputError(KEY, "got null, expected a word, or no such key")
    return fields.get(KEY)


def goes_on(beyond: Beyond | None) -> bool:
    """Whether a table has been told to go on past its end."""
    return beyond in ("last", "linear")


def as_json(key: str, values: Sequence[float], beyond: Beyond | None) -> dict[str, object]:
    """A table as a specification has it."""
    return {key: list(values)} | ({KEY: beyond} if beyond else {})


def without_repeats(values: Sequence[float]) -> tuple[float, ...]:
    """A table without its trailing repeats, which the law of a table whose last entry holds on does not need."""
    length = len(values)
    while length > 1 and values[length - 1] == values[length - 2]:
        length -= 1
    return tuple(values[:length])
