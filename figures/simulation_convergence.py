"""A running estimate closing in on the exact EWIF."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import BLUE, GREY
from figures.style import SINGLE


def draw(ax: Axes, data: Any) -> None:
    """Draw the running estimate with its 95 % interval.

    Args:
        ax: Axes to draw on.
        data: `cycles`, `ewif` and `half_width` by batch, and the `exact` EWIF.
    """
    low = [e - h for e, h in zip(data["ewif"], data["half_width"], strict=True)]
    high = [e + h for e, h in zip(data["ewif"], data["half_width"], strict=True)]
    ax.fill_between(data["cycles"], low, high, color=BLUE, alpha=0.22, lw=0, label="95 % interval")
    ax.plot(data["cycles"], data["ewif"], color=BLUE, lw=1.2, marker="o", ms=3, label="estimate")
    ax.axhline(data["exact"], color=GREY, ls="--", lw=1.1, label=f"exact, {data['exact']:.5f}")
    ax.set_xscale("log")
    ax.set_xlim(data["cycles"][0] / 1.5, data["cycles"][-1] * 1.5)
    ax.set_xlabel("simulated cycles")
    ax.set_ylabel("EWIF")
    ax.legend(loc="upper right")


FIGURE = Figure(
    "A simulation converges",
    "A three-level cascade; the interval narrows with the square root of the cycles drawn.",
    (SINGLE, 2.3),
    draw,
)
