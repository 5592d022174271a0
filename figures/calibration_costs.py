"""Cost ratios that papers assume, beside those that a clock measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from figures.palette import BLUE, GREEN, GREY, ORANGE, VERMILION

KINDS = {
    "parameters": ("ratio of parameters", "s", ORANGE),
    "MS": ("MS table of CS Drafting's code", "D", GREEN),
    "PW": ("PW: costs of prior work", "^", VERMILION),
    "measured": ("measured, one-token calls", "o", BLUE),
}
"""Key, label, marker and colour."""


def draw(ax, data: Sequence[Mapping]) -> None:
    """Draw one row a drafter and target: what a one-token call costs, in one-token calls of the target.

    Args:
        ax: Axes to draw on.
        data: Items with `label` and any of `parameters`, `MS`, `PW` and `measured`; None where unknown.
    """
    y = np.arange(len(data))
    for row, item in zip(y, data, strict=True):
        known = [item[key] for key in KINDS if item.get(key) is not None]
        if known:
            ax.plot([min(known), max(known)], [row, row], color=GREY, lw=0.8, zorder=1)
    for key, (label, marker, colour) in KINDS.items():
        points = [(item[key], row) for row, item in zip(y, data, strict=True) if item.get(key) is not None]
        if points:
            ax.plot(*zip(*points, strict=True), marker, color=colour, ms=6.5, ls="none", label=label)
    ax.axvline(1, color=GREY, lw=0.9, ls="--")
    ax.set_xscale("log")
    ax.set_yticks(y, [item["label"] for item in data], fontsize="small")
    ax.set_ylim(len(data) - 0.5, -0.5)
    ax.set_xlabel("cost of a drafter's call (target's call = 1)")
    ax.set_ylabel("drafter / target")
    ax.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
