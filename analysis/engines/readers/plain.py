"""Counts in a file of one's own, JSON or CSV, for engines without a reader.

JSON: one object with the fields of `analysis.model.records.engine_counters.EngineCounters`, those that are known; or
with ``"hazards"``, a list of conditional acceptances, in place of ``"survival"``::

    {"drafts": 1000, "steps_without_draft": 200, "drafted": 3000, "accepted": 1950,
     "accepted_by_position": [820, 650, 480], "tokens": 3150, "decode_seconds": 21.5}

CSV: one row a position, with the drafts that got so far and those accepted there::

    position,examined,accepted
    0,1000,820
    1,820,650
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import fields as fields_of
from itertools import accumulate
from operator import mul

from analysis.model import MAX_DRAFT_LENGTH, InputError
from analysis.model.boundary.fields import count, only_keys, read_name, read_number, sequence
from analysis.model.records.engine_counters import EngineCounters

CONVENTION = (
    "Counts as given: accepted tokens without correction or bonus; by position, drafts whose tokens up to there were "
    "all accepted (survival)."
)

HEADER = ("position", "examined", "accepted")

_LISTS = ("accepted_by_position", "offered_by_position", "survival")
_WORDS = ("engine", "convention", "model")
_KEYS = tuple(each.name for each in fields_of(EngineCounters))
ENOUGH = ("accepted_by_position", "survival", "hazards", "mean_tokens", "accepted", "tokens")
"""One of these must be there."""


def read_object(value: Mapping[str, object]) -> EngineCounters:
    """Counters of one JSON object.

    Raises:
        InputError: naming the field, its value and its range.
    """
    only_keys(value, (*_KEYS, "hazards"))
    if "hazards" in value and "survival" in value:
        raise InputError("hazards", "given beside survival, expected one or the other")
    found: dict[str, object] = {"engine": "plain", "convention": CONVENTION}
    for name, given in value.items():
        if name == "hazards":
            found["survival"] = tuple(accumulate(_numbers(name, given, 1.0), mul))
        elif name in _LISTS:
            found[name] = _numbers(name, given, 1.0 if name == "survival" else float("inf"))
        elif name == "by_request":
            rows = sequence(given, name)
            found[name] = tuple(_numbers(f"{name}[{i}]", row, float("inf")) for i, row in enumerate(rows))
        elif name in _WORDS:
            found[name] = read_name(given, name)
        elif name == "unknown":
            found[name] = tuple(read_name(each, name) for each in sequence(given, name))
        elif name == "draft_length":
            found[name] = count(given, name, MAX_DRAFT_LENGTH)
        elif name == "is_rounded":
            found[name] = bool(given)
        else:
            found[name] = read_number(given, name, 0)
    if "draft_length" not in found:
        longest = max((len(found[name]) for name in _LISTS if name in found), default=0)  # type: ignore[arg-type]
        found["draft_length"] = longest or None
    return EngineCounters(**found)  # type: ignore[arg-type]


def read_csv(text: str) -> EngineCounters:
    """Counters of a table by position.

    Raises:
        InputError: naming the line and what is wrong with it.
    """
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff")), skipinitialspace=True))
    examined, accepted = [], []
    for i, row in enumerate(rows):
        if row.get("position") != str(i):
            raise InputError(
                f"line {i + 2}, position", f"got {row.get('position')!r}, expected {i}: one row a position"
            )
        examined.append(_cell(row, "examined", i, float("inf")))
        accepted.append(_cell(row, "accepted", i, examined[-1]))
        if i and examined[-1] > accepted[-2]:
            raise InputError(
                f"line {i + 2}, examined",
                f"got {examined[-1]:g}, expected at most {accepted[-2]:g}, those accepted one position before (a share "
                "of all drafts, as engines print it, goes into JSON as survival)",
            )
    if not rows:
        raise InputError("", f"no row below the header, expected {','.join(HEADER)}")
    ended = any(after < before for after, before in zip(examined[1:], accepted, strict=False))
    return EngineCounters(
        "plain",
        CONVENTION,
        drafts=examined[0],
        accepted=sum(accepted),
        accepted_by_position=tuple(accepted),
        offered_by_position=tuple(examined) if ended else (),
        draft_length=len(rows),
    )


def _numbers(name: str, value: object, high: float) -> tuple[float, ...]:
    listed = sequence(value, name)
    return tuple(read_number(each, f"{name}[{j}]", 0, high) for j, each in enumerate(listed))


def _cell(row: Mapping[str, str | None], name: str, i: int, high: float) -> float:
    text = row.get(name) or ""
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"line {i + 2}, {name}", f"got {text!r}, expected a number") from None
    return read_number(value, f"line {i + 2}, {name}", 0, high)
