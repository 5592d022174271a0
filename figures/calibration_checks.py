"""All assumption checks: the size of every departure, with its interval and verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import BLUE, GREY, ORANGE, VERMILION
from figures.style import DOUBLE, short

VERDICTS = {"violated": (VERMILION, "X", "-"), "undecided": (ORANGE, "s", ":"), "holds": (BLUE, "o", "--")}
"""Colour, marker and line of the interval, by verdict."""


def draw(ax: Axes, data: Mapping[str, Any]) -> None:
    """Draw one row per check, its verdict told by colour, marker and line; in the grey band a departure is negligible.

    Args:
        ax: Axes to draw on.
        data: `margin`, half the width of the band, and `checks`, items with `name`, `reviewer`, `drafter`, `effect`,
            `low`, `high` (None where unknown) and `verdict`.
    """
    ax.axvspan(-data["margin"], data["margin"], color=GREY, alpha=0.18, lw=0, label="negligible")
    ax.axvline(0, color=GREY, lw=0.9)
    for row, item in enumerate(data["checks"]):
        colour, marker, line = VERDICTS[item["verdict"]]
        if item["low"] is not None and item["high"] is not None:
            ax.plot([item["low"], item["high"]], [row, row], color=colour, lw=1.3, ls=line)
        if item["effect"] is not None:
            ax.plot(item["effect"], row, marker, color=colour, ms=5, mew=0.6, mec="white")
    for verdict, (colour, marker, line) in VERDICTS.items():
        ax.plot([], [], marker=marker, ls=line, color=colour, ms=5, label=verdict)
    names = [f"{item['name'].replace('-', ' ')}: {short(item['drafter'], 28)}" for item in data["checks"]]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("departure (of a hazard, deviation of agreement, correlation, or share)")
    ax.set_ylabel("assumption: drafter")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4)


FIGURE = Figure(
    "Sizes of the departures",
    "Within the grey band a departure is negligible. Violated is what is significant after Holm's correction over all "
    "tests, however small.",
    lambda data: (DOUBLE, 0.8 + 0.15 * len(data["checks"])),
    draw,
)
