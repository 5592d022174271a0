"""Predicted EWIF beside the measured speedup of every cascade that was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from figures.palette import BLUE, GREY, ORANGE, VERMILION


def draw(ax, data: Sequence[Mapping]) -> None:
    """Draw three marks a cascade: two predictions and the measured speedup with its interval.

    Args:
        ax: Axes to draw on.
        data: Rows with `method`, `predicted_iid`, `predicted`, `speedup` and `speedup_ci95` (low, high).
    """
    x = np.arange(len(data))
    speedup = np.array([row["speedup"] for row in data])
    interval = np.array([row["speedup_ci95"] for row in data]).T
    ax.bar(x, speedup, width=0.6, color=BLUE, alpha=0.35, label="measured speedup (wall-clock)")
    ax.errorbar(x, speedup, yerr=np.abs(interval - speedup), fmt="none", ecolor=BLUE, capsize=4, lw=1.5)
    ax.plot(
        x - 0.14,
        [row["predicted_iid"] for row in data],
        "D",
        color=ORANGE,
        label="EWIF, i.i.d. acceptance, scalar cost",
    )
    ax.plot(
        x + 0.14,
        [row["predicted"] for row in data],
        "o",
        color=VERMILION,
        label="EWIF, by position and type, t(q)",
    )
    ax.axhline(1, color=GREY, lw=0.9, ls="--")
    ax.set_xticks(x, [row["method"].replace(" ", "\n", 1) for row in data])
    ax.set_ylabel("times autoregressive decoding")
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize="small", columnspacing=1.2)
