"""Error of the i.i.d. prediction against the spread of alpha, by weighting."""

from __future__ import annotations

from figures.palette import BLUE, GREEN, GREY, VERMILION

_STYLES = ("-", "--", ":")


def draw(ax, data) -> None:
    """Draw the error for each weighting and draft length.

    Args:
        ax: Axes to draw on.
        data: `mean_alpha`, `c`, `memory`, `deviation`, and errors by draft length `equal_cycles`, `equal_tokens`
            and `along_text`.
    """
    series = [
        ("over prompts, equal tokens each", data.equal_tokens, VERMILION, "o"),
        (f"along the text, memory {data.memory:g}", data.along_text, GREEN, "^"),
        ("over prompts, equal cycles each", data.equal_cycles, BLUE, "s"),
    ]
    for label, errors, colour, marker in series:
        for (k, error), style in zip(errors.items(), _STYLES, strict=False):
            ax.plot(
                data.deviation,
                100 * error,
                color=colour,
                ls=style,
                lw=1.7,
                marker=marker,
                ms=4,
                markevery=4,
                label=f"{label}, $k$ = {k}",
            )
    ax.axhline(0, color=GREY, lw=0.9)
    ax.text(
        0.985,
        0.955,
        "i.i.d. promises too much",
        transform=ax.transAxes,
        ha="right",
        va="top",
        color=GREY,
        fontsize="small",
    )
    ax.text(0.985, 0.03, "i.i.d. promises too little", transform=ax.transAxes, ha="right", color=GREY, fontsize="small")
    ax.set_xlim(data.deviation[0], data.deviation[-1])
    ax.margins(y=0.12)
    ax.set_xlabel(rf"standard deviation of $\alpha$ (mean {data.mean_alpha:g}, $c$ = {data.c:g})")
    ax.set_ylabel("error of the i.i.d. EWIF (%)")
    ax.legend(loc="lower left", frameon=False, fontsize="small", handlelength=3.4)
