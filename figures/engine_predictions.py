"""Speedups that others measured against what theory predicts, by the textbook and with costs from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.palette import GREY, styles
from figures.style import DOUBLE

TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 5)
BAND = 0.05


def panels(fig: Canvas, data: Sequence[Mapping[str, Any]]) -> None:
    """Draw one panel per kind of prediction, one mark per cell, a colour and a marker per study.

    Args:
        fig: Figure to draw on.
        data: Items with `title` and `points`, each with `study`, `measured` and `predicted`.
    """
    values = [point[key] for item in data for point in item["points"] for key in ("measured", "predicted")]
    limits = min(values) / 1.1, max(values) * 1.1
    axes = fig.subplots(1, len(data), squeeze=False)[0]
    for ax, item in zip(axes, data, strict=True):
        _draw(ax, item, limits)
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)


def _draw(ax: Axes, item: Mapping[str, Any], limits: tuple[float, float]) -> None:
    low, high = limits
    ax.plot([low, high], [low, high], color=GREY, lw=0.8, zorder=1)
    below, above = ([(1 + sign * BAND) * low, (1 + sign * BAND) * high] for sign in (-1, 1))
    ax.fill_between([low, high], below, above, color=GREY, alpha=0.25, lw=0)
    studies = dict.fromkeys(point["study"] for point in item["points"])
    for study, (colour, marker) in zip(studies, styles(), strict=False):
        mine = [point for point in item["points"] if point["study"] == study]
        ax.plot(
            [point["measured"] for point in mine],
            [point["predicted"] for point in mine],
            ls="none",
            marker=marker,
            ms=4.5,
            mew=0.4,
            mec="white",
            color=colour,
            label=study,
            zorder=3,
        )
    ax.set_title(item["title"], loc="left")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = [tick for tick in TICKS if low <= tick <= high]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_xlabel("measured speedup")
    ax.set_ylabel("predicted speedup")


FIGURE = Figure(
    "Other people's GPUs: predicted against measured",
    "One mark per cell; the band is +-5 %. Left one alpha and a cost from a textbook; right the same cells with what "
    "the engine counted, and with costs measured elsewhere: on the other benchmark, in other workloads, or of the "
    "other copier.",
    (DOUBLE, 3.9),
    panels=panels,
)
