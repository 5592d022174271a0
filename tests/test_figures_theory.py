"""Data of the theory's figures against the exact law of a cycle, and that every figure draws what it was given."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from figure_layout import faults

from analysis.model import Cascade, Step, acceptances, scalar_models
from analysis.paper import figure_data
from analysis.theory import regions
from analysis.theory.exact import ewif
from figures import (
    theory_allocation,
    theory_ewif_curves,
    theory_iid_error,
    theory_published,
    theory_regions,
    theory_schematic,
)
from figures.style import DOUBLE, SINGLE, figure

LEVIATHAN = [("small", 0.75, 0.02), ("base", 0.80, 0.04), ("large", 0.82, 0.11)]


def cascade(alphas, costs, draft, inner=0.0):
    return Cascade(
        "t",
        scalar_models({"t": 1, "a": costs[0], "b": costs[1]}),
        acceptances({"t": {"a": alphas[0], "b": alphas[1]}, "a": {"b": inner}}),
        draft,
    )


def alone(alpha, c, greatest=80):
    """Best EWIF of one drafter, by the exact law."""
    return max(ewif(cascade((alpha, 0), (c, 0), (Step("a", tokens=k),))) for k in range(1, greatest))


@pytest.fixture(scope="module")
def vertical():
    return regions.vertical_region(0.8, 0.1, resolution=41)


@pytest.fixture(scope="module")
def horizontal():
    return regions.horizontal_region(0.8, 0.1, resolution=41)


def test_curves_are_exact_and_marked_at_their_best():
    for curve in figure_data.ewif_curves(LEVIATHAN, 20):
        expected = [ewif(cascade((curve.alpha, 0), (curve.c, 0), (Step("a", tokens=k),))) for k in range(1, 21)]
        np.testing.assert_allclose(curve.ewif, [1.0, *expected], rtol=1e-12)
        assert curve.best_k == 1 + int(np.argmax(expected))


def test_allocation_is_exact_and_has_the_published_value():
    """Table 1 of the paper reports 3.03 for 5 tokens of the base and 3 of the small drafter."""
    costs = (250 / 11300, 77 / 11300)
    found = figure_data.allocation(("base", "small"), (0.73, 0.65), costs, (7, 8), (5, 3))
    for k1, k2 in [(1, 1), (5, 3), (7, 8)]:
        draft = (Step("a", tokens=k1), Step("b", tokens=k2))
        assert found.ewif[k1, k2] == pytest.approx(ewif(cascade((0.73, 0.65), costs, draft)), rel=1e-12)
    assert found.ewif[5, 3] == pytest.approx(3.03, abs=0.01)
    assert found.best == (5, 5)
    assert found.ewif.max() == found.ewif[found.best]


@pytest.mark.parametrize("column", [4, 12, 20, 30, 39])
def test_a_vertical_step_pays_below_the_boundary_and_not_above(vertical, column):
    inner, boundary = vertical.inner[column], vertical.boundary[column]
    single = alone(0.8, 0.1)

    def best(c2):
        drafts = ((Step("a", rounds=n, draft=(Step("b", tokens=k),)),) for n in range(1, 7) for k in range(1, 13))
        return max(ewif(cascade((0.8, 0), (0.1, c2), draft, inner)) for draft in drafts)

    assert best(0.999 * boundary) > single
    assert best(1.001 * boundary) < single


@pytest.mark.parametrize("column", [4, 12, 20, 30, 38])
def test_a_horizontal_step_pays_between_its_boundaries(horizontal, column):
    second, boundary, lower = horizontal.inner[column], horizontal.boundary[column], horizontal.lower[column]
    single = alone(0.8, 0.1)

    def best(c2):
        drafts = ((Step("a", tokens=i), Step("b", tokens=j)) for i in range(1, 9) for j in range(1, 21))
        return max(ewif(cascade((0.8, second), (0.1, c2), draft)) for draft in drafts)

    assert best(0.999 * boundary) > single
    assert best(1.001 * boundary) < single
    if lower > 0:
        assert best(1.001 * lower) > alone(second, 1.001 * lower)
        assert best(0.999 * lower) < alone(second, 0.999 * lower)


@pytest.mark.parametrize("region", ["vertical", "horizontal"])
def test_the_map_gains_exactly_inside_the_boundary(region, request):
    data = request.getfixturevalue(region)
    below = data.c2[:, None] < data.boundary
    if region == "horizontal":
        below &= data.c2[:, None] > data.lower
    close = np.abs(data.c2[:, None] - data.boundary) < 1e-9
    if region == "horizontal":
        close |= np.abs(data.c2[:, None] - data.lower) < 1e-9
    assert ((data.gain > 1) == below)[~close].all()
    assert below.any()
    assert not below.all()


def test_longer_drafts_do_not_move_the_boundaries(vertical, horizontal):
    longer = regions.vertical_region(0.8, 0.1, (50, 50), resolution=41)
    np.testing.assert_allclose(longer.boundary, vertical.boundary, atol=1e-9)
    longer = regions.horizontal_region(0.8, 0.1, (100, 100), resolution=41)
    np.testing.assert_allclose(longer.boundary, horizontal.boundary, atol=1e-9)
    np.testing.assert_allclose(longer.lower, horizontal.lower, atol=1e-9)


def test_published_predictions_miss_by_the_published_amount():
    rows = figure_data.published_predictions()
    assert len(rows) == 12
    assert round(100 * np.mean([abs(row.error) for row in rows]), 1) == 17.7
    first = rows[0]
    expected = ewif(cascade((0.75, 0), (0.02, 0), (Step("a", tokens=7),)))
    assert (first.task, first.drafter, first.measured) == ("ENDE", "small", 3.4)
    assert first.predicted == pytest.approx(expected, rel=1e-12)
    assert first.error == pytest.approx(expected / 3.4 - 1)


def test_the_iid_error_has_the_sign_of_its_weighting():
    data = figure_data.iid_error(points=4)
    for k in (3, 8):
        assert (np.diff(data.equal_cycles[k]) < 0).all()
        assert (np.diff(data.equal_tokens[k]) > 0).all()
        assert (data.along_text[k][1:] > 0).all()
        assert data.equal_cycles[k][0] == data.equal_tokens[k][0] == data.along_text[k][0] == 0


FIGURES = {
    "curves": (theory_ewif_curves.FIGURE, figure_data.curves_of_published_drafters),
    "allocation": (theory_allocation.FIGURE, figure_data.allocation_of_table1),
    "vertical": (theory_regions.VERTICAL, lambda: regions.vertical_region(0.8, 0.1, resolution=21)),
    "horizontal": (theory_regions.HORIZONTAL, lambda: regions.horizontal_region(0.8, 0.1, resolution=21)),
    "iid_error": (theory_iid_error.FIGURE, lambda: figure_data.iid_error(points=5)),
    "published": (theory_published.FIGURE, figure_data.published_predictions),
    "schematic": (theory_schematic.FIGURE, figure_data.schematic),
}


def drawn(name):
    described, make = FIGURES[name]
    data = make()
    with figure(*described.size_of(data)) as canvas, warnings.catch_warnings():
        warnings.simplefilter("error")
        described.put_on(canvas, data)
        canvas.savefig(io.BytesIO())
    return canvas.axes[0], data


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_legible_at_the_width_of_a_column_or_two_and_nothing_overlaps_or_is_cut(name):
    ax, _ = drawn(name)
    assert ax.figure.get_figwidth() in (SINGLE, DOUBLE)
    assert faults(ax.figure) == []


def test_overlaps_cuts_and_small_letters_are_faults():
    """Negative control."""
    with figure(SINGLE, 2.0) as canvas:
        ax = canvas.subplots()
        ax.plot([0, 1], [0, 1], label="line")
        ax.legend(loc="center")
        ax.plot([0.5, 1.0], [1.0, 0.5], "o", label="half")
        ax.set_ylim(0, 1)
        ax.text(0.1, 0.8, "one", fontsize=7)
        ax.text(0.1, 0.8, "two", fontsize=6)
        canvas.text(-0.05, 0.5, "outside")
        found = " ".join(faults(canvas))
    assert "a marker of 'half' is cut by the frame" in found
    for words in ("'two' has 6.0 points", "'one' lies on 'two'", "'outside' is cut", "the legend lies on 'line'"):
        assert words in found


def test_contours_are_labelled_inside_the_map():
    ax, data = drawn("allocation")
    words = {text.get_text() for text in ax.texts}
    assert words == {"90%", "95%", "98%", "99%"}
    rows, columns = data.ewif.shape
    assert all(0 < text.get_position()[0] < columns - 2 and 0 < text.get_position()[1] < rows - 2 for text in ax.texts)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_without_a_warning_and_names_its_axes(name):
    ax, _ = drawn(name)
    assert ax.axison == (name != "schematic")
    if ax.axison:
        assert ax.get_xlabel()
        assert ax.get_ylabel()


def lines(ax):
    return [np.column_stack([line.get_xdata(), line.get_ydata()]) for line in ax.get_lines() if len(line.get_xdata())]


def test_figures_draw_the_numbers_they_were_given():
    ax, curves = drawn("curves")
    for curve in curves:
        assert any(len(line) == 31 and np.array_equal(line[:, 1], curve.ewif) for line in lines(ax))
    ax, region = drawn("vertical")
    assert any(np.array_equal(line, np.column_stack([region.inner, region.boundary])) for line in lines(ax))
    ax, errors = drawn("iid_error")
    for series in (errors.equal_cycles, errors.equal_tokens, errors.along_text):
        for error in series.values():
            assert any(len(line) == error.size and np.array_equal(line[:, 1], 100 * error) for line in lines(ax))
    ax, rows = drawn("published")
    for row in rows:
        assert any(np.array_equal(line, [[row.measured, row.predicted]]) for line in lines(ax))
    assert "17.7%" in ax.get_title(loc="left")
    ax, data = drawn("schematic")
    words = " ".join(text.get_text() for text in ax.texts)
    assert all(words.count(name) == 2 for name in (*data.drafters, data.target))


def test_the_maps_say_what_the_gain_is_over():
    """In the vertical cascade the second drafter has no acceptance by the target, so it cannot draft alone."""
    for name, over in (("vertical", "the first drafter alone"), ("horizontal", "the better single drafter")):
        ax, _ = drawn(name)
        bar = next(other for other in ax.figure.axes if other is not ax)
        assert bar.get_xlabel() == f"gain over {over} (%)"


def test_figures_import_nothing_that_computes():
    folder = Path(theory_regions.__file__).parent
    for path in folder.glob("theory_*.py"):
        assert "analysis" not in path.read_text(encoding="utf-8").replace("analysis of", ""), path.name
    json.dumps(vars(figure_data.schematic()))
