"""Survival of drafted tokens by position, as recorded and as simple laws have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from figures.palette import BLUE, GREEN, GREY, ORANGE, VERMILION
from figures.style import grid

LAWS = {"beta": ("alpha Beta over prompts", GREEN), "chain": ("hidden chain along the text", ORANGE)}
LEAST_SHOWN = 1e-3
"""Survival below which nothing is drawn: too few drafts got there."""


def draw(ax, curve: Mapping) -> None:
    """Draw one drafter: recorded survival with its band, every domain in grey, and the fitted laws.

    Args:
        ax: Axes to draw on.
        curve: `drafter`; `all` with `survival`, `low`, `high`, `constant` and `constant_survival`; `categories`, each
            with `survival`; `fits`, each with `survival`. What is unknown is None.
    """
    whole = curve["all"]
    x = np.arange(1, len(whole["survival"]) + 1)
    for i, domain in enumerate(curve["categories"].values()):
        label = "one domain each" if i == 0 else None
        ax.plot(x, _shown(domain["survival"]), color=GREY, lw=0.6, alpha=0.5, label=label)
    low, high = (np.maximum(np.asarray(whole[key], dtype=float), LEAST_SHOWN) for key in ("low", "high"))
    ax.fill_between(x, low, high, color=BLUE, alpha=0.2, lw=0)
    ax.plot(x, _shown(whole["survival"]), color=BLUE, lw=1.8, marker="o", ms=3, label="recorded, 95 % over prompts")
    ax.plot(
        x,
        _shown(whole["constant_survival"]),
        color=VERMILION,
        lw=1.5,
        ls="--",
        label=f"constant hazard {whole['constant']:.2f}",
    )
    for key, (label, colour) in LAWS.items():
        if key in curve["fits"]:
            ax.plot(x, _shown(curve["fits"][key]["survival"]), color=colour, lw=1.4, ls="-.", label=label)
    ax.set_yscale("log")
    ax.set_ylim(LEAST_SHOWN, 1)
    ax.set_xlim(1, x[-1])
    ax.set_title(curve["drafter"], loc="left")
    ax.set_xlabel("position in the draft (tokens)")
    ax.set_ylabel("P(accepted up to here)")
    ax.legend(fontsize="x-small", loc="upper right")


def panels(fig, curves: Sequence[Mapping]) -> None:
    """Draw a panel a drafter.

    Args:
        fig: Figure to draw on.
        curves: As for `draw`, one or more.
    """
    axes = fig.subplots(*grid(len(curves)), squeeze=False).ravel()
    for ax, curve in zip(axes, curves, strict=False):
        draw(ax, curve)
    for ax in axes[len(curves) :]:
        ax.set_axis_off()


def size_of(curves: Sequence[Mapping]) -> tuple[float, float]:
    """Width and height of the figure of these curves, in inches."""
    lines, columns = grid(len(curves))
    return 3.9 * columns, 3.6 * lines


def _shown(survival) -> np.ndarray:
    values = np.asarray(survival, dtype=float)
    return np.where(values >= LEAST_SHOWN, values, np.nan)
