"""Predicted against measured speedups, one rung of the prediction ladder per panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from figures.figure import Figure
from figures.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, styles
from figures.style import DOUBLE, SINGLE, grid, plain

FAMILIES = {
    "autoregressive": (GREY, "x"),
    "speculative": (BLUE, "o"),
    "maxgram": (VERMILION, "s"),
    "vertical": (GREEN, "^"),
    "horizontal": (PURPLE, "D"),
    "full": (ORANGE, "P"),
    "optimum": (BLACK, "*"),
    "bad": (SKY, "v"),
}
"""Colour and marker by family of cascades; others take what follows in the palette."""

TICKS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 50)
MOST_TICKS = 9


def draw(ax: Axes, rows: Sequence[Mapping[str, Any]], rung: str, limits: tuple[float, float]) -> None:
    """Draw every cascade of a rung with both intervals, the line of perfect prediction and a band of +-5 %.

    Args:
        ax: Axes to draw on.
        rows: Of a ladder: `name`, `family`, `measured` and `predicted[rung]`, each with `speedup`, `low` and `high`.
        rung: Which prediction.
        limits: Least and greatest speedup shown, the same on both axes.
    """
    low, high = limits
    ax.plot([low, high], [low, high], color=GREY, lw=0.8, zorder=1)
    ax.fill_between([low, high], [0.95 * low, 0.95 * high], [1.05 * low, 1.05 * high], color=GREY, alpha=0.25, lw=0)
    shown = [row for row in rows if rung in row["predicted"]]
    for family, (colour, marker) in styles_of(rows).items():
        mine = [row for row in shown if row["family"] == family]
        if not mine:
            continue
        points = [(row["measured"], row["predicted"][rung]) for row in mine]
        ax.errorbar(
            [m["speedup"] for m, _ in points],
            [p["speedup"] for _, p in points],
            xerr=[_side([m for m, _ in points], side) for side in ("low", "high")],
            yerr=[_side([p for _, p in points], side) for side in ("low", "high")],
            fmt=marker,
            ms=7 if marker == "*" else 4.5,
            color=colour,
            mew=1.1 if marker == "x" else 0.4,
            mec=colour if marker == "x" else "white",
            elinewidth=0.5,
            label=plain(family),
            zorder=3,
        )
    errors = sorted(abs(row["predicted"][rung]["speedup"] / row["measured"]["speedup"] - 1) for row in shown)
    middle = len(errors) // 2
    median = (errors[middle] + errors[~middle]) / 2 if errors else float("nan")
    ax.set_title(f"{plain(rung)}: median |error| {100 * median:.1f} %", loc="left")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = ticks_between(low, high)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
        axis.set_ticks([], minor=True)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_xlabel("measured speedup")
    ax.set_ylabel("predicted speedup")
    ax.axhline(1, color=GREY, lw=0.5, ls=":", zorder=0)
    ax.axvline(1, color=GREY, lw=0.5, ls=":", zorder=0)


def panels(fig: Canvas, found: Mapping[str, Any]) -> None:
    """Draw a whole ladder, one panel per rung with equal axes, and one legend.

    Args:
        fig: Figure to draw on.
        found: `rungs`, whose keys are drawn in their order, and `cascades`, rows as for `draw`.
    """
    lines, columns = grid(len(found["rungs"]))
    axes = fig.subplots(lines, columns, squeeze=False).ravel()
    limits = limits_of(found["cascades"])
    entries: dict[str, Any] = {}
    for ax, rung in zip(axes, found["rungs"], strict=False):
        draw(ax, found["cascades"], rung, limits)
        handles, labels = ax.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    for ax in axes[len(found["rungs"]) :]:
        ax.set_axis_off()
    fig.legend(list(entries.values()), list(entries), loc="outside upper center", ncols=4 if columns == 2 else 3)


def size_of(found: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height of the figure of a ladder, in inches."""
    lines, columns = grid(len(found["rungs"]))
    return (DOUBLE if columns == 2 else SINGLE), 3.1 * lines + 0.4


def styles_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every family of the rows, no two the same."""
    families = list(dict.fromkeys(row["family"] for row in rows))
    free = (style for style in styles() if style not in FAMILIES.values())
    return {family: FAMILIES[family] if family in FAMILIES else next(free) for family in families}


def ticks_between(low: float, high: float) -> list[float]:
    """Round numbers between two speedups, so few that their labels stand apart on an axis of three inches."""
    ticks = [t for t in TICKS if low <= t <= high]
    if len(ticks) < 3:
        return [float(t) for t in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= t <= high]
    every = -(-len(ticks) // MOST_TICKS)
    kept = ticks.index(1) % every if 1 in ticks else 0
    return ticks[kept::every]


def _side(values: Sequence[Mapping[str, Any]], side: str) -> list[float]:
    """Lengths of the error bars; a bootstrap interval need not hold its estimate."""
    sign = 1 if side == "high" else -1
    return [max(sign * (value[side] - value["speedup"]), 0.0) for value in values]


def limits_of(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Least and greatest speedup of all rungs and of all their intervals, with room around."""
    shown = [entry for row in rows for entry in (row["measured"], *row["predicted"].values())]
    values = [entry[key] for entry in shown for key in ("speedup", "low", "high") if entry[key] > 0]
    room = max((max(values) / min(values)) ** 0.03, 1.04)
    return min(values) / room, max(values) * room


FIGURE = Figure(
    "Predicted against measured",
    "One panel per rung, one mark per cascade, by family; the band is +-5 %. Bars are 95 % intervals. A replay of the "
    "same prompts knows the measured texts: it tells how much of the error is that prompts differ.",
    size_of,
    panels=panels,
)
