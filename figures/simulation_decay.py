"""EWIF against the draft length where acceptance decays with position."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import GREY, styles
from figures.style import SINGLE


def draw(ax: Axes, data: Any) -> None:
    """Draw one curve per decay rate, with 95 % intervals.

    Args:
        ax: Axes to draw on.
        data: `lengths`, `initial`, `cost`, and `curves`: by decay rate, (EWIF, half width) at every length.
    """
    for (decay, points), (colour, marker) in zip(data["curves"].items(), styles(), strict=False):
        ewif = [point[0] for point in points]
        half = [point[1] for point in points]
        ax.errorbar(
            data["lengths"],
            ewif,
            yerr=half,
            color=colour,
            marker=marker,
            ms=3,
            lw=1.2,
            capsize=1.5,
            label=f"{decay:g}",
        )
        best = max(range(len(ewif)), key=ewif.__getitem__)
        ax.plot(data["lengths"][best], ewif[best], marker="o", ms=8, mfc="none", mec=colour)
    ax.axhline(1, color=GREY, lw=0.9, ls=":")
    ax.set_xlabel("drafted tokens $k$")
    ax.set_ylabel(f"EWIF (first hazard {data['initial']:g}, $c$ = {data['cost']:g})")
    ax.legend(title="decay per position (ring: best $k$)", loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)


FIGURE = Figure(
    "When acceptance decays with position",
    "Hazard 0.9 times the decay rate to the power of the position, simulated; the dotted line is autoregressive "
    "decoding.",
    (SINGLE, 2.9),
    draw,
)
