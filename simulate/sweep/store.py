"""The results file: append-only rows, one writer at a time, nothing lost when the writer dies.

After any death of the writer the file holds whole rows and at most one torn row at its end, which the next writer cuts
off, saying so. Anything else that does not read as a row was not written by this module: it is refused by line number
and left as it is. Line ends may have become CRLF on the way. A file that is removed, replaced or changed while a writer
holds it ends the writer.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from analysis.model import InputError
from analysis.model.boundary.append_only import AppendOnly, keep_name, whole_and_torn, written
from analysis.model.boundary.fields import inside
from analysis.model.boundary.lock import open_alone
from simulate.sweep.rows import COLUMNS, FIRST_HEADER, FIRST_SCHEMA, HEADER, SCHEMA, Row, as_cells, read_row


class Store:
    """A results file open for appending; made by `open_store`.

    Attributes:
        path: Its name.
        rows: All rows that it holds.
    """

    def __init__(self, path: str, file: AppendOnly, rows: list[Row]) -> None:
        self.path = path
        self.rows = rows
        self._file = file
        file.rows = len(rows)

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows and wait until the disk has them.

        Raises:
            InputError: where that fails (a full disk, say), and the file then ends after the last row that was written;
                or where the file is no longer the one that was opened.
        """
        for row in rows:
            self._file.append(row.to_line().encode(), 1)
            self.rows.append(row)

    def demand_unchanged(self) -> None:
        """Refuse to go on where rows would be lost: the file has another name, or another content, than it had.

        Raises:
            InputError: saying which.
        """
        self._file.demand_unchanged()


@contextmanager
def open_store(path: str) -> Iterator[Store]:
    """Open or create a results file as its only writer; a torn last row is cut off and reported on stderr.

    Raises:
        InputError: where the file cannot be opened or written, another process writes to it, or it does not hold rows.
    """
    with _held(path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as file:
        whole, torn = _split(path, Path(path).read_bytes())
        rows = _parse(path, whole)
        if whole.startswith(FIRST_HEADER.encode().rstrip()):
            raise InputError(
                path,
                "was written by an earlier version of this package; expected a new file, or what "
                "`cascade-ewif merge OLD.csv --out NEW.csv` makes of it",
            )
        if torn:
            file.cut_to(len(whole))
        if not whole:
            file.append(HEADER.encode(), 0)
            keep_name(path)
        store = Store(path, file, rows)
        yield store
        store.demand_unchanged()


@contextmanager
def replacing(path: str) -> Iterator[list[Row]]:
    """Hold a results file that is about to be replaced, so that nobody writes to it; gives its rows.

    A file that is not there is not created, and has no rows.

    Raises:
        InputError: where it is no results file, or another process writes to it.
    """
    if not os.path.lexists(path):
        yield []
        return
    with _held(path, os.O_RDWR):
        yield read_rows(path)


@contextmanager
def _held(path: str, flags: int) -> Iterator[AppendOnly]:
    """Open a file as its only writer."""
    _demand_file(path)
    file = AppendOnly(path, open_alone(path, flags))
    try:
        yield file
    finally:
        file.close()


def _demand_file(path: str) -> None:
    """Refuse pipes and devices, which have no end, or no beginning to read again."""
    try:
        mode = os.stat(path).st_mode
    except OSError:  # not there, or not to be read: opening it says so
        return
    if not stat.S_ISREG(mode):
        kind = "folder" if stat.S_ISDIR(mode) else "pipe" if stat.S_ISFIFO(mode) else "device or socket"
        raise InputError(path, f"is a {kind}, expected a file of results")


def read_rows(path: str) -> list[Row]:
    """Read a results file without changing it; a torn last row is reported on stderr and left out.

    Raises:
        InputError: where the file is missing, or something in it is not a row, by line number.
    """
    _demand_file(path)
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
    whole, torn = _split(path, content)
    rows = _parse(path, whole)
    if torn:
        print(f"{path}: left out a torn last row of {len(torn)} bytes", file=sys.stderr)
    return rows


def _split(path: str, content: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and a torn last one.

    Raises:
        InputError: where the last line is not the beginning of one of ours.
    """
    whole, torn = whole_and_torn(content)
    if torn and not (_begins_a_row(torn) if whole else _is_torn_header(torn)):
        line = whole.count(b"\n") + 1
        raise InputError(
            f"{path} line {line}",
            f"got {torn[:40].decode(errors='replace')!r}, expected {'a row' if whole else 'a header'}: "
            "not a results file, and left as it is",
        )
    return whole, torn


def _begins_a_row(torn: bytes) -> bool:
    found = written(torn)
    openings = [f"{schema},".encode() for schema in (SCHEMA, FIRST_SCHEMA)]
    return any(found.startswith(opening) or opening.startswith(found) for opening in openings)


def _is_torn_header(torn: bytes) -> bool:
    """No more of it than was to be written, since a long file of NULs may be anything."""
    return len(torn) <= len(HEADER) and HEADER.encode().startswith(torn.rstrip(b"\0"))


def _parse(path: str, content: bytes) -> list[Row]:
    """Read whole lines, refusing by number the first that is wrong."""
    rows: list[Row] = []
    lines: dict[tuple[str, int, int], int] = {}
    for number, raw in enumerate(content.split(b"\n")[:-1], start=1):
        with inside(f"{path} line {number}"):
            try:
                line = raw.decode().removesuffix("\r")
            except UnicodeDecodeError:
                raise InputError("", "not UTF-8 text: the row is corrupt") from None
            if number == 1:
                _demand_header(line)
                continue
            row = read_row(line)
            if row.key in lines:
                raise InputError("", f"the same batch as in line {lines[row.key]}")
        lines[row.key] = number
        rows.append(row)
    return rows


def _demand_header(line: str) -> None:
    if line + "\n" in (HEADER, FIRST_HEADER):
        return
    for delimiter in (",", ";", "\t"):
        if tuple(as_cells(line.removeprefix("\ufeff"), delimiter)) == COLUMNS:
            raise InputError(
                "",
                "cells are quoted or separated otherwise than they were written (saved by a spreadsheet?); "
                "expected the file as it was written",
            )
    raise InputError("", f"got {line[:40]!r} for a header, expected {HEADER[:40]!r}...: another schema")
