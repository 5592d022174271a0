"""Correlation of acceptance along the text, by distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import GREY, styles
from figures.style import SINGLE, short


def draw(ax: Axes, data: Sequence[Mapping[str, Any]]) -> None:
    """Draw one curve per drafter with its band over prompts; independence is the line at 0.

    Args:
        ax: Axes to draw on.
        data: Items with `drafter` and `autocorrelation`, a list of `lag`, `value`, `low` and `high` (None if unknown).
    """
    for item, (colour, marker) in zip(data, styles(), strict=False):
        points = [point for point in item["autocorrelation"] if None not in point.values()]
        lags = [point["lag"] for point in points]
        ax.fill_between(lags, [p["low"] for p in points], [p["high"] for p in points], color=colour, alpha=0.15, lw=0)
        ax.plot(
            lags, [p["value"] for p in points], color=colour, lw=1.2, marker=marker, ms=3, label=short(item["drafter"])
        )
    ax.axhline(0, color=GREY, lw=0.9, ls="--")
    ax.set_xlabel("distance along the text (tokens)")
    ax.set_ylabel("correlation of agreement")
    ax.legend(title="drafter", loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)


FIGURE = Figure(
    "Acceptance along the text",
    "Correlation of agreements within a prompt, cleared of what prompts differ; bands over prompts.",
    lambda data: (SINGLE, 2.5 + 0.14 * ((len(data) + 1) // 2)),
    draw,
)
