"""Notes in a work folder of how far a distillation is, and the lock that lets one run at a time work there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from analysis.model import InputError, parse_json, read_text, whole_file
from analysis.model.boundary.lock import open_alone

_LOCK = "lock"


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Work in a folder as the only run.

    Raises:
        InputError: where another run works there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = f"another run works in {folder}, expected one at a time"
    descriptor = open_alone(folder / _LOCK, os.O_RDWR | os.O_CREAT, held)
    try:
        yield
    finally:
        os.close(descriptor)


def read_note(path: Path) -> object | None:
    """What a note says, as JSON; None where there is none.

    Raises:
        InputError: where it cannot be read.
    """
    if not path.exists():
        return None
    try:
        return parse_json(read_text(path), str(path))
    except InputError as error:
        raise damaged(path, error.problem) from None


def write_note(path: Path, value: object) -> None:
    """Write a note, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        json.dump(value, file)


def damaged(path: Path, problem: str) -> InputError:
    """The error for a file of the work folder that is not what this program wrote."""
    return InputError(str(path), f"is damaged ({problem}), expected it as a run left it; remove it to begin that anew")
