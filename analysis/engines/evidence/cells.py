"""One measured speedup, and what theory predicts of it by rung."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analysis.model import InputError, read_text
from analysis.model.boundary.fields import inside, shown

IID, IID_COSTS, POSITIONS = "iid", "iid+t(q)", "positions"


@dataclass(frozen=True)
class Cell:
    """A setting that somebody measured, and predictions of it.

    Attributes:
        study: Which collection of runs it belongs to.
        name: Of the cell, unlike all others of the study.
        measured: Speedup over plain decoding, > 0.
        predicted: Speedup by rung.
        group: Cells of one group are choices that one has, for example draft lengths; None where there is no choice.
        facts: Other numbers of the cell, by name.
    """

    study: str
    name: str
    measured: float
    predicted: Mapping[str, float]
    group: str | None = None
    facts: Mapping[str, float | None] = field(default_factory=dict)

    def error(self, rung: str) -> float:
        """(predicted - measured) / measured."""
        return self.predicted[rung] / self.measured - 1

    def to_json(self) -> dict[str, object]:
        """Its row."""
        predicted = {rung: {"speedup": value, "error": self.error(rung)} for rung, value in self.predicted.items()}
        facts = dict(self.facts)
        named = {"kind": "cell", "study": self.study, "name": self.name, "group": self.group}
        return {**named, "measured": self.measured, "predicted": predicted, "facts": facts}


def read_columns(path: Path, names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Rows of a CSV file with lines of comment, which begin with #.

    Raises:
        InputError: where a column is missing.
    """
    lines = [line for line in read_text(path).splitlines() if not line.startswith("#")]
    table = csv.DictReader(io.StringIO("\n".join(lines)))
    missing = [name for name in names if name not in (table.fieldnames or ())]
    if missing:
        raise InputError(str(path), f"has no column {missing[0]}, expected {', '.join(names)}")
    yield from table


def number_of(row: Mapping[str, str], name: str, path: Path, line: int) -> float:
    """A positive number of a row.

    Raises:
        InputError: where it is none.
    """
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < float("inf"):
        with inside(f"{path}, row {line}"):
            raise InputError(name, f"got {shown(row[name])}, expected a number > 0")
    return value
