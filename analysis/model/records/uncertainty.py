"""Standard errors beside the numbers they belong to: one reading of `uncertainty` for all who use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.model import Cascade, InputError
from analysis.model.boundary.fields import reject


@dataclass(frozen=True)
class Entry:
    """An acceptance or a cost and its standard errors, written out in the same shape.

    Attributes:
        keys: Where the specification has it: ("acceptance", reviewer, drafter) or ("models", model, "cost").
        value: The entry: numbers, objects and lists as in a specification.
        errors: The same with a standard error for every number, None for a number, or a part, that has none.
    """

    keys: tuple[str, ...]
    value: object
    errors: object


def uncertain_entries(cascade: Cascade) -> Iterator[Entry]:
    """Every entry of a cascade that has standard errors, acceptances first.

    Raises:
        InputError: where errors have no entry to belong to, or another shape than it.
    """
    errors: Mapping[str, object] = cascade.uncertainty or {}
    spec = cascade.to_json()
    for part in ("acceptance", "models"):
        given = _mapping(spec[part], part)
        for first, row in _mapping(errors.get(part, {}), f"uncertainty.{part}").items():
            for second, error in _mapping(row, f"uncertainty.{part}.{first}").items():
                where = f"uncertainty.{part}.{first}.{second}"
                entries = _mapping(given.get(first, {}), where)
                if second not in entries or (part == "models" and second != "cost"):
                    raise InputError(where, "no such cost in `models`" if part == "models" else "no such `acceptance`")
                yield Entry((part, first, second), *_in_one_shape(entries[second], error, where))


def _in_one_shape(value: object, error: object, where: str) -> tuple[object, object]:
    """A value and its errors, the shorter of two lists written out and what canonical form left away put back."""
    if isinstance(value, (int, float)) and isinstance(error, (int, float)):
        return float(value), float(error)
    if isinstance(error, Mapping):
        whole = _written_out(value, error)
        if isinstance(whole, Mapping) and set(error) <= set(whole):
            pairs = {
                key: _in_one_shape(item, error[key], f"{where}.{key}") if key in error else (item, None)
                for key, item in whole.items()
            }
            return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
    if not (isinstance(value, Sequence) and isinstance(error, Sequence) and value and error):
        reject(where, error, "standard errors in the shape of the entry they belong to")
    items = [
        _in_one_shape(value[min(i, len(value) - 1)], error[min(i, len(error) - 1)], f"{where}[{i}]")
        for i in range(max(len(value), len(error)))
    ]
    return [item for item, _ in items], [item for _, item in items]


def _written_out(value: object, error: Mapping[str, object]) -> object:
    """A value that canonical form has shortened, with the keys that its errors have."""
    if set(error) <= {"accepted", "corrected"} and not (isinstance(value, Mapping) and "accepted" in value):
        return {"accepted": value, "corrected": value}
    for key in ("per_position", "by_tokens"):
        if set(error) == {key} and isinstance(value, (int, float)):
            return {key: [value], "beyond": "last"}
    if set(error) <= {"fixed", "per_token"} and isinstance(value, (int, float)):
        return {"fixed": value, "per_token": 0.0}
    if isinstance(value, Mapping) and "initial" in value:
        return {"floor": 0.0, **value}
    return value


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InputError(where, "expected an object")
    return value
