"""EWIF against the draft length where acceptance decays with position."""

from __future__ import annotations

from figures.palette import CYCLE, GREY

MARKERS = "os^Dvp"


def draw(ax, data) -> None:
    """Draw one curve a decay rate, with 95 % intervals.

    Args:
        ax: Axes to draw on.
        data: `lengths`, `initial`, `cost`, and `curves`: by decay rate, (EWIF, half width) at every length.
    """
    for (decay, points), colour, marker in zip(data["curves"].items(), CYCLE, MARKERS, strict=False):
        ewif = [point[0] for point in points]
        half = [point[1] for point in points]
        ax.errorbar(
            data["lengths"],
            ewif,
            yerr=half,
            color=colour,
            marker=marker,
            ms=4,
            lw=1.5,
            capsize=2,
            label=f"{decay:g}",
        )
        best = max(range(len(ewif)), key=ewif.__getitem__)
        ax.plot(data["lengths"][best], ewif[best], marker="o", ms=10, mfc="none", mec=colour)
    ax.axhline(1, color=GREY, lw=0.9, ls=":")
    ax.set_xlabel("drafted tokens $k$")
    ax.set_ylabel(f"EWIF (first hazard {data['initial']:g}, $c$ = {data['cost']:g})")
    ax.legend(title="decay per position (ring: best $k$)", frameon=False, ncols=2, fontsize="small")
