"""Whether a drawn figure can be printed: sizes of its text, what overlaps, and what its canvas cuts."""

from itertools import combinations, pairwise
from unittest import mock

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from figures.style import DOUBLE, SMALL

MOST_WIDTH = DOUBLE
SLACK = 1.0
"""Pixels by which boxes of text, which are larger than its letters, may touch."""


def faults(canvas):
    """What is wrong with the layout of a figure, in words; nothing where it is right."""
    renderer = FigureCanvasAgg(canvas).get_renderer()
    texts = _drawn(canvas, renderer)
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    small = [text for text in texts if text.get_fontsize() < SMALL]
    found = [f"{text.get_text()!r} has {text.get_fontsize():.1f} points" for text in small]
    width, height = canvas.bbox.width, canvas.bbox.height
    for words, box in boxes:
        if box.x0 < -SLACK or box.y0 < -SLACK or box.x1 > width + SLACK or box.y1 > height + SLACK:
            found.append(f"{words!r} is cut")
    for (first, a), (second, b) in combinations(boxes, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > SLACK and min(a.y1, b.y1) - max(a.y0, b.y0) > SLACK:
            found.append(f"{first!r} lies on {second!r}")
    for ax in canvas.axes:
        found += [f"a marker of {line.get_label()!r} is cut by the frame" for line in ax.get_lines() if _cut(ax, line)]
        if (legend := ax.get_legend()) is not None:
            box = legend.get_window_extent(renderer)
            for line in ax.get_lines():
                places = line.get_transform().transform(_data(line))
                if any(box.x0 < x < box.x1 and box.y0 < y < box.y1 for x, y in _dense(places)):
                    found.append(f"the legend lies on {line.get_label()!r}")
    return found


def _cut(ax, line):
    """Whether the frame cuts a marker whose centre it does not."""
    if line.get_marker() in ("", "None", None) or not line.get_clip_on() or not line.get_visible() or not ax.axison:
        return False
    places = line.get_transform().transform(_data(line))
    if not len(places):
        return False
    shown = places[line.get_markevery()[0] :: line.get_markevery()[1]] if line.get_markevery() else places
    radius = 0.4 * line.get_markersize() * ax.figure.dpi / 72
    box = ax.bbox
    inside = [(x, y) for x, y in shown if box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1]
    return any(min(x - box.x0, box.x1 - x, y - box.y0, box.y1 - y) < radius for x, y in inside)


def _data(line):
    return np.column_stack([np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)])


def _dense(places):
    places = places[np.isfinite(places).all(axis=1)]
    if len(places) < 2:
        return places
    steps = np.linspace(0, 1, 20)
    return np.concatenate([a + np.outer(steps, b - a) for a, b in pairwise(places)])


def _drawn(canvas, renderer):
    """Every text that drawing puts on the canvas."""
    seen = {}
    draw = Text.draw

    def recorded(text, *arguments, **options):
        if text.get_visible() and text.get_text().strip():
            seen[id(text)] = text
        return draw(text, *arguments, **options)

    with mock.patch.object(Text, "draw", recorded):
        canvas.draw(renderer)
    return list(seen.values())
