"""EWIF of speculative decoding against the draft length k."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from figures.palette import CYCLE, GREY

_MARKERS = ("o", "s", "^", "D", "v", "P")


def draw(ax, data: Sequence) -> None:
    """Draw one curve a drafter, its best draft length marked.

    Args:
        ax: Axes to draw on.
        data: Items with `label`, `alpha`, `c`, `ewif` (by draft length from 0) and `best_k`.
    """
    for curve, colour, marker in zip(data, CYCLE * len(data), _MARKERS * len(data), strict=False):
        k = np.arange(len(curve.ewif))
        label = f"{curve.label}: $\\alpha$ = {curve.alpha:g}, $c$ = {curve.c:g}, best $k$ = {curve.best_k}"
        ax.plot(k, curve.ewif, color=colour, lw=1.6, marker=marker, ms=3.5, markevery=2, label=label)
        ax.plot(curve.best_k, curve.ewif[curve.best_k], marker=marker, ms=9, mfc="none", mec=colour, mew=1.6, ls="none")
    ax.axhline(1, color=GREY, lw=0.9, ls="--")
    ax.annotate(
        "autoregressive",
        (1, 1),
        xytext=(-4, -4),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="top",
        color=GREY,
        fontsize="small",
    )
    ax.set_xlim(0, max(len(curve.ewif) for curve in data) - 1)
    top = max(float(np.max(curve.ewif)) for curve in data)
    ax.set_ylim(min(0.7, min(float(np.min(curve.ewif)) for curve in data)), top * 1.32)
    ax.set_xlabel("draft length $k$ (tokens)")
    ax.set_ylabel("EWIF (autoregressive = 1)")
    ax.legend(loc="upper right", frameon=False, fontsize="small")
