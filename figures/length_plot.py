"""Plot of EWIF against the draft length, the best and all nearly as good marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.model import InputError
from figures.columns import bound, number
from figures.palette import CYCLE, GREY
from figures.style import plain

_GID = "ewif-by-length"
"""Marks our curves, so that the next one on the same axes takes the next colour."""


def ewif_by_length(
    ax: Axes, rows: Mapping[Any, Any] | Iterable[Any], *, label: str | None = None, tolerance: float = 0.01
) -> Axes:
    """Draw finished EWIFs against the draft length, with the best length and all within a tolerance of it marked.

    A flat top means that the draft length hardly matters, whatever the fourth decimal of the best says.

    Args:
        ax: Axes to draw on; call again with the same ones for another curve.
        rows: A mapping from draft length (tokens, a whole number >= 0) to EWIF; or pairs of both; or rows, which are
            mappings or objects with `tokens` and `ewif`, and with `low` and `high` for an error band.
        label: Of the curve, in the legend.
        tolerance: Share of the best EWIF that marked lengths may be below it, in [0, 1).

    Returns:
        The axes, with labels and a legend.

    Raises:
        InputError: for no lengths, one given twice, a length that is no whole number >= 0, an EWIF that is no finite
            number, or a tolerance outside [0, 1).

    Example:
        >>> from matplotlib.figure import Figure
        >>> import figures
        >>> ewif = {1: 1.636, 2: 2.033, 4: 2.401, 5: 2.460, 6: 2.470, 7: 2.448, 12: 2.148}
        >>> ax = figures.ewif_by_length(Figure().subplots(), ewif, label="alpha = .8, c = .1")
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['alpha = .8, c = .1', 'best: 6 tokens, EWIF 2.47', 'within 1 %: 5 to 7 tokens']
    """
    if not 0 <= tolerance < 1:
        raise InputError("tolerance", f"got {tolerance!r}, expected a number in [0, 1)")
    table = _table(rows)
    lengths, ewif, low, high = table.T
    colour = CYCLE[sum(line.get_gid() == _GID for line in ax.get_lines()) % len(CYCLE)]
    if np.isfinite(low + high).any():
        ax.fill_between(lengths, low, high, color=colour, alpha=0.2, lw=0)
    curve = plain(label) if label else "_curve"
    ax.plot(lengths, ewif, color=colour, lw=1.3, marker="o", ms=3, label=curve, gid=_GID)
    best = int(ewif.argmax())
    ax.plot(
        lengths[best],
        ewif[best],
        color=colour,
        marker="*",
        ms=11,
        ls="none",
        zorder=4,
        label=f"best: {lengths[best]:.0f} tokens, EWIF {ewif[best]:.4g}",
    )
    near = ewif >= ewif[best] - tolerance * abs(ewif[best])
    words = f"within {100 * tolerance:g} %: {_runs(lengths, near)} tokens"
    ax.plot(lengths[near], ewif[near], color=colour, marker="o", ms=7, mfc="none", ls="none", zorder=3, label=words)
    ax.axhline(1, color=GREY, lw=0.9, ls=":", zorder=0)
    ax.set_xlabel("draft length (tokens)")
    ax.set_ylabel("EWIF (autoregressive = 1)")
    ax.legend()
    return ax


def _table(rows: Mapping[Any, Any] | Iterable[Any]) -> np.ndarray[Any, Any]:
    """Length, EWIF and the ends of its interval by row, shortest draft first, shape (n, 4)."""
    if not isinstance(rows, Iterable):
        raise InputError("rows", f"got a {type(rows).__name__}, expected rows such as those of analysis.ewif_by_length")
    items = list(rows.items()) if isinstance(rows, Mapping) else list(rows)
    found = []
    for i, item in enumerate(items):
        row = {"tokens": item[0], "ewif": item[1]} if _is_pair(item) else item
        place = f"rows[{i}]"
        length = number(row, "tokens", place)
        if length < 0 or length != int(length):
            raise InputError(f"{place}.tokens", f"got {length:g}, expected a whole number >= 0")
        ends = (bound(row, "low", place), bound(row, "high", place))
        found.append((length, number(row, "ewif", place), *ends))
    if not found:
        raise InputError("rows", "got none, expected one draft length or more")
    table = np.array(sorted(found))
    again = table[1:, 0][np.diff(table[:, 0]) == 0]
    if again.size:
        raise InputError("rows", f"got the draft length {again[0]:g} twice, expected every length once")
    return table


def _is_pair(item: Any) -> bool:
    return isinstance(item, (tuple, list, np.ndarray)) and len(item) == 2 and not hasattr(item, "_fields")


def _runs(lengths: np.ndarray[Any, Any], near: np.ndarray[Any, Any]) -> str:
    """Marked lengths in words, neighbours in the table as one range: "3, 5 to 7"."""
    places = np.flatnonzero(near)
    groups = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    ends = [(lengths[group[0]], lengths[group[-1]]) for group in groups]
    return ", ".join(f"{first:.0f}" if first == last else f"{first:.0f} to {last:.0f}" for first, last in ends)
