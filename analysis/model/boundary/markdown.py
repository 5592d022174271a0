"""Tables as Markdown that also reads as plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[object]], text_columns: int = 1) -> str:
    """A Markdown table with columns of even width.

    Args:
        header: Column titles.
        rows: Cells, as many as titles; each is turned into text with `str`.
        text_columns: Number of leading columns aligned left; the others are numbers, aligned right.
    """
    cells = [[escaped(str(cell)).replace("|", "\\|") for cell in row] for row in [header, *rows]]
    widths = [max(3, *(len(row[j]) for row in cells)) for j in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if j < text_columns else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [":" + "-" * (w - 1) if j < text_columns else "-" * (w - 1) + ":" for j, w in enumerate(widths)]
    return "\n".join([line(cells[0]), line(rule), *(line(row) for row in cells[1:])])


_MARKUP = re.compile(r"&(?=#?\w+;)|<(?=[A-Za-z/!?])|\[(?=[^\n]*\][(\[:])|[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def escaped(text: str) -> str:
    """Text from a user's files so that Markdown shows it as it is: no HTML, image, link or line break comes of it.

    What begins a tag, an entity or a link becomes a character reference; control characters become a blank. Other
    text stays, so that tables also read as plain text.

    >>> escaped("d1 2x(copy x4) + [[5,14],[0,1]], 0 < a")
    'd1 2x(copy x4) + [[5,14],[0,1]], 0 < a'
    >>> escaped("<img src=x> ![a](b)")
    '&#60;img src=x> !&#91;a](b)'
    """
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};" if found[0] in "&<[" else " ", text)


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
