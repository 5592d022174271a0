"""Error of the i.i.d. prediction against the spread of alpha, by weighting."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import BLACK, BLUE, GREEN, GREY, LINES, VERMILION
from figures.style import SINGLE, SMALL


def draw(ax: Axes, data: Any) -> None:
    """Draw the error for each weighting, by colour and marker, and draft length, by line style.

    Args:
        ax: Axes to draw on.
        data: `mean_alpha`, `c`, `memory`, `deviation`, and errors by draft length `equal_cycles`, `equal_tokens`
            and `along_text`.
    """
    series = [
        ("over prompts, equal tokens each", data.equal_tokens, VERMILION, "o"),
        (f"along the text, memory {data.memory:g}", data.along_text, GREEN, "^"),
        ("over prompts, equal cycles each", data.equal_cycles, BLUE, "s"),
    ]
    for label, errors, colour, marker in series:
        for error, style in zip(errors.values(), LINES, strict=False):
            ax.plot(data.deviation, 100 * error, color=colour, ls=style, lw=1.2, marker=marker, ms=3, markevery=(0, 4))
        ax.plot([], [], color=colour, marker=marker, ms=3, lw=1.2, label=label)
    for k, style in zip(data.equal_tokens, LINES, strict=False):
        ax.plot([], [], color=BLACK, ls=style, lw=1.2, label=f"$k$ = {k}")
    ax.axhline(0, color=GREY, lw=0.9)
    for y, words in ((0.98, "i.i.d. promises too much"), (0.12, "i.i.d. promises too little")):
        ax.text(0.02, y, words, transform=ax.transAxes, va="top", color=GREY, fontsize=SMALL)
    span = data.deviation[-1] - data.deviation[0]
    ax.set_xlim(data.deviation[0] - 0.02 * span, data.deviation[-1] + 0.02 * span)
    ax.margins(y=0.12)
    ax.set_xlabel(rf"standard deviation of $\alpha$ (mean {data.mean_alpha:g}, $c$ = {data.c:g})")
    ax.set_ylabel("error of the i.i.d. EWIF (%)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.42, 1.0), handlelength=3)


FIGURE = Figure(
    "How wrong the i.i.d. assumption is",
    "Relative error of the i.i.d. prediction when acceptance varies, by how prompts are weighted.",
    (SINGLE, 3.2),
    draw,
)
