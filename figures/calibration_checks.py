"""All assumption checks: the size of every departure, with its interval and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from figures.palette import BLUE, GREY, ORANGE, VERMILION

COLOURS = {"violated": VERMILION, "undecided": ORANGE, "holds": BLUE}


def draw(ax, data: Sequence[Mapping], margin: float) -> None:
    """Draw one row a check, coloured by its verdict; in the grey band a departure is negligible.

    Args:
        ax: Axes to draw on.
        data: Items with `name`, `reviewer`, `drafter`, `effect`, `low`, `high` (None where unknown) and `verdict`.
        margin: Half the width of the band.
    """
    ax.axvspan(-margin, margin, color=GREY, alpha=0.18, lw=0)
    ax.axvline(0, color=GREY, lw=0.9)
    for row, item in enumerate(data):
        colour = COLOURS[item["verdict"]]
        if item["low"] is not None and item["high"] is not None:
            ax.plot([item["low"], item["high"]], [row, row], color=colour, lw=1.4)
        if item["effect"] is not None:
            ax.plot(item["effect"], row, "o", color=colour, ms=5)
    for verdict, colour in COLOURS.items():
        ax.plot([], [], "o-", color=colour, label=verdict)
    names = [f"{item['name'].replace('-', ' ')}: {item['drafter']}" for item in data]
    ax.set_yticks(range(len(data)), names, fontsize="x-small")
    ax.set_ylim(len(data) - 0.5, -0.5)
    ax.set_xlabel("departure (of a hazard, deviation of alpha, correlation, or share)")
    ax.set_ylabel("assumption: drafter")
    ax.legend(loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=3, fontsize="small")
