"""EWIF by the allocation of the draft between two drafters, as a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import MAP, VERMILION
from figures.style import SINGLE, SMALL

SHARES = (0.9, 0.95, 0.98, 0.99)
"""Of the best EWIF, at which contours are drawn."""


def draw(ax: Axes, data: Any) -> None:
    """Draw the map with its optimum and, where there is one, the published choice.

    Args:
        ax: Axes to draw on; a colour bar is put beside it.
        data: `labels`, `alphas`, `costs`, `ewif` (by k1, k2), `best` and `published`.
    """
    rows, columns = data.ewif.shape
    extent = (-0.5, columns - 0.5, -0.5, rows - 0.5)
    image = ax.imshow(data.ewif, origin="lower", aspect="auto", extent=extent, cmap=MAP)
    best = float(data.ewif.max())
    lines = ax.contour(data.ewif, levels=[best * share for share in SHARES], colors="black", linewidths=0.7)
    places = [place for share in SHARES if (place := _crossing(data, best * share)) is not None]
    if places:
        ax.clabel(lines, fmt=lambda value: f"{value / best:.0%}", fontsize=SMALL, manual=places)
    label = f"best: {data.best[0]} + {data.best[1]}, EWIF {best:.3f}"
    ax.plot(data.best[1], data.best[0], marker="*", ms=11, mfc=VERMILION, mec="white", ls="none", label=label)
    if data.published is not None:
        k1, k2 = data.published
        label = f"published: {k1} + {k2}, EWIF {data.ewif[k1, k2]:.3f}"
        ax.plot(k2, k1, marker="o", ms=7, mfc="none", mec="black", mew=1.5, ls="none", label=label)
    names = [
        f"{label} drafter\n($\\alpha$ = {alpha:g}, $c$ = {cost:.2g})"
        for label, alpha, cost in zip(data.labels, data.alphas, data.costs, strict=True)
    ]
    ax.set_ylabel(f"$k_1$ tokens of the {names[0]}")
    ax.set_xlabel(f"then $k_2$ tokens of the {names[1]}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0))
    ax.figure.colorbar(image, ax=ax, label="EWIF (autoregressive = 1)")


def _crossing(data: Any, level: float) -> tuple[float, float] | None:
    """Where a contour's label has room: where EWIF falls to a level right of the optimum, or else towards no draft."""
    (k1, k2), (rows, columns) = data.best, data.ewif.shape
    right, down = data.ewif[k1, k2:], data.ewif[(range(k1, -1, -1), np.linspace(k2, 0, k1 + 1).round().astype(int))]
    for values, place in (
        (right, lambda step: (k2 + step, float(k1))),
        (down, lambda step: (k2 - step * k2 / max(k1, 1), k1 - step)),
    ):
        below = np.flatnonzero(values < level)
        if below.size and below[0] > 0:
            i = int(below[0])
            x, y = place(i - (level - values[i]) / (values[i - 1] - values[i]))
            if 1 <= x <= columns - 3 and 1 <= y <= rows - 2:
                return x, y
    return None


FIGURE = Figure(
    "How to share a draft between two drafters",
    "Horizontal cascades of Table 1's CNN/DailyMail drafters; contours are shares of the best EWIF.",
    (SINGLE, 3.2),
    draw,
)
