"""What dependence and heterogeneity cost, at equal mean acceptance."""

from __future__ import annotations

import textwrap
from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import GREY, styles
from figures.style import SINGLE


def draw(ax: Axes, data: Any) -> None:
    """Draw the change of EWIF by process, one marker per cascade.

    Args:
        ax: Axes to draw on.
        data: Rows with `cascade`, `process`, `change` (a share of EWIF) and `half_width`.
    """
    processes = list(dict.fromkeys(row["process"] for row in data))
    cascades = list(dict.fromkeys(row["cascade"] for row in data))
    for i, (cascade, (colour, marker)) in enumerate(zip(cascades, styles(), strict=False)):
        rows = [row for row in data if row["cascade"] == cascade]
        ax.errorbar(
            [100 * row["change"] for row in rows],
            [processes.index(row["process"]) + 0.2 * (i - (len(cascades) - 1) / 2) for row in rows],
            xerr=[100 * row["half_width"] for row in rows],
            fmt=marker,
            color=colour,
            ms=4.5,
            capsize=2,
            label=cascade,
        )
    ax.axvline(0, color=GREY, lw=1)
    ax.set_yticks(range(len(processes)), [textwrap.fill(process, 22) for process in processes])
    ax.invert_yaxis()
    ax.margins(x=0.08)
    ax.set_xlabel("change of EWIF (%)")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    ax.grid(axis="x", color="0.9", lw=0.6)
    ax.set_axisbelow(True)


FIGURE = Figure(
    "What heterogeneity and dependence cost",
    "Change of EWIF against independent acceptance of the same mean. Prompts differ: the target's alpha is Beta(8, 2) "
    "distributed over prompts (mean .8, standard deviation .12), and prompts have equal cycles or equal tokens. Hard "
    "places: 3 in 8 places of the text are hard, where every acceptance is .25 lower, the others easy, where it is .15 "
    "higher; autocorrelation is the correlation of neighbouring places: 0 scatters them, .307 is what was measured "
    "along texts (pramodjella/speculative-decoding-draft-length-audit), .9 makes long runs.",
    (SINGLE, 2.9),
    draw,
)
