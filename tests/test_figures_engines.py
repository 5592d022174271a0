"""Figures of other people's engines draw the numbers they were given, and can be printed."""

from pathlib import Path

import pytest
from figure_layout import MOST_WIDTH, faults

from analysis.engines.evidence.rows import read_rows
from figures import engine_gains, engine_predictions
from figures.report.engines import BEST, CELLS, LENGTHS, gains, of_engines, predictions
from figures.style import figure

KEPT = Path(__file__).parent.parent / "results" / "engines"
DRAWN = {
    "predictions": (engine_predictions.FIGURE, lambda: predictions(read_rows(KEPT / CELLS))),
    "gains": (engine_gains.FIGURE, lambda: gains(read_rows(KEPT / LENGTHS))),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_figure_of_the_kept_rows_can_be_printed(name):
    described, make = DRAWN[name]
    data = make()
    with figure(*described.size_of(data)) as canvas:
        described.put_on(canvas, data)
        canvas.draw_without_rendering()
        assert faults(canvas) == []
    assert described.size_of(data)[0] <= MOST_WIDTH


def test_every_measured_cell_is_drawn_by_the_textbook_and_by_costs_from_elsewhere():
    kept = [row for row in read_rows(KEPT / CELLS) if row["kind"] == "cell" and row["study"] in BEST]
    panels = predictions(kept)
    with figure(7, 4) as canvas:
        engine_predictions.panels(canvas, panels)
        for ax, panel in zip(canvas.axes, panels, strict=True):
            drawn = {(x, y) for line in ax.get_lines()[1:] for x, y in zip(*line.get_data(), strict=True)}
            assert drawn == {(point["measured"], point["predicted"]) for point in panel["points"]}
    assert [len(panel["points"]) for panel in panels] == [len(kept)] * 2


def test_gains_are_in_per_cent_and_a_flat_cost_is_joined_with_no_other():
    curve = [(0.1, 0.05, 0.2), (0.2, 0.1, 0.3), (0.4, 0.3, 0.5)]
    with figure(7, 3) as canvas:
        engine_gains.panels(canvas, [{"title": "d", "costs": ["flat", ".02", ".1"], "curves": {"rule": curve}}])
        (ax,) = canvas.axes
        marks, joined = (line for line in ax.get_lines() if len(line.get_xdata()) > 1 and line.get_color() != "#6E6E6E")
        assert marks.get_ydata().tolist() == pytest.approx([10, 20, 40])
        assert list(joined.get_xdata()) == [1, 2]


def test_a_folder_without_rows_has_no_artefacts(tmp_path):
    assert of_engines(tmp_path) == ()
    assert [artefact.name for artefact in of_engines(KEPT)] == ["engines", "engine-predictions", "engine-gains"]
