"""One row of a results file: the totals of one batch, checked when written and when read.

Columns:
    schema: Version of this list of columns.
    task_id: SHA-256 of the task.
    name: The task's name at the time.
    task: The task itself as JSON, so that the file can be read without any other.
    seed: Root seed, >= 0.
    batch: Index of the batch, >= 0; seed, task and batch name the random numbers.
    blocks, cycles, tokens, ticks, tokens_squared, ticks_squared, tokens_ticks: As in `Totals`.
    yields: JSON object, cycles by tokens.
    calls: JSON object, by model and tokens of the call the number of calls.
    version, commit, python, numpy, numba, machine, finished: As in `Provenance`, of the process that drew the batch.
    check: First 16 hexadecimal digits of the SHA-256 of the row up to here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

from analysis.model import InputError, parse_json
from analysis.model.boundary.fields import mapping
from analysis.model.boundary.provenance import Provenance
from simulate.kernel.program import Calls
from simulate.kernel.totals import Totals
from simulate.sweep.task import Task

SCHEMA = "cascade-ewif-batches-1"
_SUMS = tuple(f.name for f in fields(Totals) if f.name not in ("yields", "calls"))
_PROVENANCE = tuple(f.name for f in fields(Provenance))
COLUMNS = ("schema", "task_id", "name", "task", "seed", "batch", *_SUMS, "yields", "calls", *_PROVENANCE, "check")
HEADER = ",".join(COLUMNS) + "\n"
_CHECK_LENGTH = 16


@dataclass(frozen=True)
class Row:
    """The totals of one batch.

    Attributes:
        task: What was drawn.
        seed: Root seed.
        batch: Index of the batch.
        totals: Its sums.
        provenance: Where and when it was drawn.
    """

    task: Task
    seed: int
    batch: int
    totals: Totals
    provenance: Provenance

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the batch's random numbers: (task id, seed, batch)."""
        return self.task.id, self.seed, self.batch

    def to_line(self) -> str:
        """The row with its line end."""
        totals = self.totals
        calls: dict[str, dict[str, int]] = {}
        for (model, q), times in sorted(totals.calls.items()):
            calls.setdefault(model, {})[str(q)] = times
        values = [
            SCHEMA,
            self.task.id,
            self.task.label,
            self.task.canonical,
            self.seed,
            self.batch,
            *(getattr(totals, column) for column in _SUMS),
            _compact({str(n): times for n, times in sorted(totals.yields.items())}),
            _compact(calls),
            *(getattr(self.provenance, column) for column in _PROVENANCE),
        ]
        body = _as_csv(values)
        return f"{body},{_check(body)}\n"


def read_row(line: str) -> Row:
    """Read a row without its line end.

    Raises:
        InputError: naming what is wrong with it.
    """
    body, _, check = line.rpartition(",")
    if check != _check(body):
        if not line.startswith(SCHEMA + ","):
            raise InputError("", f"got {line.partition(',')[0][:40]!r} for a schema, expected {SCHEMA}")
        raise InputError("check", "the row's checksum does not match its content: it is corrupt")
    cells = next(csv.reader([line]))
    if len(cells) != len(COLUMNS):
        raise InputError("", f"got {len(cells)} columns, expected {len(COLUMNS)}")
    values = dict(zip(COLUMNS, cells, strict=True))
    if values["schema"] != SCHEMA:
        raise InputError("schema", f"got {values['schema'][:40]!r}, expected {SCHEMA}")
    task = _task(values["task"], values["name"])
    if task.id != values["task_id"]:
        raise InputError("task_id", f"got {values['task_id'][:12]}..., the row's task has {task.id[:12]}...")
    totals = Totals(
        **{column: _whole(values, column) for column in _SUMS},
        yields=Counter({int(n): times for n, times in _object(values, "yields").items()}),
        calls=_calls(_object(values, "calls")),
    )
    if sum(totals.yields.values()) != totals.cycles or sum(n * c for n, c in totals.yields.items()) != totals.tokens:
        raise InputError("yields", "the counts of yields do not add up to the row's cycles and tokens")
    drawn = Provenance(**{column: values[column] for column in _PROVENANCE})
    return Row(task, _whole(values, "seed"), _whole(values, "batch"), totals, drawn)


def _check(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:_CHECK_LENGTH]


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _as_csv(values: list[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()


@lru_cache(maxsize=4096)
def _task(text: str, label: str) -> Task:
    value = dict(mapping(parse_json(text, "task"), "task"))
    return Task.from_canonical(value | {"name": label} if label else value)


def _whole(values: Mapping[str, str], column: str) -> int:
    if not values[column].isdecimal():
        raise InputError(column, f"got {values[column][:40]!r}, expected a whole number >= 0")
    return int(values[column])


def _object(values: Mapping[str, str], column: str) -> dict[str, object]:
    return dict(mapping(parse_json(values[column], column), column))


def _calls(value: Mapping[str, object]) -> Calls:
    result: Calls = Counter()
    for model, row in value.items():
        for q, times in mapping(row, model).items():
            if isinstance(times, int):
                result[model, int(q)] = times
    return result
