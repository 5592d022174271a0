"""First-token acceptance by domain, for every drafter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from figures.palette import CYCLE, GREY


def draw(ax, data: Sequence[Mapping]) -> None:
    """Draw one row a domain and one colour a drafter, with intervals over prompts; a line marks the overall rate.

    Args:
        ax: Axes to draw on.
        data: Items with `drafter`, `overall` and `alpha`, a list of `domain`, `prompts`, `alpha`, `low`, `high` (the
            last two None for a domain of one prompt).
    """
    domains = list(dict.fromkeys(row["domain"] for item in data for row in item["alpha"]))
    order = {domain: i for i, domain in enumerate(sorted(domains, key=lambda d: -_mean(data, d)))}
    for i, (item, colour) in enumerate(zip(data, CYCLE * len(data), strict=False)):
        shift = 0.5 * ((i + 0.5) / len(data) - 0.5)
        y = np.array([order[row["domain"]] + shift for row in item["alpha"]])
        alpha = [row["alpha"] for row in item["alpha"]]
        bars = [
            [0.0 if row[side] is None else max(sign * (row[side] - row["alpha"]), 0.0) for row in item["alpha"]]
            for side, sign in (("low", -1), ("high", 1))
        ]
        ax.errorbar(alpha, y, xerr=bars, fmt="o", ms=4.5, color=colour, elinewidth=1, label=item["drafter"])
        ax.axvline(item["overall"], color=colour, lw=0.9, ls="--", alpha=0.7)
    ax.set_yticks(range(len(order)), list(order), fontsize="small")
    for line in range(len(order) - 1):
        ax.axhline(line + 0.5, color=GREY, lw=0.3, alpha=0.5)
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.set_xlabel(r"$\alpha$: share of tokens that the target would accept (dashed: all domains)")
    ax.set_ylabel("domain")
    ax.legend(title="drafter", fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(data))


def _mean(data: Sequence[Mapping], domain: str) -> float:
    values = [row["alpha"] for item in data for row in item["alpha"] if row["domain"] == domain]
    return sum(values) / len(values)
