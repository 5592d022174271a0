"""The optimum's neighbourhood: predicted EWIF over two draft lengths, with what was measured there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from figures.palette import MAP, VERMILION


def draw(ax, data: Mapping) -> None:
    """Draw the map, its greatest value, and each measured cascade as a number where it lies.

    Args:
        ax: Axes to draw on.
        data: `labels` (first and second drafter), `ewif[i][j]` at i tokens of the first followed by j of the second,
            and `measured`, a list of `first`, `second` and `speedup`.
    """
    ewif = np.asarray(data["ewif"])
    image = ax.imshow(ewif.T, origin="lower", aspect="auto", cmap=MAP)
    bar = ax.figure.colorbar(image, ax=ax)
    bar.set_label("predicted EWIF")
    best = np.unravel_index(int(ewif.argmax()), ewif.shape)
    ax.plot(
        *best,
        marker="s",
        ms=17,
        mfc="none",
        mec=VERMILION,
        mew=1.8,
        ls="none",
        label=f"best predicted, {ewif.max():.2f}",
    )
    middle = (ewif.min() + ewif.max()) / 2
    for point in data["measured"]:
        colour = "black" if ewif[point["first"], point["second"]] > middle else "white"
        ax.annotate(
            f"{point['speedup']:.2f}",
            (point["first"], point["second"]),
            color=colour,
            ha="center",
            va="center",
            fontsize="x-small",
        )
    ax.set_xticks(range(ewif.shape[0]))
    ax.set_yticks(range(ewif.shape[1]))
    ax.set_xlabel(f"tokens drafted by {data['labels'][0]}, first")
    ax.set_ylabel(f"tokens drafted by {data['labels'][1]}, after them")
    ax.set_title("numbers: measured speedup", loc="left", fontsize="small")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize="small")
