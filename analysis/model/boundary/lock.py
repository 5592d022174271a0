"""File lock of append-only journals: one writer at a time, on Unix and on Windows.

The lock belongs to the open file and goes with it: closing the descriptor, or the death of its process, gives it back.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from analysis.model.boundary.fields import InputError

if sys.platform == "win32":
    import msvcrt

    _FAR = 2**62
    """Windows keeps others from reading what is locked, so the byte that is locked is one no file has."""

    def _take(descriptor: int) -> None:
        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, place, os.SEEK_SET)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


def open_alone(path: str | Path, flags: int) -> int:
    """Open a file as its only writer.

    Args:
        path: Its name.
        flags: As of `os.open`.

    Returns:
        The descriptor, which holds the lock until it is closed.

    Raises:
        InputError: where the file cannot be opened or locked, another process holds it, or put another file in its
            place just now.
    """
    name = str(path)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if not Path(path).parent.is_dir():
            raise InputError(name, f"the folder {Path(path).parent} does not exist") from None
        raise InputError(name, f"cannot be written: {error.strerror}") from None
    try:
        try:
            _take(descriptor)
        except OSError as error:
            if error.errno in _HELD:
                raise InputError(
                    name, "another process is writing to this file, expected one writer at a time"
                ) from None
            raise InputError(name, f"cannot be locked: {error.strerror}") from None
        if not is_still(path, descriptor):
            raise InputError(name, "was replaced by another process just now, run the command again")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_still(path: str | Path, descriptor: int) -> bool:
    """Whether the name leads to the open file: it may have been removed, or replaced by another, meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False
