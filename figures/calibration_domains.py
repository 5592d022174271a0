"""Agreement at every place of the texts by domain, for every drafter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import GREY, LINES, styles
from figures.style import SINGLE, short


def draw(ax: Axes, data: Sequence[Mapping[str, Any]]) -> None:
    """Draw one row per domain and one colour per drafter, with intervals over prompts; lines mark the overall rates.

    Args:
        ax: Axes to draw on.
        data: Items with `drafter`, `overall` and `domains`, a list of `domain`, `prompts`, `agreement`, `low` and
            `high` (None for a domain of one prompt).
    """
    domains = list(dict.fromkeys(row["domain"] for item in data for row in item["domains"]))
    order = {domain: i for i, domain in enumerate(sorted(domains, key=lambda d: -_mean(data, d)))}
    for i, (item, (colour, marker), line) in enumerate(zip(data, styles(), cycle(LINES[1:]), strict=False)):
        shift = 0.6 * ((i + 0.5) / len(data) - 0.5)
        y = np.array([order[row["domain"]] + shift for row in item["domains"]])
        agreement = [row["agreement"] for row in item["domains"]]
        bars = [
            [0.0 if row[side] is None else max(sign * (row[side] - row["agreement"]), 0.0) for row in item["domains"]]
            for side, sign in (("low", -1), ("high", 1))
        ]
        ax.errorbar(
            agreement, y, xerr=bars, fmt=marker, ms=3.5, color=colour, elinewidth=0.9, label=short(item["drafter"])
        )
        ax.axvline(item["overall"], color=colour, lw=0.9, ls=line, alpha=0.7, label=f"{item['overall']:.2f} overall")
    ax.set_yticks(range(len(order)), [short(domain, 16) for domain in order])
    for row in range(len(order) - 1):
        ax.axhline(row + 0.5, color=GREY, lw=0.3, alpha=0.5)
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("share of places where the target agrees")
    ax.set_ylabel("domain")
    handles, labels = ax.get_legend_handles_labels()
    pairs = sorted(zip(labels, handles, strict=True), key=lambda pair: pair[0].endswith(" overall"))
    ax.legend(
        [handle for _, handle in pairs],
        [label for label, _ in pairs],
        title="drafter, and its rate over all domains",
        loc="lower center",
        bbox_to_anchor=(0.4, 1.0),
        ncols=2,
    )


def _mean(data: Sequence[Mapping[str, Any]], domain: str) -> float:
    values = [row["agreement"] for item in data for row in item["domains"] if row["domain"] == domain]
    return float(sum(values) / len(values))


def size_of(data: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Width and height of the figure, in inches."""
    domains = {row["domain"] for item in data for row in item["domains"]}
    return SINGLE, 1.3 + 0.15 * len(data) + 0.3 * len(domains)


FIGURE = Figure(
    "Agreement by domain",
    "At every place of the texts, not only where cycles begin, as alpha is counted. Intervals over prompts; vertical "
    "lines are the rates over all domains.",
    size_of,
    draw,
)
