"""Artefacts that draw one figure from finished numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.model import InputError
from figures import style
from figures.figure import Figure
from figures.report.artefacts import Artefact, Build


def drawing(name: str, data: Callable[[Build], Any], figure: Figure, inputs: tuple[str, ...] = ()) -> Artefact:
    """An artefact that draws what a function finds; a failure where it finds nothing.

    Args:
        name: Of the artefact; its files are called like it, with underscores.
        data: Finds what is drawn, in the results folder or within seconds.
        figure: How it is drawn, and what it is called.
        inputs: Artefacts that must be built before.
    """
    stem = name.replace("-", "_")

    def build(run: Build) -> None:
        found = data(run)
        if found is None or (isinstance(found, list) and not found):
            raise InputError(name, "the files have nothing to draw")
        with style.figure(*figure.size_of(found)) as canvas:
            figure.put_on(canvas, found)
            style.save(canvas, run.path(stem))

    return Artefact(name, inputs, (f"{stem}.png", f"{stem}.pdf"), build, title=figure.title, caption=figure.caption)
