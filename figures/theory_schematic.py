"""The two cascades of one target with three drafters: vertical (who drafts for whom) and horizontal (in order)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from figures.figure import Figure
from figures.palette import BLUE, GREEN, GREY, ORANGE
from figures.style import DOUBLE, SMALL

_TARGET = "#3a3a3a"
_DRAFTERS = (BLUE, GREEN, ORANGE)
_WORDS = (BLUE, "#00785a", "#9a6a00")
"""The same, darker where white paper would swallow them."""


def draw(ax: Axes, data: Any) -> None:
    """Draw both cascades side by side.

    Args:
        ax: Axes to draw on; its frame is switched off.
        data: `target`, `drafters` (labels, the largest first) and `blocks` (tokens of each in the horizontal draft).
    """
    ax.set_axis_off()
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 50)
    _vertical(ax, data)
    ax.plot([45, 45], [2, 48], color="#c8c8c8", lw=1)
    _horizontal(ax, data)


def _vertical(ax: Axes, data: Any) -> None:
    ax.text(22, 48, "vertical cascade", ha="center", va="center", weight="bold")
    names = [data.target, *data.drafters]
    heights = [38.5 - 11.5 * i for i in range(len(names))]
    for i, (name, y) in enumerate(zip(names, heights, strict=True)):
        _box(ax, 12 + i, y, 20 - 2 * i, 6, _TARGET if i == 0 else _DRAFTERS[i - 1], name)
    for i, (upper, lower) in enumerate(pairwise(heights)):
        _arrow(ax, (18, lower + 6), (18, upper), GREY)
        _arrow(ax, (26, upper), (26, lower + 6), GREY, dashed=True)
        if i == 0:
            ax.text(16.8, (upper + lower + 6) / 2, "drafts", ha="right", va="center", fontsize=SMALL, color=GREY)
            ax.text(
                27.2,
                (upper + lower + 6) / 2,
                "reviews,\nadds a token",
                ha="left",
                va="center",
                fontsize=SMALL,
                color=GREY,
            )
        else:
            ax.text(
                27.2,
                (upper + lower + 6) / 2,
                "reviews\nin rounds",
                ha="left",
                va="center",
                fontsize=SMALL,
                color=GREY,
            )


def _horizontal(ax: Axes, data: Any) -> None:
    ax.text(73, 48, "horizontal cascade", ha="center", va="center", weight="bold")
    _box(ax, 50, 38.5, 46, 6, _TARGET, f"{data.target}: reviews the whole draft, adds a token")
    total = sum(data.blocks)
    width = 46 / total
    x = 50.0
    for name, block, colour, words in zip(data.drafters, data.blocks, _DRAFTERS, _WORDS, strict=True):
        for _ in range(block):
            _box(ax, x + 0.4, 24, width - 0.8, 5.5, colour, "")
            x += width
        middle = x - block * width / 2
        _arrow(ax, (middle, 30), (middle, 38), GREY)
        ax.text(middle, 16.2, f"{name}\n{block} tokens", ha="center", va="center", fontsize=SMALL, color=words)
        ax.plot([x - block * width + 0.6, x - 0.6], [21.5, 21.5], color=colour, lw=2.2, solid_capstyle="round")
    _arrow(ax, (50, 9), (96, 9), GREY)
    ax.text(
        73,
        5.2,
        "position in the draft: later tokens are needed less often,\nso cheaper drafters take them",
        ha="center",
        va="center",
        fontsize=SMALL,
        color=GREY,
    )


def _box(ax: Axes, x: float, y: float, width: float, height: float, colour: str, text: str) -> None:
    ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=1", fc=colour, ec="none"))
    ax.text(
        x + width / 2,
        y + height / 2,
        text,
        ha="center",
        va="center",
        color="black" if colour == ORANGE else "white",
        fontsize=SMALL,
    )


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, dashed: bool = False) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=11,
            color=colour,
            lw=1.3,
            shrinkA=1,
            shrinkB=1,
            linestyle="--" if dashed else "-",
        )
    )


FIGURE = Figure(
    "The two cascades",
    "Vertical: each drafter's work is itself drafted by a smaller one. Horizontal: larger drafters draft the early "
    "tokens of a draft, smaller ones the later.",
    (DOUBLE, 3.4),
    draw,
)
