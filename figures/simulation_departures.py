"""What dependence and heterogeneity cost, at equal mean acceptance."""

from __future__ import annotations

from figures.palette import CYCLE, GREY

MARKERS = "os^"


def draw(ax, data) -> None:
    """Draw the change of EWIF by process, one marker a cascade.

    Args:
        ax: Axes to draw on.
        data: Rows with `cascade`, `process`, `change` (a share of EWIF) and `half_width`.
    """
    processes = list(dict.fromkeys(row["process"] for row in data))
    cascades = list(dict.fromkeys(row["cascade"] for row in data))
    for i, (cascade, colour, marker) in enumerate(zip(cascades, CYCLE, MARKERS, strict=False)):
        rows = [row for row in data if row["cascade"] == cascade]
        ax.errorbar(
            [100 * row["change"] for row in rows],
            [processes.index(row["process"]) + 0.16 * (i - (len(cascades) - 1) / 2) for row in rows],
            xerr=[100 * row["half_width"] for row in rows],
            fmt=marker,
            color=colour,
            ms=6,
            capsize=3,
            label=cascade,
        )
    ax.axvline(0, color=GREY, lw=1)
    ax.set_yticks(range(len(processes)), processes)
    ax.invert_yaxis()
    ax.set_xlabel("change of EWIF against independent acceptance (%)")
    ax.legend(frameon=False, loc="best", fontsize="small")
    ax.grid(axis="x", color="0.9", lw=0.6)
    ax.set_axisbelow(True)
