"""Tables as Markdown that also reads as plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_ACTIVE = re.compile(
    r"[\\`|]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\[(?=[^\]]*\][(\[])|(?<!\w)[*_]{1,3}(?=\w)|(?<=\w)[*_]{1,3}(?!\w)"
)
"""What begins a link, an image, HTML, code, emphasis or another cell; the same sign elsewhere is only a sign."""


def escaped(cell: object) -> str:
    """A cell's text as Markdown shows it literally, in one line: names come from files, and files from anywhere.

    Signs that would begin a link, an image, HTML, code, emphasis or another cell are escaped; characters that control a
    terminal or a line are replaced by their code.
    """
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(cell))
    return _ACTIVE.sub(lambda found: "".join("\\" + c for c in found[0]), text)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], text_columns: int = 1) -> str:
    """A Markdown table with columns of even width.

    Args:
        header: Column titles.
        rows: Cells, as many as titles; each is turned into text with `str`.
        text_columns: Number of leading columns aligned left; the others are numbers, aligned right.
    """
    cells = [[escaped(cell) for cell in row] for row in [header, *rows]]
    widths = [max(3, *(len(row[j]) for row in cells)) for j in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if j < text_columns else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [":" + "-" * (w - 1) if j < text_columns else "-" * (w - 1) + ":" for j, w in enumerate(widths)]
    return "\n".join([line(cells[0]), line(rule), *(line(row) for row in cells[1:])])


def table_of(rows: Sequence[Mapping[str, object]], text_columns: int = 1) -> str:
    """A Markdown table of rows by column title, numbers to three decimals, what is missing left blank."""
    header = list(dict.fromkeys(key for row in rows for key in row))
    return table(header, [[_cell(row.get(key)) for key in header] for row in rows], text_columns)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return value if isinstance(value, str) else json.dumps(value)
