"""A file of result rows, one JSON object a line, that a killed run leaves whole and the same command goes on with.

A torn last row is cut off by the next run, which reports it. A run knows in advance which rows it will write and in
which order; it goes on where the rows in the file are the first of these and a torn one begins as the next, and refuses
any other file: rows of different runs never mix, and nothing else is cut.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.model import InputError, demand_place, parse_json
from analysis.model.boundary.append_only import AppendOnly, keep_name, whole_and_torn, written
from analysis.model.boundary.lock import open_alone
from analysis.model.boundary.same_run import demand_same

_FLAGS = os.O_RDWR | os.O_APPEND

Needs = Mapping[str, Callable[[Any], bool]]
"""Keys that a finished row must have, and what their values must fulfil."""


def is_seconds(value: object) -> bool:
    """Whether a row's value is a time."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def is_count(value: object) -> bool:
    """Whether a row's value is a number of things."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_ids(value: object) -> bool:
    """Whether a row's value is a list of token ids."""
    return isinstance(value, list) and all(is_count(item) for item in value)


class RowsFile:
    """A file of rows open for appending; made by `rows_file`.

    Attributes:
        rows: All rows that it holds, those found in it first.
    """

    def __init__(self, path: str, file: AppendOnly | None) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self._path = path
        self._file = file

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Write rows and wait until the disk has them; the first ones make the file, where there is none.

        Raises:
            InputError: where that fails (a full disk, say), the file then ends after the last whole row; or where the
                file was removed, replaced or changed since the last row.
        """
        if self._file is None:
            self._file = AppendOnly(self._path, open_alone(self._path, _FLAGS | os.O_CREAT | os.O_EXCL))
            keep_name(self._path)
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self._file.append(content.encode(), len(rows))
        self.rows.extend(rows)

    def demand_unchanged(self) -> None:
        """Refuse to go on where the rows written so far are no longer in the file of that name.

        Raises:
            InputError: where it was removed, replaced, or changed by somebody else.
        """
        if self._file is not None:
            self._file.demand_unchanged()

    def remove(self) -> None:
        """Remove the file, which is no longer needed; nothing can be written after that."""
        self.demand_unchanged()
        Path(self._path).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let another process write to the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def demand(self, expected: Sequence[Mapping[str, object]]) -> None:
        """Refuse rows that were there and are not this run's, by what is known only when the models are loaded.

        Args:
            expected: As for `rows_file`.

        Raises:
            InputError: saying what changed since.
        """
        for i, (row, wanted) in enumerate(zip(self.rows, expected, strict=False), start=1):
            demand_same(row, wanted, f"{self._path}, line {i}")

    def read(self, expected: Sequence[Mapping[str, object]], needs: Needs, more: str | None) -> None:
        """Take up the rows of a file that was there; a torn last row is cut off and reported on stderr.

        Raises:
            InputError: where the file is no beginning of this run's.
        """
        assert self._file is not None
        whole, torn = whole_and_torn(Path(self._path).read_bytes())
        rows = [_row(self._path, i, line) for i, line in enumerate(whole.split(b"\n")[:-1], start=1)]
        _demand(self._path, rows, expected, needs, more)
        if torn:
            _demand_torn(self._path, torn, len(rows), expected, more)
            self._file.cut_to(len(whole))
        if rows and more is None:
            print(f"{self._path}: goes on after {len(rows)} of {len(expected)} rows", file=sys.stderr)
        self.rows = rows
        self._file.rows = len(rows)


@contextlib.contextmanager
def rows_file(
    path: str, expected: Sequence[Mapping[str, object]], needs: Needs | None = None, more: str | None = None
) -> Iterator[RowsFile]:
    """Open a file for the rows of a run; a file that is not there appears with its first row.

    Args:
        path: Its name. A device or a pipe is written to and not read.
        expected: For every row of the run, in order, what tells it from other rows: values by key. The first of these
            is also the first key of the row.
        needs: What a finished row must hold besides.
        more: First key of further rows, any number of which may follow those; None where there are no others. `needs`
            are then theirs alone.

    Raises:
        InputError: where the file cannot be opened, another process writes to it, it holds other rows, or it was
            removed or replaced by the end of the block.
    """
    demand_place(path)
    place = Path(path)
    if not place.exists():
        file = RowsFile(path, None)
    elif place.is_file():
        file = RowsFile(path, AppendOnly(path, open_alone(path, _FLAGS)))
    else:
        file = RowsFile(path, AppendOnly(path, _opened(path, os.O_WRONLY), endless=True))
    try:
        if place.is_file():
            file.read(expected, needs or {}, more)
        yield file
        file.demand_unchanged()
    finally:
        file.close()


def _opened(path: str, flags: int) -> int:
    try:
        return os.open(path, flags)
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from None


def _row(path: str, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        row = parse_json(line.decode(), path, first_line=number)
    except UnicodeDecodeError:
        raise InputError(f"{path}, line {number}", "not UTF-8 text") from None
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}", "is no row, expected a file of this command's rows, or none")
    return row


def _demand(
    path: str,
    rows: Sequence[Mapping[str, Any]],
    expected: Sequence[Mapping[str, object]],
    needs: Needs,
    more: str | None,
) -> None:
    """Refuse a file whose rows are not the first ones of the run."""
    if more is None and len(rows) > len(expected):
        raise InputError(path, f"has {len(rows)} rows, expected at most the {len(expected)} of this run")
    for i, row in enumerate(rows):
        where = f"{path}, line {i + 1}"
        if i < len(expected):
            demand_same(row, expected[i], where)
        if more is not None and i < len(expected):
            continue
        for key, good in needs.items() if more is None else {more: _is_any, **needs}.items():
            if key not in row:
                raise InputError(where, f"has no {key}, expected a whole row of this command")
            if not good(row[key]):
                raise InputError(f"{where}, {key}", f"got {str(row[key])[:40]}, expected what this command writes")


def _is_any(value: object) -> bool:
    return True


def _demand_torn(
    path: str, torn: bytes, before: int, expected: Sequence[Mapping[str, object]], more: str | None
) -> None:
    """Refuse a file whose last line has no end and is not the beginning of the next row of the run either."""
    begins = None
    if before < len(expected):
        key, value = next(iter(expected[before].items()))
        begins = json.dumps({key: value}, ensure_ascii=False)[:-1].encode()
    elif more is not None:
        begins = f'{{"{more}": '.encode()
    if begins is not None:
        found = written(torn)
        if found[: len(begins)] == begins[: len(found)]:
            return
    raise InputError(f"{path}, line {before + 1}", "is no row of this run cut short, name another file")
