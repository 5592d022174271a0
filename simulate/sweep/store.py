"""The results file: append-only rows, one writer at a time, nothing lost when the writer dies.

A row is written with its line end in one call and forced to disk before the next begins. So after any death of the
writer the file holds whole rows and at most one torn row at its end, which has no line end, or, where the machine lost
power, NULs in place of what did not reach the disk. The next writer cuts it off and says so. Anything else that does
not read as a row was not written by this module: it is refused by line number and left as it is.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from analysis.model import InputError
from analysis.model.boundary.fields import inside
from simulate.sweep.rows import HEADER, SCHEMA, Row, read_row


class Store:
    """A results file open for appending; made by `open_store`."""

    def __init__(self, path: str, descriptor: int, rows: list[Row]) -> None:
        self.path = path
        self._descriptor = descriptor
        self.rows = rows

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows and wait until the disk has them.

        Raises:
            InputError: where that fails (a full disk, say); the file then ends after the last row that was written.
        """
        end = os.fstat(self._descriptor).st_size
        try:
            for row in rows:
                _write(self._descriptor, row.to_line().encode())
                end = os.fstat(self._descriptor).st_size
                self.rows.append(row)
        except OSError as error:
            os.ftruncate(self._descriptor, end)
            raise InputError(
                self.path, f"cannot be written: {error.strerror}; the {len(self.rows)} earlier rows are intact"
            ) from None


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
    os.fsync(descriptor)


@contextmanager
def open_store(path: str) -> Iterator[Store]:
    """Open or create a results file as its only writer; a torn last row is cut off and reported on stderr.

    Raises:
        InputError: where the file cannot be opened or written, another process writes to it, or it does not hold rows.
    """
    with _held(path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as descriptor:
        whole, torn = _split(path, Path(path).read_bytes())
        rows = _parse(path, whole)
        if torn:
            os.ftruncate(descriptor, len(whole))
            print(f"{path}: cut off a torn last row of {len(torn)} bytes", file=sys.stderr)
        store = Store(path, descriptor, rows)
        if not whole:
            try:
                _write(descriptor, HEADER.encode())
                _keep_name(path)
            except OSError as error:
                os.ftruncate(descriptor, 0)
                raise InputError(path, f"cannot be written: {error.strerror}") from None
        yield store


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
def _held(path: str, flags: int) -> Iterator[int]:
    """Open a file as its only writer."""
    try:
        descriptor = os.open(path, flags, 0o666)
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
        if not _is_still(path, descriptor):
            raise InputError(path, "was replaced by another process just now, run the command again")
        yield descriptor
    finally:
        os.close(descriptor)


def _is_still(path: str, descriptor: int) -> bool:
    """Whether the path leads to the open file: the lock is on the file, and a merge may have replaced it meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _keep_name(path: str) -> None:
    """Wait until the disk has the file's name, without which a power cut would lose the rows as well."""
    folder = os.open(Path(path).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_rows(path: str) -> list[Row]:
    """Read a results file without changing it; a torn last row is reported on stderr and left out.

    Raises:
        InputError: where the file is missing, or something in it is not a row, by line number.
    """
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
    end = content.rfind(b"\n") + 1
    if end == len(content):
        last = content.rfind(b"\n", 0, end - 1) + 1 if end else 0
        if b"\0" in content[last:end]:
            end = last
    whole, torn = content[:end], content[end:]
    if torn and not (_begins_a_row(torn) if whole else _is_torn_header(torn)):
        line = whole.count(b"\n") + 1
        raise InputError(
            f"{path} line {line}",
            f"got {torn[:40].decode(errors='replace')!r}, expected {'a row' if whole else 'a header'}: "
            "not a results file, and left as it is",
        )
    return whole, torn


def _begins_a_row(torn: bytes) -> bool:
    opening = f"{SCHEMA},".encode()
    written = torn.partition(b"\0")[0]
    return written.startswith(opening) or opening.startswith(written)


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
