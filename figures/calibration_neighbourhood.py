"""The optimum's neighbourhood: predicted EWIF over two draft lengths, with what was measured there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import MAP, VERMILION
from figures.style import SINGLE, SMALL, short


def draw(ax: Axes, data: Mapping[str, Any]) -> None:
    """Draw the map, its greatest value, and each measured cascade as a number where it lies.

    Args:
        ax: Axes to draw on.
        data: `labels` (first and second drafter), `ewif[i][j]` at i tokens of the first followed by j of the second,
            and `measured`, a list of `first`, `second` and `speedup`.
    """
    ewif = np.asarray(data["ewif"])
    image = ax.imshow(ewif.T, origin="lower", aspect="auto", cmap=MAP)
    ax.figure.colorbar(image, ax=ax, label="predicted EWIF")
    best = np.unravel_index(int(ewif.argmax()), ewif.shape)
    label = f"best predicted, {ewif.max():.2f}"
    x, y = (np.array([-0.5, 0.5, 0.5, -0.5, -0.5]), np.array([-0.5, -0.5, 0.5, 0.5, -0.5]))
    ax.plot(best[0] + x, best[1] + y, color=VERMILION, lw=1.6, label=label, clip_on=False)
    middle = (ewif.min() + ewif.max()) / 2
    for point in data["measured"]:
        place = (point["first"], point["second"])
        colour = "black" if ewif[place] > middle else "white"
        ax.annotate(f"{point['speedup']:.2f}", place, color=colour, ha="center", va="center", fontsize=SMALL)
    ax.set_xticks(range(ewif.shape[0]))
    ax.set_yticks(range(ewif.shape[1]))
    ax.set_xlabel(f"tokens drafted by {short(data['labels'][0])}, first")
    ax.set_ylabel(f"tokens drafted by {short(data['labels'][1])}, after them")
    ax.legend(title="numbers: measured speedup", loc="lower left", bbox_to_anchor=(0, 1.0))


FIGURE = Figure(
    "Around the optimum",
    "EWIF by the calibrated hazards and call times; numbers are measured speedups.",
    (SINGLE, 3.3),
    draw,
)
