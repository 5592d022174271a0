"""A file of result rows, one JSON object a line, that a killed run leaves whole and the same command goes on with.

A row is written with its line end in one call and forced to disk before the next is made. So after any death of the
writer the file holds whole rows and at most one torn row at its end, which the next run cuts off and reports. A run
knows in advance which rows it will write and in which order; it goes on where the rows in the file are the first of
these and a torn one begins as the next, and refuses any other file: rows of different runs never mix, and nothing else
is cut.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.model import InputError, parse_json

try:
    import fcntl
except ImportError:  # Windows, where two writers are not told apart
    fcntl = None  # type: ignore[assignment]

_FLAGS = os.O_RDWR | os.O_APPEND


class RowsFile:
    """A file of rows open for appending; made by `rows_file`.

    Attributes:
        rows: All rows that it holds, those found in it first.
    """

    def __init__(self, path: str, descriptor: int | None) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self._path = path
        self._descriptor = descriptor

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a row and wait until the disk has it; the first one makes the file, where there is none.

        Raises:
            InputError: where that fails (a full disk, say); the file then ends after the last whole row.
        """
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
        if self._descriptor is None:
            self._descriptor = _locked(self._path, _FLAGS | os.O_CREAT | os.O_EXCL)
        end = os.fstat(self._descriptor).st_size
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
            _force(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise InputError(self._path, f"cannot be written: {error.strerror}; the earlier rows are intact") from None
        self.rows.append(row)

    def close(self) -> None:
        """Let another process write to the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def read(self, expected: Sequence[Mapping[str, object]]) -> None:
        """Take up the rows of a file that was there; a torn last row is cut off and reported on stderr.

        Raises:
            InputError: where the file is no beginning of this run's.
        """
        assert self._descriptor is not None
        content = Path(self._path).read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        rows = [_row(self._path, i, line) for i, line in enumerate(whole.split(b"\n")[:-1], start=1)]
        _demand(self._path, rows, expected)
        if len(whole) < len(content):
            _demand_torn(self._path, content[len(whole) :], len(rows), expected)
            os.ftruncate(self._descriptor, len(whole))
            print(f"{self._path}: cut off a torn last row of {len(content) - len(whole)} bytes", file=sys.stderr)
        if rows:
            print(f"{self._path}: goes on after {len(rows)} of {len(expected)} rows", file=sys.stderr)
        self.rows = rows


@contextlib.contextmanager
def rows_file(path: str, expected: Sequence[Mapping[str, object]]) -> Iterator[RowsFile]:
    """Open a file for the rows of a run; a file that is not there appears with its first row.

    Args:
        path: Its name. A device or a pipe is written to and not read.
        expected: For every row of the run, in order, what tells it from other rows: values by key. The first of these
            is also the first key of the row.

    Raises:
        InputError: where the file cannot be opened, another process writes to it, or it holds other rows.
    """
    place = Path(path)
    if place.is_dir():
        raise InputError(path, "is a folder, expected a file name")
    if not place.exists():
        if not place.parent.is_dir():
            raise InputError(path, f"the folder {place.parent} does not exist")
        if not os.access(place.parent, os.W_OK):
            raise InputError(path, f"cannot be written: {os.strerror(errno.EACCES)}")
        file = RowsFile(path, None)
    elif place.is_file():
        file = RowsFile(path, _locked(path, _FLAGS))
    else:
        file = RowsFile(path, _opened(path, os.O_WRONLY))
    try:
        if place.is_file():
            file.read(expected)
        yield file
    finally:
        file.close()


def _locked(path: str, flags: int) -> int:
    """Open a file as its only writer."""
    descriptor = _opened(path, flags)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InputError(path, "another process is writing to this file, expected one writer at a time") from None
    return descriptor


def _opened(path: str, flags: int) -> int:
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from None


def _force(descriptor: int) -> None:
    """Wait until the disk has what was written; a pipe has no disk behind it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise


def _row(path: str, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        row = parse_json(line.decode(), path, first_line=number)
    except UnicodeDecodeError:
        raise InputError(f"{path}, line {number}", "not UTF-8 text") from None
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}", "is no row, expected a file of this command's rows, or none")
    return row


def _demand(path: str, rows: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, object]]) -> None:
    """Refuse a file whose rows are not the first ones of the run."""
    if len(rows) > len(expected):
        raise InputError(path, f"has {len(rows)} rows, expected at most the {len(expected)} of this run")
    for i, (row, wanted) in enumerate(zip(rows, expected, strict=False), start=1):
        for key, value in wanted.items():
            if row.get(key) != value:
                raise InputError(
                    f"{path}, line {i}",
                    f"{key} is {row.get(key)!r}, expected {value!r}: rows of another run, name another file",
                )


def _demand_torn(path: str, torn: bytes, before: int, expected: Sequence[Mapping[str, object]]) -> None:
    """Refuse a file whose last line has no end and is not the beginning of the next row of the run either."""
    if before < len(expected):
        key, value = next(iter(expected[before].items()))
        begins = json.dumps({key: value}, ensure_ascii=False)[:-1].encode()
        if torn[: len(begins)] == begins[: len(torn)]:
            return
    raise InputError(f"{path}, line {before + 1}", "is no row of this run cut short, name another file")
