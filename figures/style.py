"""One look for all figures, and how they are written."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from analysis.model import whole_file

_STYLE = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,
}
_REPRODUCIBLE = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}


@contextmanager
def figure(width: float = 6.4, height: float = 4.0):
    """A `Figure` in the house style, of a size in inches; needs no display and no global state."""
    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(width, height))


def grid(panels: int) -> tuple[int, int]:
    """Lines and columns of so many panels: two beside each other."""
    columns = min(2, panels)
    return -(-panels // columns), columns


def save(fig: Figure, path: Path) -> list[Path]:
    """Write a figure as PNG and PDF beside each other, the same bytes for the same data; returns both paths."""
    written = []
    for kind, metadata in _REPRODUCIBLE.items():
        written.append(path.with_suffix(f".{kind}"))
        with whole_file(written[-1], "wb") as file:
            fig.savefig(file, format=kind, metadata=metadata)
    return written
