"""One look for all figures at the size a paper prints them, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from analysis.model import whole_file

SINGLE, DOUBLE = 3.3, 6.9
"""Widths of a figure in one column and across two, in inches."""

FONT, SMALL = 8, 7
"""Sizes of text, in points: of titles and labels, and of ticks, legends and words inside the axes."""

_STYLE: Any = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "font.size": FONT,
    "axes.titlesize": FONT,
    "axes.labelsize": FONT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.2,
    "pdf.fonttype": 42,
}
_REPRODUCIBLE: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


@contextmanager
def figure(width: float = SINGLE, height: float = 2.6) -> Iterator[Figure]:
    """A `Figure` in the house style, of a size in inches; needs no display and no global state."""
    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(width, height))


def grid(panels: int) -> tuple[int, int]:
    """Lines and columns of so many panels: two beside each other."""
    columns = min(2, panels)
    return -(-panels // columns), columns


def short(name: object, longest: int = 18) -> str:
    """A name as plain text, its middle left out where it has more characters than a label has room for."""
    text, half = str(name), (longest - 1) // 2
    return plain(text if len(text) <= longest else f"{text[:half]}…{text[-half:]}")


def plain(name: object) -> str:
    """A name from a user's file as text: dollars are no mathematics, and an underscore in front hides no legend."""
    text = str(name).replace("$", r"\$")
    return f"\N{HAIR SPACE}{text}" if text.startswith("_") else text


def save(fig: Figure, path: Path) -> list[Path]:
    """Write a figure as PNG and PDF beside each other, the same bytes for the same data; returns both paths."""
    written = []
    for kind, metadata in _REPRODUCIBLE.items():
        written.append(path.with_suffix(f".{kind}"))
        with whole_file(written[-1], "wb") as file:
            fig.savefig(file, format=kind, metadata=metadata)
    return written
