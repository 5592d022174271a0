"""Reading files at the boundary of every command: strict JSON, plain or gzipped, of bounded size."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

from analysis.model.boundary.fields import InputError
from analysis.model.boundary.malformed import likely

MOST_BYTES = 2**29
"""Greatest size of a file that is read as a whole, unpacked: what no file of ours comes near."""

_GZIP = b"\x1f\x8b"


def read_bytes(path: str | Path) -> bytes:
    """Read a file or a pipe as a whole, unpacked where it is gzipped. A pipe is empty afterwards: read it once.

    Raises:
        InputError: where the file is missing, unreadable, damaged, a device, or greater than `MOST_BYTES`.
    """
    try:
        with open(path, "rb") as file:
            kind = os.fstat(file.fileno()).st_mode
            if (stat.S_ISCHR(kind) and not file.isatty()) or stat.S_ISBLK(kind):
                raise InputError(str(path), "is a device, expected a file or a pipe")
            data = file.read(MOST_BYTES + 1)
        if data[:2] == _GZIP:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(str(path), "no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(str(path), "broken gzip data, is the file whole?") from None
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise InputError(str(path), f"holds more than {MOST_BYTES} bytes, expected at most so many")
    return data


def demand_regular(path: str | Path) -> None:
    """Refuse a pipe or a device where a file is read more than once.

    Raises:
        InputError: saying what it is.
    """
    place = Path(path)
    if place.exists() and not place.is_file():
        kind = "a folder" if place.is_dir() else "a pipe or a device"
        raise InputError(str(path), f"is {kind}, expected a file, which is read again when the run goes on")


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file that holds something, plain or gzipped; a pipe is empty afterwards.

    Raises:
        InputError: where the file is missing, unreadable, damaged, too great, not UTF-8 or empty.
    """
    return text_of(read_bytes(path), path)


def text_of(data: bytes, path: str | Path) -> str:
    """The text of what `read_bytes` read.

    Raises:
        InputError: where it is not UTF-8 or empty.
    """
    try:
        text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"not UTF-8 text (byte {error.start})") from None
    if not text.strip():
        raise InputError(str(path), "the file is empty")
    return text


def parse_json(text: str, where: str, first_line: int = 1) -> object:
    """Parse JSON; no key may stand twice in an object.

    NaN and infinities, which JSON does not know, come through as floats, so that the field that holds one can be
    named; `number` refuses them.

    Args:
        text: One JSON value.
        where: Name of the source, for the message.
        first_line: Number of the text's first line in its source.

    Raises:
        InputError: with the line and column of the first mistake.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(where, f"the key {twice!r} is there twice in one object")
        return result

    try:
        value: object = json.loads(text, object_pairs_hook=unique)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError:
        raise InputError(where, "holds half of a surrogate pair, which is no text") from None
    except json.JSONDecodeError as error:
        line, hint = error.lineno + first_line - 1, likely(text, error.pos, error.msg)
        raise InputError(where, f"malformed JSON at line {line}, column {error.colno}: {error.msg}{hint}") from None
    except RecursionError:
        raise InputError(where, "nested too deeply") from None
    except InputError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(where, f"malformed JSON: {error}".partition(";")[0]) from None


@contextlib.contextmanager
def inside_file(path: str | Path) -> Iterator[None]:
    """Name the file behind every `InputError` raised in the block, which name a field of it."""
    try:
        yield
    except InputError as error:
        named = error.field == str(path)
        raise InputError(error.field, error.problem if named else f"{error.problem} (in {path})") from None
