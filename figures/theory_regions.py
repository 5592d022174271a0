"""Where a second drafter pays: maps of the gain with the exact boundary, for a vertical and a horizontal step."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patheffects import withStroke

from figures.figure import Figure
from figures.palette import MAP, ORANGE, VERMILION
from figures.style import SINGLE, SMALL


def draw_vertical(ax: Axes, data: Any) -> None:
    """Draw where reviewing rounds of a second drafter beats the first drafter alone.

    Args:
        ax: Axes to draw on; a colour bar is put beside it.
        data: `alpha`, `c1`, `inner`, `c2`, `gain` (by c2, inner) and `boundary` (by inner).
    """
    _map(ax, data, "gain over the first drafter alone (%)")
    _line(ax, data.inner, data.boundary, VERMILION, "-", "exact boundary")
    _legend(ax, data)
    _words(ax, 0.72, 0.36, "vertical step\npays", on_map=True)
    _words(ax, 0.22, 0.62, "first drafter\nalone is better")
    ax.set_xlabel(r"$\alpha'$: acceptance of the second by the first")


def draw_horizontal(ax: Axes, data: Any) -> None:
    """Draw where appending a second drafter beats either drafter alone.

    Args:
        ax: Axes to draw on; a colour bar is put beside it.
        data: As for `draw_vertical`, with `lower` (by inner), the boundary to the second drafter alone.
    """
    _map(ax, data, "gain over the better single drafter (%)")
    _line(ax, data.inner, data.boundary, VERMILION, "-", "exact boundary: pays beside the first")
    shown = data.lower > 0
    first = max(int(np.argmax(shown)) - 1, 0)
    _line(ax, data.inner[first:], data.lower[first:], ORANGE, "--", "exact boundary: pays beside the second")
    _legend(ax, data)
    _words(ax, 0.69, 0.33, "horizontal step\npays", on_map=True)
    _words(ax, 0.22, 0.62, "first drafter\nalone is better")
    _words(ax, 0.958, 0.16, "second alone", rotation=90)
    ax.set_xlabel(r"$\alpha_2$: acceptance of the second by the target")


def _map(ax: Axes, data: Any, gain: str) -> None:
    shown = np.where(data.gain > 1, 100 * (data.gain - 1), np.nan)
    extent = (data.inner[0], data.inner[-1], data.c2[0], data.c2[-1])
    image = ax.imshow(
        shown, origin="lower", aspect="auto", extent=extent, cmap=MAP, norm=PowerNorm(0.5, 0, float(np.nanmax(shown)))
    )
    ax.set_facecolor("#d9d9d9")
    ax.figure.colorbar(image, ax=ax, label=gain, location="bottom", aspect=35)
    ax.set_xlim(data.inner[0], data.inner[-1])
    ax.set_ylim(data.c2[0], data.c2[-1])
    ax.set_ylabel("$c_2$: cost of a token of the second drafter\n(one-token target calls)")


def _line(ax: Axes, x: Any, y: Any, colour: str, style: str, label: str) -> None:
    edge = [withStroke(linewidth=3, foreground="white")]
    ax.plot(x, y, color=colour, lw=1.8, ls=style, label=label, path_effects=edge)


def _legend(ax: Axes, data: Any) -> None:
    title = rf"first drafter: $\alpha$ = {data.alpha:g}, $c_1$ = {data.c1:g}"
    ax.legend(title=title, loc="lower left", bbox_to_anchor=(0, 1.0), alignment="left")


def _words(ax: Axes, x: float, y: float, text: str, *, on_map: bool = False, rotation: float = 0) -> None:
    colour = "white" if on_map else "black"
    ax.text(
        x, y, text, transform=ax.transAxes, ha="center", va="center", color=colour, rotation=rotation, fontsize=SMALL
    )


VERTICAL = Figure(
    "Where a vertical step pays",
    "Best EWIF with the second drafter below the first, over the best without it.",
    (SINGLE, 3.3),
    draw_vertical,
)
HORIZONTAL = Figure(
    "Where a horizontal step pays",
    "Best EWIF with the second drafter's tokens after the first's, over the best of either alone.",
    (SINGLE, 3.5),
    draw_horizontal,
)
