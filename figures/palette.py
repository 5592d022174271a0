"""Colours of all figures: those of Okabe and Ito, which colour-blind readers can tell apart."""

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
GREY = "#6E6E6E"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""Order in which series take colours."""
MAP = "cividis"
"""Colour map of all maps: even in lightness, so it survives grey printing."""
