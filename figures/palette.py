"""Colours, markers and line styles of all figures, so that no series is told from another by its colour alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
BLACK = "#222222"
GREY = "#6E6E6E"
"""Those of Okabe and Ito, which colour-blind readers can tell apart, and two greys."""

CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
"""Order in which series take colours."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Order in which series take markers; with as many colours as are no multiple of it, 56 pairs are told apart."""
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Order in which series take line styles."""
MAP = "cividis"
"""Colour map of all maps: even in lightness, so it survives grey printing."""


def styles() -> Iterator[tuple[str, str]]:
    """Colour and marker of one series after another, without end."""
    return zip(cycle(CYCLE), cycle(MARKERS), strict=False)
