"""Call times by the number of tokens fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import styles
from figures.style import SINGLE, short

TICKS = (1, 2, 4, 8, 16, 32, 64)


def draw(ax: Axes, data: Sequence[Mapping[str, Any]]) -> None:
    """Draw one curve per model and context length, with half the interquartile range as a band.

    Args:
        ax: Axes to draw on.
        data: Items with `model`, `q`, and `curves`, a list of `context`, `median` and `spread`, both in seconds.
    """
    widths = (0.8, 1.4, 1.0)
    for item, (colour, marker) in zip(data, styles(), strict=False):
        q = np.asarray(item["q"])
        middle = len(item["curves"]) // 2
        for i, curve in enumerate(item["curves"]):
            median, spread = 1000 * np.asarray(curve["median"]), 1000 * np.asarray(curve["spread"])
            style = "-" if i == middle else ":" if i < middle else "--"
            label = short(item["model"]) if i == middle else None
            mark = marker if i == middle else None
            ax.plot(q, median, color=colour, lw=widths[min(i, 2)], ls=style, label=label, marker=mark, ms=3)
            if i == middle:
                ax.fill_between(q, np.maximum(median - spread, 1e-6), median + spread, color=colour, alpha=0.2, lw=0)
    contexts = [curve["context"] for curve in data[0]["curves"]] if data else []
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(TICKS, [str(tick) for tick in TICKS])
    ax.set_xlabel("q (tokens in the call)")
    ax.set_ylabel("milliseconds per call, median")
    title = f"contexts of {', '.join(map(str, contexts))} tokens (dotted, solid, dashed)"
    ax.legend(title=title, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)


FIGURE = Figure(
    "Call times",
    "Medians; the band is half the interquartile range.",
    lambda data: (SINGLE, 2.5 + 0.14 * ((len(data) + 1) // 2)),
    draw,
)
