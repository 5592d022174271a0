"""A figure as one value: its title, caption, printed size, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib import figure as mpl

Draw = Callable[[Any, Any], None]
Size = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """What a figure's module offers to whoever lists figures.

    Attributes:
        title: Its heading in a report.
        caption: What the reader should know of it.
        size: Width and height in inches, as printed, or a function that makes them from the data.
        draw: Draws data on axes.
        panels: Draws data on a whole figure, instead of `draw`.
    """

    title: str
    caption: str
    size: Size | Callable[[Any], Size]
    draw: Draw | None = None
    panels: Draw | None = None

    def __post_init__(self) -> None:
        if (self.draw is None) == (self.panels is None):
            raise TypeError("a figure takes either draw or panels")

    def size_of(self, data: Any) -> Size:
        """Width and height of the figure of this data, in inches."""
        return self.size(data) if callable(self.size) else self.size

    def put_on(self, canvas: mpl.Figure, data: Any) -> None:
        """Draw the data on an empty canvas."""
        if self.panels is not None:
            self.panels(canvas, data)
        elif self.draw is not None:
            self.draw(canvas.subplots(), data)
