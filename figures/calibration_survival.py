"""Survival of drafted tokens by position, as recorded and as simple laws have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.palette import BLUE, GREEN, GREY, ORANGE, VERMILION
from figures.style import DOUBLE, SINGLE, grid, short

LAWS = {"beta": ("alpha Beta over prompts", GREEN, "-."), "chain": ("hidden chain along the text", ORANGE, ":")}
LEAST_SHOWN = 1e-3
"""Survival below which nothing is drawn: too few drafts got there."""


def draw(ax: Axes, curve: Mapping[str, Any], numbers: Mapping[str, int] | None = None) -> None:
    """Draw one drafter: recorded survival with its band, every domain in grey with its number, and the fitted laws.

    Args:
        ax: Axes to draw on.
        curve: `drafter`; `all` with `survival`, `low`, `high`, `constant` and `constant_survival`; `categories`, each
            with `survival`; `fits`, each with `survival`. What is unknown is None.
        numbers: Of every domain; from 1 in their order without it.
    """
    whole = curve["all"]
    x = np.arange(1, len(whole["survival"]) + 1)
    numbers = numbers or numbered([curve])
    for domain, found in curve["categories"].items():
        number = numbers[domain]
        values = _shown(found["survival"])
        ax.plot(
            x,
            values,
            color=GREY,
            lw=0.6,
            marker=f"${number}$",
            ms=4.5 if number < 10 else 7,
            mew=0.3,
            markevery=(number % 4 + 1, 5),
            label=f"{short(domain)}",
        )
    low, high = (np.maximum(np.asarray(whole[key], dtype=float), LEAST_SHOWN) for key in ("low", "high"))
    ax.fill_between(x, low, high, color=BLUE, alpha=0.2, lw=0)
    recorded = "recorded, 95 % over prompts"
    ax.plot(x, _shown(whole["survival"]), color=BLUE, lw=1.5, marker="o", ms=2.5, label=recorded)
    ax.plot(x, _shown(whole["constant_survival"]), color=VERMILION, lw=1.3, ls="--", label="constant hazard")
    for key, (label, colour, line) in LAWS.items():
        if key in curve["fits"]:
            ax.plot(x, _shown(curve["fits"][key]["survival"]), color=colour, lw=1.4, ls=line, label=label)
    ax.set_yscale("log")
    ax.set_ylim(0.7 * LEAST_SHOWN, 1.4)
    ax.set_xlim(0.3, x[-1] + 0.7)
    ax.set_title(f"{short(curve['drafter'], 22)}, constant hazard {whole['constant']:.2f}", loc="left")
    ax.set_xlabel("position in the draft (tokens)")
    ax.set_ylabel("P(accepted up to here)")


def panels(fig: Canvas, curves: Sequence[Mapping[str, Any]]) -> None:
    """Draw one panel per drafter, and one legend.

    Args:
        fig: Figure to draw on.
        curves: As for `draw`, one or more.
    """
    axes = fig.subplots(*grid(len(curves)), squeeze=False).ravel()
    numbers = numbered(curves)
    entries: dict[str, Any] = {}
    for ax, curve in zip(axes, curves, strict=False):
        draw(ax, curve, numbers)
        handles, labels = ax.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    for ax in axes[len(curves) :]:
        ax.set_axis_off()
    laws = [label for label in entries if label not in {short(domain) for domain in numbers}]
    order = [*laws, *(short(domain) for domain in numbers)]
    columns = 2 * grid(len(curves))[1]
    fig.legend([entries[label] for label in order], order, loc="outside lower center", ncols=columns)


def numbered(curves: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """A number from 1 for every domain, the same in all panels."""
    return {domain: i for i, domain in enumerate(dict.fromkeys(d for c in curves for d in c["categories"]), start=1)}


def size_of(curves: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Width and height of the figure of these curves, in inches."""
    lines, columns = grid(len(curves))
    entries = 4 + len(numbered(curves))
    return (DOUBLE if columns == 2 else SINGLE), 2.5 * lines + 0.15 * -(-entries // (2 * columns)) + 0.1


def _shown(survival: Any) -> np.ndarray[Any, Any]:
    values = np.asarray(survival, dtype=float)
    return np.where(values >= LEAST_SHOWN, values, np.nan)


FIGURE = Figure(
    "Acceptance by position",
    "P(the first tokens of a draft are all accepted), from every start of the recorded texts. A constant hazard is a "
    "straight line. Two laws bend it: alpha that differs over prompts, and hard and easy text. Numbered grey lines are "
    "the domains.",
    size_of,
    panels=panels,
)
