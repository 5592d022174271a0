"""Files at the boundary of every command: strict JSON in, whole files out."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, overload

from analysis.model.boundary.fields import InputError
from analysis.model.boundary.malformed import likely
from analysis.model.cascade import Cascade
from analysis.model.misuse import advise_on

_GZIP = b"\x1f\x8b"


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file that holds something, plain or gzipped.

    Raises:
        InputError: where the file is missing, unreadable, damaged, not UTF-8 or empty.
    """
    try:
        data = Path(path).read_bytes()
        if data[:2] == _GZIP:
            data = gzip.decompress(data)
        text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()
    except FileNotFoundError:
        raise InputError(str(path), "no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(str(path), "broken gzip data, is the file whole?") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None
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


def read_cascade(path: str | Path, *, needs_draft: bool = True) -> Cascade:
    """Read a cascade specification from a JSON file; what looks like a mistake in it is a warning (`misuse`).

    Raises:
        InputError: naming the specification's field that is wrong, and the file.
    """
    value = parse_json(read_text(path), str(path))
    with inside_file(path):
        cascade = Cascade.from_json(value, needs_draft=needs_draft)
    advise_on(cascade)
    return cascade


@contextlib.contextmanager
def inside_file(path: str | Path) -> Iterator[None]:
    """Name the file behind every `InputError` raised in the block, which name a field of it."""
    try:
        yield
    except InputError as error:
        raise InputError(error.field, f"{error.problem} (in {path})") from None


@overload
def whole_file(path: str | Path) -> contextlib.AbstractContextManager[IO[str]]: ...
@overload
def whole_file(path: str | Path, mode: Literal["wb"]) -> contextlib.AbstractContextManager[IO[bytes]]: ...
@contextlib.contextmanager
def whole_file(path: str | Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[Any]]:
    """Open a file for writing (UTF-8 text or bytes) that appears under its name only when the block ends well.

    Raises:
        InputError: where the folder is missing or cannot be written to.
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise InputError(str(path), "is a folder, expected a file name")
    if target.exists() and not target.is_file():  # a device or a pipe, which cannot be replaced
        with target.open(mode, encoding="utf-8" if mode == "w" else None) as stream:
            yield stream
        return
    try:
        handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed below, before it takes its name)
            mode,
            encoding="utf-8" if mode == "w" else None,
            dir=target.parent,
            prefix=f".{target.name}.",
            suffix=".part",
            delete=False,
        )
    except FileNotFoundError:
        raise InputError(str(path), f"the folder {target.parent} does not exist") from None
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}") from None
    try:
        with handle:
            yield handle
        os.chmod(handle.name, 0o666 & ~_umask())
        os.replace(handle.name, target)
    except BaseException:
        Path(handle.name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
