"""Learning curves of distilled drafters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from figures.palette import CYCLE


def draw(ax, data: Sequence[Mapping]) -> None:
    """Draw acceptance on texts that were never trained on against the tokens trained on, one curve a drafter.

    Args:
        ax: Axes to draw on.
        data: Items with `name` and `points`, a list of `tokens` and `alpha`.
    """
    for item, colour in zip(data, CYCLE * len(data), strict=False):
        points = [point for point in item["points"] if point.get("alpha") is not None and point["tokens"] > 0]
        last = f", {points[-1]['alpha']:.3f} at the end" if points else ""
        ax.plot(
            [point["tokens"] / 1e6 for point in points],
            [point["alpha"] for point in points],
            color=colour,
            marker="o",
            ms=3,
            lw=1.5,
            label=f"{item['name']}{last}",
        )
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("answer tokens trained on (millions)")
    ax.set_ylabel(r"greedy $\alpha$ on held-out texts")
    ax.legend(fontsize="small", loc="lower right")
