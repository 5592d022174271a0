"""Learning curves of distilled drafters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import styles
from figures.style import SINGLE, short


def draw(ax: Axes, data: Sequence[Mapping[str, Any]]) -> None:
    """Draw agreement at every place of texts never trained on against the tokens trained on, one curve per drafter.

    Args:
        ax: Axes to draw on.
        data: Items with `name` and `points`, a list of `tokens` and `agreement`.
    """
    for item, (colour, marker) in zip(data, styles(), strict=False):
        points = [point for point in item["points"] if point.get("agreement") is not None and point["tokens"] > 0]
        last = f", {points[-1]['agreement']:.3f} at the end" if points else ""
        ax.plot(
            [point["tokens"] / 1e6 for point in points],
            [point["agreement"] for point in points],
            color=colour,
            marker=marker,
            ms=2.5,
            lw=1.2,
            label=f"{short(item['name'])}{last}",
        )
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("answer tokens trained on (millions)")
    ax.set_ylabel("agreement on held-out texts")
    ax.legend(loc="lower right")


FIGURE = Figure(
    "How the drafters learnt",
    "Greedy agreement with the target at every place of texts never trained on, as the drafters were distilled.",
    (SINGLE, 2.4),
    draw,
)
