"""What is left between a prediction and the stopwatch, cascade by cascade, split into its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import BLUE, GREY, ORANGE, VERMILION
from figures.style import DOUBLE, short

PARTS = {
    "acceptance": ("drafting: other texts, and the prediction itself", BLUE),
    "loop": ("the loop's own time", ORANGE),
    "call_times": ("calls faster or slower than calibrated", VERMILION),
}
"""Key of a part, what it is called, its colour."""

MOST = 50
"""Greatest number of cascades that one page shows."""

LONGEST = 46
"""Characters of a name that is not shortened in its middle."""


def draw(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw one stacked bar per cascade, positive parts to the right; a diamond marks the total.

    Args:
        ax: Axes to draw on.
        rows: `name`, `total` and the parts, each log(predicted / measured), which add up to the total; of more than
            `MOST` rows the first are drawn.
    """
    rows = rows[:MOST]
    y = np.arange(len(rows))
    right, left = np.zeros(len(rows)), np.zeros(len(rows))
    for key, (label, colour) in PARTS.items():
        values = 100 * np.array([row[key] for row in rows])
        start = np.where(values >= 0, right, left)
        ax.barh(y, values, left=start, height=0.7, color=colour, label=label, lw=0)
        right, left = right + np.maximum(values, 0), left + np.minimum(values, 0)
    ax.plot([100 * row["total"] for row in rows], y, "D", ms=3.5, mfc="white", mec="black", ls="none", label="total")
    ax.axvline(0, color="black", lw=0.8)
    ax.axvspan(-5, 5, color=GREY, alpha=0.13, lw=0, zorder=0)
    ax.set_yticks(y, [short(row["name"], LONGEST) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("100 log(predicted / measured)")
    ax.set_ylabel("cascade, the fastest measured first")
    ax.legend(loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=2)


FIGURE = Figure(
    "What the replay leaves",
    f"log(predicted / measured) of the replay, split exactly; the fastest cascade first, {MOST} at most. The band is "
    "+-5 %.",
    lambda rows: (DOUBLE, 1.0 + 0.145 * min(len(rows), MOST)),
    draw,
)
