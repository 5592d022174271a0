"""Artefacts that draw one figure from finished numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.model import InputError
from figures import style
from figures.report.artefacts import Artefact, Run

Draw = Callable[[Any, Any], None]
Size = tuple[float, float]


def drawing(
    name: str,
    data: Callable[[Run], Any],
    draw: Draw | None = None,
    size: Size | Callable[[Any], Size] = (6.4, 4.0),
    inputs: tuple[str, ...] = (),
    panels: Draw | None = None,
) -> Artefact:
    """An artefact that draws what a function finds; a failure where it finds nothing.

    Args:
        name: Of the artefact; its files are called like it, with underscores.
        data: Finds what is drawn, in the results folder or within seconds.
        draw: Draws it on axes.
        size: Width and height in inches, or makes them from the data.
        inputs: Artefacts that must be built before.
        panels: Draws it on a whole figure, instead of `draw`.
    """
    stem = name.replace("-", "_")

    def build(run: Run) -> None:
        found = data(run)
        if found is None or (isinstance(found, list) and not found):
            raise InputError(name, "the files have nothing to draw")
        with style.figure(*(size(found) if callable(size) else size)) as fig:
            if panels is not None:
                panels(fig, found)
            elif draw is not None:
                draw(fig.subplots(), found)
            style.save(fig, run.path(stem))

    return Artefact(name, inputs, (f"{stem}.png", f"{stem}.pdf"), build)
