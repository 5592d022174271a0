"""Simulated against exact EWIF over a random family of cascades."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import BLUE, GREY, VERMILION
from figures.style import SINGLE, SMALL

INTERVAL = 1.959963984540054
"""Standard errors in half a 95 % interval."""
ROUNDING = 1e-12
"""Share of EWIF by which intervals are wider than that: what cannot vary has to agree but for rounding."""


def draw(ax: Axes, data: Any) -> None:
    """Draw one point per cascade, and in an inset how many standard errors those that vary are off.

    Args:
        ax: Axes to draw on.
        data: `exact`, `ewif` and `standard_error` by cascade.
    """
    exact, ewif, errors = data["exact"], data["ewif"], data["standard_error"]
    outside = [abs(e - x) > INTERVAL * s + ROUNDING * e for x, e, s in zip(exact, ewif, errors, strict=True)]
    scores = [(e - x) / s for x, e, s in zip(exact, ewif, errors, strict=True) if s > 0]
    n = len(exact)
    low, high = min(exact), max(exact)
    ax.plot([low, high], [low, high], color=GREY, lw=1, zorder=1)
    ax.scatter(exact, ewif, s=9, color=BLUE, alpha=0.7, lw=0, zorder=2)
    ax.set_xlabel("exact EWIF")
    ax.set_ylabel("simulated EWIF")
    spread = math.sqrt(n * 0.05 * 0.95)
    expected = f"(expected {0.05 * n:.0f} ± {spread:.0f})"
    ax.set_title(f"{sum(outside)} of {n} outside their 95 % interval\n{expected}")
    inset = ax.inset_axes((0.58, 0.2, 0.4, 0.32))
    width = 0.5
    edges = [-4 + width * i for i in range(17)]
    inset.hist(scores, bins=edges, color=BLUE, alpha=0.45)
    grid = [-4 + 0.05 * i for i in range(161)]
    scale = len(scores) * width / math.sqrt(2 * math.pi)
    inset.plot(grid, [scale * math.exp(-z * z / 2) for z in grid], color=VERMILION, lw=1.2)
    inset.set_yticks([])
    inset.set_xticks([-3, 0, 3])
    inset.set_xlabel("error / standard error", fontsize=SMALL, labelpad=1)


FIGURE = Figure(
    "Simulated against exact",
    "Random cascades of up to three levels with hazards of every kind; 5 % should lie outside their intervals.",
    (SINGLE, 3.0),
    draw,
)
