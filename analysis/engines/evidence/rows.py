"""Rows of `cascade-ewif lengths` and `cascade-ewif evidence`, read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.model import InputError, parse_json, read_text
from analysis.model.boundary.fields import inside, mapping


def read_rows(path: Path) -> list[Mapping[str, Any]]:
    """The rows of a file, which say by `kind` what they are.

    Raises:
        InputError: naming the line that is none.
    """
    found = []
    for i, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            row = mapping(parse_json(line, str(path), first_line=i), str(path))
            with inside(f"{path}, line {i}"):
                if "kind" not in row:
                    raise InputError("kind", "missing, expected rows of `cascade-ewif lengths` or `evidence`")
            found.append(row)
    return found
