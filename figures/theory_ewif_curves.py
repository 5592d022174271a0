"""EWIF of speculative decoding against the draft length k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures.figure import Figure
from figures.palette import GREY, styles
from figures.style import SINGLE, SMALL


def draw(ax: Axes, data: Sequence[Any]) -> None:
    """Draw one curve per drafter, its best draft length marked.

    Args:
        ax: Axes to draw on.
        data: Items with `label`, `alpha`, `c`, `ewif` (by draft length from 0) and `best_k`.
    """
    for curve, (colour, marker) in zip(data, styles(), strict=False):
        k = np.arange(len(curve.ewif))
        label = f"{curve.label}: $\\alpha$ = {curve.alpha:g}, $c$ = {curve.c:g}, best $k$ = {curve.best_k}"
        ax.plot(k, curve.ewif, color=colour, lw=1.2, marker=marker, ms=3, markevery=(0, 2), label=label)
        ax.plot(curve.best_k, curve.ewif[curve.best_k], marker=marker, ms=8, mfc="none", mec=colour, mew=1.3, ls="none")
    ax.axhline(1, color=GREY, lw=0.9, ls="--")
    ax.annotate(
        "autoregressive",
        (1, 1),
        xytext=(-4, -3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="top",
        color=GREY,
        fontsize=SMALL,
    )
    ax.set_xlim(-0.8, max(len(curve.ewif) for curve in data) - 0.2)
    ax.set_ylim(min(0.7, min(float(np.min(curve.ewif)) for curve in data) - 0.1))
    ax.set_xlabel("draft length $k$ (tokens)")
    ax.set_ylabel("EWIF (autoregressive = 1)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0))


FIGURE = Figure(
    "EWIF against draft length",
    "Exact EWIF of speculative decoding with the English-German drafters of Leviathan et al. (arXiv 2211.17192).",
    (SINGLE, 2.8),
    draw,
)
