"""One row of a results file: the totals of one batch, checked when written and when read.

Columns:
    schema: Version of this list of columns.
    task_id: SHA-256 of the task.
    name: The task's name at the time, with ' before a name that a spreadsheet would take for a formula.
    task: The task itself as JSON, so that the file can be read without any other.
    parameters: What the sweep varies, as a JSON object of the task's `parameters`.
    seed: Root seed, >= 0.
    batch: Index of the batch, >= 0; seed, task and batch name the random numbers.
    blocks, cycles, tokens, ticks, tokens_squared, ticks_squared, tokens_ticks: As in `Totals`.
    yields: JSON object, cycles by tokens.
    calls: JSON object, by model and tokens of the call the number of calls; of a drafter priced by draft, of its goes.
    draws, code: As in `DrawingCode`, of the process that drew the batch.
    version, commit, python, numpy, numba, machine, finished: As in `Provenance`, of the same process.
    check: First 16 hexadecimal digits of the SHA-256 of the row up to here.

Rows of the first version, without `parameters`, `draws` and `code`, are read as well.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

from analysis.model import InputError, parse_json
from analysis.model.boundary.fields import mapping, shown
from analysis.model.boundary.provenance import Provenance
from simulate.kernel.goes import Calls
from simulate.kernel.totals import Totals
from simulate.sampler import Sampler
from simulate.sweep.consistency import demand_consistency
from simulate.sweep.drawing_code import DRAWS, UNKNOWN, DrawingCode
from simulate.sweep.task import Task

SCHEMA = "cascade-ewif-batches-2"
FIRST_SCHEMA = "cascade-ewif-batches-1"
_SUMS = tuple(f.name for f in fields(Totals) if f.name not in ("yields", "calls"))
_PROVENANCE = tuple(f.name for f in fields(Provenance))
_ADDED = ("parameters", "draws", "code")
COLUMNS = (
    *("schema", "task_id", "name", "task", "parameters", "seed", "batch"),
    *_SUMS,
    *("yields", "calls", "draws", "code"),
    *_PROVENANCE,
    "check",
)
_COLUMNS_OF = {SCHEMA: COLUMNS, FIRST_SCHEMA: tuple(column for column in COLUMNS if column not in _ADDED)}
HEADER = ",".join(COLUMNS) + "\n"
FIRST_HEADER = ",".join(_COLUMNS_OF[FIRST_SCHEMA]) + "\n"
_CHECK_LENGTH = 16

_MOST_DIGITS = 100
"""Of a whole number: more than any sum of a batch has, and few enough for a double."""

_FORMULA = re.compile(r"'*[=+\-@]")
"""How a cell begins that a spreadsheet would run as a formula, also behind the ' that keeps it from doing so."""


@dataclass(frozen=True)
class Row:
    """The totals of one batch.

    Attributes:
        task: What was drawn.
        seed: Root seed.
        batch: Index of the batch.
        totals: Its sums.
        provenance: Where and when it was drawn.
        code: What drew it.
    """

    task: Task
    seed: int
    batch: int
    totals: Totals
    provenance: Provenance
    code: DrawingCode = UNKNOWN

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
            _no_formula(self.task.label),
            self.task.canonical,
            _compact(dict(self.task.parameters)),
            self.seed,
            self.batch,
            *(getattr(totals, column) for column in _SUMS),
            _compact({str(n): times for n, times in sorted(totals.yields.items())}),
            _compact(calls),
            self.code.draws,
            self.code.digest,
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
    schema = line.partition(",")[0]
    if check != _check(body):
        if schema not in _COLUMNS_OF:
            raise InputError("", f"got {schema[:40]!r} for a schema, expected {SCHEMA}")
        raise InputError("check", "the row's checksum does not match its content: it is corrupt")
    cells = as_cells(line)
    if cells[0] not in _COLUMNS_OF:
        raise InputError("schema", f"got {cells[0][:40]!r}, expected {SCHEMA}")
    columns = _COLUMNS_OF[cells[0]]
    if len(cells) != len(columns):
        raise InputError("", f"got {len(cells)} columns, expected {len(columns)}")
    values = dict(zip(columns, cells, strict=True))
    code = _code(values)
    label = values["name"] if cells[0] == FIRST_SCHEMA else _as_given(values["name"])
    task, sampler = _task(values["task"], label, values.get("parameters", "{}"))
    if task.id != values["task_id"]:
        raise InputError("task_id", f"got {values['task_id'][:12]}..., the row's task has {task.id[:12]}...")
    totals = Totals(
        **{column: _whole(values, column) for column in _SUMS},
        yields=Counter(_counts(_object(values, "yields"), "yields")),
        calls=_calls(_object(values, "calls")),
    )
    demand_consistency(totals, sampler)
    drawn = Provenance(**{column: values[column] for column in _PROVENANCE})
    return Row(task, _whole(values, "seed"), _whole(values, "batch"), totals, drawn, code)


def _check(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:_CHECK_LENGTH]


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _as_csv(values: list[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()


def as_cells(line: str, delimiter: str = ",") -> Sequence[str]:
    """The cells of a line, of any length.

    Raises:
        InputError: where it is no line of a CSV file.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(line)))  # which otherwise ends at 131,072 characters
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [""])
    except csv.Error as error:
        raise InputError("", f"not a line of a CSV file: {error}") from None


def _no_formula(label: str) -> str:
    return "'" + label if _FORMULA.match(label) else label


def _as_given(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


@lru_cache(maxsize=4096)
def _task(text: str, label: str, parameters: str) -> tuple[Task, Sampler]:
    value: dict[str, object] = dict(mapping(parse_json(text, "task"), "task"))
    value["parameters"] = parse_json(parameters, "parameters")
    task = Task.from_canonical(value | {"name": label} if label else value)
    return task, task.sampler()


def _code(values: Mapping[str, str]) -> DrawingCode:
    if "draws" not in values:
        return UNKNOWN
    draws = _whole(values, "draws")
    if draws not in (0, DRAWS):
        raise InputError("draws", f"got {draws}, expected {DRAWS}: drawn by another version of this package")
    return DrawingCode(draws, values["code"])


def _whole(values: Mapping[str, str], column: str) -> int:
    text = values[column]
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise InputError(column, f"got {text[:40]!r}, expected a whole number >= 0 of at most {_MOST_DIGITS} digits")
    return int(text)


def _object(values: Mapping[str, str], column: str) -> Mapping[str, object]:
    return mapping(parse_json(values[column], column), column)


def _counts(value: Mapping[str, object], field: str) -> dict[int, int]:
    """Counts by a whole number."""
    counts = {}
    for key, times in value.items():
        if isinstance(times, bool) or not isinstance(times, int) or not 0 <= times < 10**_MOST_DIGITS:
            raise InputError(f"{field}.{key[:40]}", f"got {shown(times)}, expected a whole number >= 0")
        counts[_whole({field: key}, field)] = times
    return counts


def _calls(value: Mapping[str, object]) -> Calls:
    result: Calls = Counter()
    for model, row in value.items():
        field = f"calls.{model[:40]}"
        result.update({(model, q): times for q, times in _counts(mapping(row, field), field).items()})
    return result
