"""Columns of a user's rows, whatever the rows are: mappings, objects with attributes, or with `as_row()`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from analysis.model import InputError

Column = str | Callable[[Any], Any]
"""A column by name, or a function of the row."""


def value(row: Any, column: Column, place: str) -> Any:
    """What a row has in a column.

    Args:
        row: A mapping, an object with the columns as attributes, or one whose `as_row()` is such a mapping.
        column: Name of the column, or a function that is called with the row itself.
        place: What errors call the row.

    Raises:
        InputError: where the row has no such column; it names those that there are.
    """
    if callable(column):
        return column(row)
    columns = _mapping(row)
    if columns is not None:
        if column in columns:
            return columns[column]
        raise InputError(f"{place}.{column}", f"missing, the row has {', '.join(map(str, columns))}")
    try:
        return getattr(row, column)
    except AttributeError:
        raise InputError(f"{place}.{column}", f"missing, a {type(row).__name__} has no such column") from None


def number(row: Any, column: Column, place: str) -> float:
    """The same as a finite number; a number as text, as CSV readers give it, is one."""
    found = value(row, column, place)
    try:
        result = float(found)
    except (TypeError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise InputError(f"{place}.{name_of(column)}", f"got {found!r}, expected a finite number")
    return result


def bound(row: Any, column: Column, place: str) -> float:
    """An end of an interval: NaN where the row has none, or none that is known (None, empty or NaN)."""
    if isinstance(column, str) and not has(row, column):
        return math.nan
    found = value(row, column, place)
    if found is None or found == "":
        return math.nan
    try:
        return float(found)
    except (TypeError, ValueError):
        raise InputError(f"{place}.{name_of(column)}", f"got {found!r}, expected a number or None") from None


def has(row: Any, column: str) -> bool:
    """Whether a row has a column."""
    columns = _mapping(row)
    return hasattr(row, column) if columns is None else column in columns


def name_of(column: Column) -> str:
    """What to call a column; empty for a lambda, which has no name."""
    name = column if isinstance(column, str) else str(getattr(column, "__name__", ""))
    return "" if name == "<lambda>" else name


def _mapping(row: Any) -> Mapping[str, Any] | None:
    if isinstance(row, Mapping):
        return row
    if callable(convert := getattr(row, "as_row", None)):
        converted = convert()
        return converted if isinstance(converted, Mapping) else None
    if callable(keys := getattr(row, "keys", None)):
        return {str(key): row[key] for key in keys()}
    names = getattr(getattr(row, "dtype", None), "names", None)
    return {name: row[name] for name in names} if names else None
