"""Digests of a folder's files, kept beside them: whether a cached model is still the one that was written."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

NAME = "digests.json"


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_digests(folder: Path) -> None:
    """Keep the digests of all files in a folder, and let everyone read them whom the user's umask lets.

    Raises:
        OSError: where that cannot be written.
    """
    note = folder / NAME
    note.write_text(json.dumps({path.name: sha256(path) for path in _files(folder)}, indent=1) + "\n", "utf-8")
    for path in _files(folder):  # safetensors are written for their owner alone
        path.chmod(note.stat().st_mode)


def damaged_file(folder: Path) -> str | None:
    """Name of a file that is missing or is not what it was when the digests were written; None where all are.

    A folder of an earlier version, without digests, is given some where it can be.
    """
    note = folder / NAME
    if not note.exists():
        with contextlib.suppress(OSError):  # a cache that may only be read does without
            write_digests(folder)
        return None
    try:
        expected = json.loads(note.read_text("utf-8"))
        return next((name for name, digest in expected.items() if _differs(folder / name, digest)), None)
    except (OSError, ValueError, AttributeError):
        return NAME


def _differs(path: Path, digest: str) -> bool:
    return not path.is_file() or sha256(path) != digest


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file() and path.name != NAME)
