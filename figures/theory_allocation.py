"""EWIF by the allocation of the draft between two drafters, as a map."""

from __future__ import annotations

import numpy as np

from figures.palette import MAP, VERMILION


def draw(ax, data) -> None:
    """Draw the map with its optimum and, where there is one, the published choice.

    Args:
        ax: Axes to draw on; a colour bar is put beside it.
        data: `labels`, `alphas`, `costs`, `ewif` (by k1, k2), `best` and `published`.
    """
    extent = (-0.5, data.ewif.shape[1] - 0.5, -0.5, data.ewif.shape[0] - 0.5)
    image = ax.imshow(data.ewif, origin="lower", aspect="auto", extent=extent, cmap=MAP)
    best = float(data.ewif.max())
    levels = best * np.array([0.8, 0.9, 0.95, 0.98, 0.99])
    lines = ax.contour(data.ewif, levels=levels, colors="black", linewidths=0.7)
    ax.clabel(lines, fmt=lambda value: f"{value / best:.0%}", fontsize=7)
    ax.plot(
        data.best[1],
        data.best[0],
        marker="*",
        ms=14,
        mfc=VERMILION,
        mec="white",
        ls="none",
        label=f"best: {data.best[0]} + {data.best[1]}, EWIF {best:.3f}",
    )
    if data.published is not None:
        k1, k2 = data.published
        ax.plot(
            k2,
            k1,
            marker="o",
            ms=9,
            mfc="none",
            mec="black",
            mew=1.8,
            ls="none",
            label=f"published: {k1} + {k2}, EWIF {data.ewif[k1, k2]:.3f}",
        )
    names = [
        f"{label} drafter\n($\\alpha$ = {alpha:g}, $c$ = {cost:.2g})"
        for label, alpha, cost in zip(data.labels, data.alphas, data.costs, strict=True)
    ]
    ax.set_ylabel(f"$k_1$ tokens of the {names[0]}")
    ax.set_xlabel(f"then $k_2$ tokens of the {names[1]}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2, frameon=False, fontsize="small")
    ax.figure.colorbar(image, ax=ax, label="EWIF (autoregressive = 1)")
