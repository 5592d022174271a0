"""Cost ratios that papers assume, beside those that a clock measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from figures.style import DOUBLE, short

ASSUMED = {
    "parameters": ("ratio of parameters", "s", ORANGE),
    "MS": ("MS table of CS Drafting's code", "D", GREEN),
    "PW": ("PW: costs of prior work", "^", VERMILION),
}
"""Key, label, marker and colour."""

MEASURED = (("o", BLUE), ("v", PURPLE), ("P", SKY))
"""Marker and colour of measured ratios, one pair per condition."""


def draw(ax: Axes, data: Sequence[Mapping[str, Any]]) -> None:
    """Draw one row per drafter and target: what a one-token call costs, in one-token calls of the target.

    Args:
        ax: Axes to draw on.
        data: Items with `label`; `parameters`, `MS` and `PW`, None where unknown; and `measured`, ratios by condition.
    """
    rows = []
    for item in data:
        rows.append([(item[key], *style) for key, style in ASSUMED.items() if item[key] is not None])
    conditions = dict.fromkeys(condition for item in data for condition in item["measured"])
    for condition, style in zip(conditions, MEASURED * len(conditions), strict=False):
        for row, item in zip(rows, data, strict=True):
            if condition in item["measured"]:
                row.append((item["measured"][condition], short(condition, 28), *style))
    marks = dict.fromkeys((label, marker, colour) for row in rows for _, label, marker, colour in row)
    for y, row in enumerate(rows):
        places = [x for x, *_ in row]
        ax.plot([min(places), max(places)], [y, y], color=GREY, lw=0.8, zorder=1)
    for label, marker, colour in marks:
        points = [(x, y) for y, row in enumerate(rows) for x, *style in row if style == [label, marker, colour]]
        ax.plot(*zip(*points, strict=True), marker, color=colour, ms=5, mew=0.5, mec="white", ls="none", label=label)
    ax.axvline(1, color=GREY, lw=0.9, ls="--")
    ax.set_xscale("log")
    ax.set_yticks(np.arange(len(data)), [short(item["label"], 46) for item in data])
    ax.set_ylim(len(data) - 0.5, -0.5)
    ax.set_xlabel("cost of a drafter's call (target's call = 1)")
    ax.set_ylabel("drafter / target")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3)


FIGURE = Figure(
    "Cost ratios, assumed and measured",
    "What a drafter's one-token call costs, in one-token calls of its target.",
    lambda rows: (DOUBLE, 1.0 + 0.16 * len(rows)),
    draw,
)
