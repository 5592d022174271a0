"""What drafting by two drafters gains over the better known one alone, by data set and by what it costs to draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.palette import GREY, styles
from figures.style import DOUBLE

FLAT = "flat"
"""Cost that is none by the token, which stands first and is joined with no other."""


def panels(fig: Canvas, data: Sequence[Mapping[str, Any]]) -> None:
    """Draw one panel per data set, one curve per rule, with 95 % intervals.

    Args:
        fig: Figure to draw on.
        data: Items with `title`, `costs` (labels) and `curves`: by rule (gain, low, high) at every cost, as shares.
    """
    axes = fig.subplots(1, len(data), squeeze=False, sharey=True)[0]
    for ax, item in zip(axes, data, strict=True):
        _draw(ax, item)
    axes[0].set_ylabel("gain over EAGLE alone (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)


def _draw(ax: Axes, item: Mapping[str, Any]) -> None:
    ax.axhline(0, color=GREY, lw=0.8)
    places = range(len(item["costs"]))
    apart = item["costs"].count(FLAT)
    for (rule, points), (colour, marker) in zip(item["curves"].items(), styles(), strict=False):
        gains, lows, highs = (100 * np.array(values) for values in zip(*points, strict=True))
        sides = np.maximum(0.0, [gains - lows, highs - gains])
        ax.errorbar(places, gains, yerr=sides, fmt=marker, color=colour, ms=3.5, elinewidth=0.6, label=rule)
        ax.plot(places[apart:], gains[apart:], color=colour, lw=1.1)
    ax.set_title(item["title"], loc="left")
    ax.set_xticks(list(places), list(item["costs"]))
    ax.set_xlabel("cost of a drafted token")


FIGURE = Figure(
    "Copying beside EAGLE-3: gain by data set and cost",
    "Replay of Llama-3.1-8B's texts with an H100's costs, settings chosen on the other half of the texts; bars are "
    "95 % over texts. Cost of a drafted token in plain steps; 'flat': a draft costs the same whatever its length.",
    (DOUBLE, 3.2),
    panels=panels,
)
