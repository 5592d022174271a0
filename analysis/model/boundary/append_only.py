"""An append-only file of rows with one writer: rows are forced to disk, and a removed or changed file is noticed.

A row is written with its line end and forced to disk before the next begins. So after any death of the writer the file
holds whole rows and at most one torn row at its end, which has no line end, or, where the machine lost power, NULs in
place of what did not reach the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from analysis.model.boundary.fields import InputError
from analysis.model.boundary.lock import is_still


class AppendOnly:
    """An open file that this process alone appends to.

    Args:
        path: Its name.
        descriptor: Open for appending, and locked where it is a file.
        endless: Whether it is a pipe or a device, which cannot be cut or compared.

    Attributes:
        rows: Number of rows that it holds, for what an error says.
    """

    def __init__(self, path: str, descriptor: int, *, endless: bool = False) -> None:
        self.rows = 0
        self._path = path
        self._descriptor = descriptor
        self._size = None if endless else os.fstat(descriptor).st_size

    def append(self, content: bytes, rows: int) -> None:
        """Write whole rows, and wait until the disk has them.

        Args:
            content: Their lines.
            rows: How many they are.

        Raises:
            InputError: where that fails (a full disk, say), the file then ends where it did before; or where it is no
                longer the file that was opened, or not as this process left it.
        """
        self.demand_unchanged()
        try:
            rest = content
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            _force(self._descriptor)
        except OSError as error:
            if self._size is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
            kept = f"; the {self.rows} earlier rows are intact" if self.rows else ""
            raise InputError(self._path, f"cannot be written: {error.strerror}{kept}") from None
        if self._size is not None:
            self._size += len(content)
        self.demand_unchanged()
        self.rows += rows

    def demand_unchanged(self) -> None:
        """Refuse to go on where rows would be lost: the file has another name, or another content, than it had.

        Raises:
            InputError: saying which.
        """
        if self._size is None:
            return
        held = f"the {self.rows} rows it held"
        if not is_still(self._path, self._descriptor):
            happened = "replaced by another file" if os.path.lexists(self._path) else "removed or renamed"
            raise InputError(self._path, f"was {happened} while rows were being written; {held} went with it, stopped")
        size = os.fstat(self._descriptor).st_size
        if size != self._size:
            raise InputError(
                self._path,
                f"was changed by another process while rows were being written: it has {size} bytes, expected "
                f"{self._size}; it may lack some of {held}, stopped",
            )

    def cut_to(self, size: int) -> None:
        """Cut off a torn last row, and say so on stderr."""
        assert self._size is not None
        os.ftruncate(self._descriptor, size)
        print(f"{self._path}: cut off a torn last row of {self._size - size} bytes", file=sys.stderr)
        self._size = size

    def close(self) -> None:
        """Let another process write to the file."""
        os.close(self._descriptor)


def whole_and_torn(content: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and a torn last one: without a line end, or, after a loss of power, with NULs in its place."""
    end = content.rfind(b"\n") + 1
    if end == len(content):
        last = content.rfind(b"\n", 0, max(0, end - 1)) + 1
        if b"\0" in content[last:end]:
            end = last
    return content[:end], content[end:]


def written(torn: bytes) -> bytes:
    """What reached the disk of a torn row."""
    return torn.partition(b"\0")[0]


def keep_name(path: str | Path) -> None:
    """Wait until the disk has a new file's name, without which a power cut would lose the rows as well."""
    if sys.platform == "win32":  # where a folder cannot be opened, and NTFS keeps names by itself
        return
    folder = os.open(Path(path).parent, os.O_RDONLY)
    try:
        _force(folder)
    finally:
        os.close(folder)


def _force(descriptor: int) -> None:
    """Wait until the disk has what was written; a pipe has no disk behind it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
