"""The results file: append-only rows, one writer at a time, nothing lost when the writer dies.

A row is written with its line end in one call and forced to disk before the next begins. So after any death the file
holds whole rows and at most one torn row at its end, which has no line end and is cut off, and reported, by the next
writer. Anything else that does not read as a row was not written by this module and is refused by line number.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from analysis.model import InputError
from analysis.model.fields import inside
from simulate.rows import HEADER, Row, read_row


class Store:
    """A results file open for appending; made by `open_store`."""

    def __init__(self, path: str, descriptor: int, rows: list[Row]) -> None:
        self.path = path
        self._descriptor = descriptor
        self.rows = rows

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows and wait until the disk has them.

        Raises:
            InputError: where that fails (a full disk, say); the file then ends where it ended before.
        """
        end = os.fstat(self._descriptor).st_size
        try:
            _write(self._descriptor, "".join(row.to_line() for row in rows).encode())
        except OSError as error:
            os.ftruncate(self._descriptor, end)
            raise InputError(
                self.path, f"cannot be written: {error.strerror}; the {len(self.rows)} earlier rows are intact"
            ) from None
        self.rows += rows


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
    os.fsync(descriptor)


@contextmanager
def open_store(path: str) -> Iterator[Store]:
    """Open or create a results file as its only writer; a torn last row is cut off and reported on stderr.

    Raises:
        InputError: where the file cannot be opened or written, another process writes to it, or a row is wrong.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except FileNotFoundError:
        raise InputError(path, f"the folder {Path(path).parent} does not exist") from None
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(path, "another process is writing to this file, expected one writer at a time") from None
        except OSError as error:
            raise InputError(path, f"cannot be locked: {error.strerror}") from None
        content = Path(path).read_bytes()
        whole, torn = _split(content)
        rows = _parse(path, whole)
        if torn:
            os.ftruncate(descriptor, len(whole))
            print(f"{path}: cut off a torn last row of {len(torn)} bytes", file=sys.stderr)
        store = Store(path, descriptor, rows)
        if not whole:
            try:
                _write(descriptor, HEADER.encode())
            except OSError as error:
                os.ftruncate(descriptor, 0)
                raise InputError(path, f"cannot be written: {error.strerror}") from None
        yield store
    finally:
        os.close(descriptor)


def read_rows(path: str) -> list[Row]:
    """Read a results file without changing it; a torn last row is reported on stderr and left out.

    Raises:
        InputError: where the file is missing or a row is wrong, by line number.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
    whole, torn = _split(content)
    rows = _parse(path, whole)
    if torn:
        print(f"{path}: left out a torn last row of {len(torn)} bytes", file=sys.stderr)
    return rows


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and what follows the last line end."""
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


def _parse(path: str, content: bytes) -> list[Row]:
    """Read whole lines, refusing by number the first that is wrong."""
    rows: list[Row] = []
    lines: dict[tuple[str, int, int], int] = {}
    for number, raw in enumerate(content.split(b"\n")[:-1], start=1):
        with inside(f"{path} line {number}"):
            try:
                line = raw.decode()
            except UnicodeDecodeError:
                raise InputError("", "not UTF-8 text: the row is corrupt") from None
            if number == 1:
                if line + "\n" != HEADER:
                    raise InputError("", f"got {line[:40]!r} for a header, expected {HEADER[:40]!r}...: another schema")
                continue
            row = read_row(line)
            if row.key in lines:
                raise InputError("", f"the same batch as in line {lines[row.key]}")
        lines[row.key] = number
        rows.append(row)
    return rows
