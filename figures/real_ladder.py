"""Predicted against measured speedups, one rung of the prediction ladder a panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from figures.palette import BLUE, CYCLE, GREY
from figures.style import grid

MARKERS = {
    "autoregressive": "x",
    "speculative": "o",
    "maxgram": "s",
    "vertical": "^",
    "horizontal": "D",
    "full": "P",
    "optimum": "*",
    "bad": "v",
}
"""Marker by family of cascades; others are crosses."""


def draw(ax, rows: Sequence[Mapping], rung: str, limits: tuple[float, float]) -> None:
    """Draw every cascade of a rung with both intervals, the line of perfect prediction and a band of +-5 %.

    Args:
        ax: Axes to draw on.
        rows: Of a ladder: `name`, `family`, `measured` and `predicted[rung]`, each with `speedup`, `low` and `high`.
        rung: Which prediction.
        limits: Least and greatest speedup shown, the same on both axes.
    """
    low, high = limits
    ax.plot([low, high], [low, high], color=GREY, lw=1, zorder=1)
    ax.fill_between([low, high], [0.95 * low, 0.95 * high], [1.05 * low, 1.05 * high], color=GREY, alpha=0.18, lw=0)
    shown = [row for row in rows if rung in row["predicted"]]
    families = dict.fromkeys(row["family"] for row in rows)
    for family, colour in zip(families, CYCLE * len(families), strict=False):
        mine = [row for row in shown if row["family"] == family]
        if not mine:
            continue
        points = [(row["measured"], row["predicted"][rung]) for row in mine]
        ax.errorbar(
            [m["speedup"] for m, _ in points],
            [p["speedup"] for _, p in points],
            xerr=[_side([m for m, _ in points], side) for side in ("low", "high")],
            yerr=[_side([p for _, p in points], side) for side in ("low", "high")],
            fmt=MARKERS.get(family, "x"),
            ms=6 if family != "optimum" else 9,
            color=colour,
            mew=1.2 if family == "autoregressive" else 0.5,
            mec=colour if family == "autoregressive" else "white",
            elinewidth=0.7,
            label=family,
            zorder=3,
        )
    errors = sorted(abs(row["predicted"][rung]["speedup"] / row["measured"]["speedup"] - 1) for row in shown)
    middle = len(errors) // 2
    median = (errors[middle] + errors[~middle]) / 2 if errors else float("nan")
    ax.set_title(f"{rung}: median |error| {100 * median:.1f} %", loc="left", fontsize="medium")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12) if low <= t <= high]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
        axis.set_ticks([], minor=True)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_xlabel("measured speedup")
    ax.set_ylabel("predicted speedup")
    ax.axhline(1, color=BLUE, lw=0.5, ls=":", zorder=0)
    ax.axvline(1, color=BLUE, lw=0.5, ls=":", zorder=0)


def panels(fig, found: Mapping) -> None:
    """Draw a whole ladder, a panel a rung with equal axes, and one legend.

    Args:
        fig: Figure to draw on.
        found: `rungs`, whose keys are drawn in their order, and `cascades`, rows as for `draw`.
    """
    lines, columns = grid(len(found["rungs"]))
    axes = fig.subplots(lines, columns, squeeze=False).ravel()
    limits = limits_of(found["cascades"])
    for ax, rung in zip(axes, found["rungs"], strict=False):
        draw(ax, found["cascades"], rung, limits)
    for ax in axes[len(found["rungs"]) :]:
        ax.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=4, fontsize="small")


def size_of(found: Mapping) -> tuple[float, float]:
    """Width and height of the figure of a ladder, in inches."""
    lines, columns = grid(len(found["rungs"]))
    return 4.0 * columns + 0.3, 3.9 * lines + 0.5


def _side(values: Sequence[Mapping], side: str) -> list[float]:
    """Lengths of the error bars; a bootstrap interval need not hold its estimate."""
    sign = 1 if side == "high" else -1
    return [max(sign * (value[side] - value["speedup"]), 0.0) for value in values]


def limits_of(rows: Sequence[Mapping]) -> tuple[float, float]:
    """Least and greatest speedup of all rungs, with room around."""
    values = [row["measured"]["speedup"] for row in rows]
    values += [predicted["speedup"] for row in rows for predicted in row["predicted"].values()]
    return 0.9 * min(values), 1.1 * max(values)
