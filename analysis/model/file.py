"""Specifications from files, with a warning for what looks like a mistake in them."""

from __future__ import annotations

from pathlib import Path

from analysis.model.boundary.reading import inside_file, parse_json, read_text
from analysis.model.cascade import Cascade
from analysis.model.misuse import advise_on


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
