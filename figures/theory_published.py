"""Published predictions against published measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import BLUE, GREY, ORANGE, VERMILION
from figures.style import SINGLE

_COLOURS = {"small": BLUE, "base": ORANGE, "large": VERMILION}
_SIZES = {"small": 4.5, "base": 6.5, "large": 8.5}
"""Of the marker: a larger drafter has a larger mark."""
_MARKERS = {"ENDE": "o", "CNNDM": "s"}


def draw(ax: Axes, data: Sequence[Any]) -> None:
    """Draw one point per configuration and the line of perfect prediction.

    Args:
        ax: Axes to draw on.
        data: Items with `task`, `drafter`, `temperature`, `predicted`, `measured` and `error`.
    """
    low = 0.9 * min(min(row.predicted, row.measured) for row in data)
    high = 1.06 * max(max(row.predicted, row.measured) for row in data)
    ax.plot([low, high], [low, high], color=GREY, lw=1)
    ax.fill_between([low, high], [0.8 * low, 0.8 * high], [1.2 * low, 1.2 * high], color=GREY, alpha=0.13, lw=0)
    for row in data:
        colour = _COLOURS[row.drafter]
        ax.plot(
            row.measured,
            row.predicted,
            marker=_MARKERS[row.task],
            ms=_SIZES[row.drafter],
            mew=1.3,
            ls="none",
            mec=colour,
            mfc=colour if row.temperature == 0 else "white",
        )
    for name, colour in _COLOURS.items():
        ax.plot([], [], marker="o", ms=_SIZES[name], ls="none", color=colour, label=f"T5-{name} drafter")
    for task, marker in _MARKERS.items():
        ax.plot([], [], marker=marker, ls="none", color=GREY, label=task)
    ax.plot([], [], marker="D", ls="none", mfc=GREY, mec=GREY, label="temperature 0")
    ax.plot([], [], marker="D", ls="none", mfc="white", mec=GREY, label="temperature 1")
    ax.fill_between([], [], [], color=GREY, alpha=0.2, lw=0, label=r"$\pm$ 20 % of measured")
    mean = sum(abs(row.error) for row in data) / len(data)
    ax.set_title(f"mean |error| {mean:.1%} over {len(data)} configurations", loc="left")
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_xlabel("measured speedup")
    ax.set_ylabel("predicted EWIF (Theorem 3.8)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.18), ncols=2)


FIGURE = Figure(
    "Published predictions against published measurements",
    "Theorem 3.8 at the published acceptances and costs of Leviathan et al.; the band is +-20 %.",
    (SINGLE, 3.7),
    draw,
)
