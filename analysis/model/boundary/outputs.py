"""Writing files at the boundary of every command: whole or not at all, refused before the work and not after it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, overload

from analysis.model.boundary.fields import InputError
from analysis.model.boundary.lock import is_still, open_alone, take

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_PART = ".part"


@overload
def whole_file(path: str | Path) -> contextlib.AbstractContextManager[IO[str]]: ...
@overload
def whole_file(path: str | Path, mode: Literal["wb"]) -> contextlib.AbstractContextManager[IO[bytes]]: ...
@contextlib.contextmanager
def whole_file(path: str | Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[Any]]:
    """Open a file for writing (UTF-8 text or bytes) that appears under its name only when the block ends well.

    Until then it lies beside it under another name. What killed processes left there is removed.

    Raises:
        InputError: where the name is no place to write to, at once; or the disk is full, at the end.
    """
    demand_place(path)
    target = Path(path).resolve()
    encoding = "utf-8" if mode == "w" else None
    try:
        if target.exists() and not target.is_file():  # a device or a pipe, which cannot be replaced
            with open(_pipe(path), mode, encoding=encoding) as stream:
                yield stream
            return
        _remove_left(target)
        descriptor, name = _beside(path, target)
        kept = None if sys.platform == "win32" else os.dup(descriptor)  # keeps the lock until the name is taken
        try:
            with open(descriptor, mode, encoding=encoding) as file:
                yield file
                file.flush()
                os.fsync(descriptor)
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        finally:
            if kept is not None:
                os.close(kept)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise InputError(str(path), f"cannot be written: {error.strerror}") from None


def demand_place(path: str | Path) -> None:
    """Refuse a name that no file can be written under, before hours of work for that file.

    Raises:
        InputError: where it is a folder, a device, in a folder that is missing or closed, or not text.
    """
    name = str(path)
    demand_text(name)
    target = Path(path)
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        _demand_folder(name, target.resolve().parent)
        return
    except OSError as error:
        raise InputError(name, f"cannot be written: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise InputError(name, "is a folder, expected a file name")
    if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not _takes_anything(target)):
        raise InputError(name, "is a device, expected a file name")
    if not os.access(target, os.W_OK):
        raise InputError(name, f"cannot be written: {os.strerror(errno.EACCES)}")


def demand_text(name: str) -> None:
    """Refuse a file name that is not UTF-8: neither results nor terminals could say it.

    Raises:
        InputError: showing its bytes.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "backslashreplace").decode()
        raise InputError(shown, "the name is not UTF-8 text, expected one that is") from None


def _demand_folder(name: str, folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(name, f"the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise InputError(name, f"cannot be written: {os.strerror(errno.EACCES)}")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise InputError(name, f"cannot be written: {error.strerror}") from None
        raise InputError(name, f"cannot be written: no file can be made in {folder}") from None


def _takes_anything(device: Path) -> bool:
    if device.samefile(os.devnull):
        return True
    descriptor = os.open(device, os.O_WRONLY | getattr(os, "O_NOCTTY", 0))
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _pipe(path: str | Path) -> int:
    """Open what is no regular file for writing, without waiting for a reader that may never come."""
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        reason = "nobody reads from this pipe" if error.errno == errno.ENXIO else error.strerror
        raise InputError(str(path), f"cannot be written: {reason}") from None
    if hasattr(os, "set_blocking"):
        os.set_blocking(descriptor, True)
    return descriptor


def _beside(path: str | Path, target: Path) -> tuple[int, str]:
    """Make a file beside the target and lock it; its descriptor and name."""
    while True:
        try:
            descriptor, name = tempfile.mkstemp(_PART, f".{target.name}.", target.parent)
        except OSError as error:
            raise InputError(str(path), f"cannot be written: {error.strerror}") from None
        with contextlib.suppress(OSError):  # held by one who looks whether it was left; or no locks here
            take(descriptor)
        if is_still(name, descriptor):
            return descriptor, name
        os.close(descriptor)


def _remove_left(target: Path) -> None:
    """Remove what killed processes left beside the target: files that nobody holds a lock on."""
    if sys.platform == "win32":
        return
    for name in os.listdir(target.parent) if os.access(target.parent, os.R_OK) else ():
        if name.startswith(f".{target.name}.") and name.endswith(_PART):
            with contextlib.suppress(InputError, OSError):
                descriptor = open_alone(target.parent / name, os.O_RDWR)
                try:
                    os.unlink(target.parent / name)
                finally:
                    os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
