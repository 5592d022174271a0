"""Plots of a user's own rows: what is drawn is what the rows say, whatever kind of rows they are."""

import doctest
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from figure_layout import faults
from matplotlib.collections import PolyCollection

import figures
from analysis.model import InputError
from figures import length_plot, sweep_plot
from figures.style import DOUBLE, figure


@pytest.fixture
def ax():
    with figure(DOUBLE, 4.5) as canvas:
        yield canvas.subplots()
        assert faults(canvas) == []


ALPHAS, LENGTHS = (0.6, 0.8), (1, 2, 4, 8)


def ewif(alpha, k, c=0.1):
    return (1 - alpha ** (k + 1)) / ((1 - alpha) * (1 + k * c))


def rows():
    """Rows of a sweep in no order."""
    found = []
    for k in reversed(LENGTHS):
        for alpha in ALPHAS:
            e = ewif(alpha, k)
            found.append({"name": f"{alpha} {k}", "ewif": e, "low": 0.98 * e, "high": 1.03 * e, "alpha": alpha, "k": k})
    return found


@dataclass
class Run:
    """A row with a mapping inside, as a reader of runs may give it."""

    inside: dict

    def as_row(self):
        return self.inside


class Keyed:
    """A row with keys and items that is no Mapping, as sqlite3.Row is."""

    def __init__(self, inside):
        self.inside = inside

    def keys(self):
        return list(self.inside)

    def __getitem__(self, key):
        return self.inside[key]


def structured(row):
    names = [key for key in row if key != "name"]
    return np.array([tuple(row[n] for n in names)], dtype=[(n, float) for n in names])[0]


KINDS = {
    "mappings": dict,
    "objects": lambda row: SimpleNamespace(**row),
    "named tuples": lambda row: namedtuple("Row", row)(**row),
    "as_row": Run,
    "keyed": Keyed,
    "structured": structured,
    "numpy": lambda row: {k: v if isinstance(v, str) else np.float32(v) for k, v in row.items()},
    "arrays": lambda row: {k: v if isinstance(v, str) else np.array(v) for k, v in row.items()},
    "text": lambda row: {k: str(v) for k, v in row.items()},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sweep_is_drawn_from_rows_of_any_kind(ax, kind):
    assert figures.sweep(ax, (KINDS[kind](row) for row in rows()), x="k", group="alpha") is ax
    curves = [line for line in ax.get_lines() if len(line.get_xdata()) == len(LENGTHS)]
    assert len(curves) == 2
    for line, alpha in zip(curves, ALPHAS, strict=True):
        assert list(line.get_xdata()) == list(LENGTHS)
        np.testing.assert_allclose(line.get_ydata(), [ewif(alpha, k) for k in LENGTHS], rtol=1e-6)
    bands = [band for band in ax.collections if isinstance(band, PolyCollection)]
    for band, alpha in zip(bands, ALPHAS, strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(0.98 * min(ewif(alpha, k) for k in LENGTHS), rel=1e-6)
        assert heights.max() == pytest.approx(1.03 * max(ewif(alpha, k) for k in LENGTHS), rel=1e-6)
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "alpha"
    assert [float(text.get_text()) for text in legend.get_texts()] == pytest.approx(ALPHAS)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("k", "EWIF (autoregressive = 1)")


def test_x_and_group_may_be_functions_of_the_row(ax):
    figures.sweep(ax, rows(), x=lambda row: row["k"] / 2, group=lambda row: "high" if row["alpha"] > 0.7 else "low")
    assert [list(line.get_xdata()) for line in ax.get_lines()[:2]] == 2 * [[0.5, 1.0, 2.0, 4.0]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["high", "low"]
    assert ax.get_xlabel() == ""


def test_lines_may_be_told_apart_by_several_columns(ax):
    more = [row | {"c": c} for row in rows() for c in (0.1, 0.2)]
    figures.sweep(ax, more, x="k", group=["alpha", "c"])
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == [f"alpha = {alpha:g}, c = {c:g}" for alpha in ALPHAS for c in (0.1, 0.2)]


@pytest.mark.parametrize("values", [("10", "9"), (10, 9), (10, np.int8(9)), ("deep", "b")])
def test_lines_come_in_the_order_of_their_values(ax, values):
    figures.sweep(ax, [{"k": 1, "ewif": 1.5, "c": value} for value in values], x="k", group="c")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [f"{value}" for value in reversed(values)]


def test_values_of_several_types_are_one_group(ax):
    several = [
        {"k": i, "ewif": 1.5, "alpha": alpha}
        for i, alpha in enumerate((1, 1.0, np.float64(1), np.int64(1), np.array(1.0)))
    ]
    figures.sweep(ax, several, x="k", group="alpha")
    assert len(ax.get_legend().get_texts()) == 1
    assert len(ax.get_lines()[0].get_xdata()) == 5


def test_any_column_is_drawn_and_autoregressive_decoding_only_beside_ewif(ax):
    counts = [{"c": c, "tokens_per_cycle": 2 + c, "lo": 1.9 + c, "hi": 2.2 + c} for c in (0.1, 0.3, 0.2)]
    figures.sweep(ax, counts, x="c", y="tokens_per_cycle", low="lo", high="hi")
    assert ax.get_ylabel() == "tokens per cycle"
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[2.1, 2.2, 2.3]]
    assert len(ax.collections) == 1
    assert ax.get_legend() is None


@pytest.mark.parametrize("reference", [None, 1.4, float("nan")])
def test_the_line_of_reference(ax, reference):
    figures.sweep(ax, rows(), x="k", group="alpha", reference=reference)
    flat = [line.get_ydata()[0] for line in ax.get_lines() if len(set(line.get_ydata())) == 1]
    assert flat == ([] if reference != reference else [reference or 1])


@pytest.mark.parametrize("unknown", [None, float("nan"), "", "missing"])
def test_where_an_interval_is_unknown_its_band_has_a_gap(ax, unknown):
    some = [row for row in rows() if row["alpha"] == 0.8]
    for row in some:
        if row["k"] == 2:
            row["low"] = unknown
            if unknown == "missing":
                del row["low"]
    figures.sweep(ax, some, x="k")
    (band,) = ax.collections
    assert 2 not in {x for path in band.get_paths() for x, _ in path.vertices}
    assert list(ax.get_lines()[0].get_xdata()) == list(LENGTHS)


def test_rows_without_intervals_have_no_band(ax):
    figures.sweep(ax, [{"k": 1, "ewif": 1.2}, {"k": 2, "ewif": 1.4}], x="k")
    assert not ax.collections


def test_a_style_of_ones_own_replaces_the_houses(ax):
    figures.sweep(ax, rows(), x="k", group="alpha", style=lambda label: {"color": "black", "ls": "--"})
    assert {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()[:2]} == {("black", "--")}


def test_names_that_look_like_mathematics_stay_as_they_are(ax):
    figures.sweep(
        ax, [{"k$": k, "ewif": 1.0 + k, "_who": who} for k in (1, 2) for who in ("a$b", "_")], x="k$", group="_who"
    )
    assert [text.get_text().strip() for text in ax.get_legend().get_texts()] == ["_", r"a\$b"]


@pytest.mark.parametrize(
    ("runs", "options", "message"),
    [
        ([], {"x": "k"}, "runs: got no rows"),
        (rows(), {"x": "depth"}, r"runs\[0\].depth: missing, the row has name, ewif, low, high, alpha, k"),
        ([SimpleNamespace(k=1)], {"x": "k"}, r"runs\[0\].ewif: missing, a SimpleNamespace has no such column"),
        (rows(), {"x": "name"}, r"runs\[0\].name: got '0.6 8', expected a finite number"),
        ([{"k": 1, "ewif": None}], {"x": "k"}, r"runs\[0\].ewif: got None, expected a finite number"),
        ([{"k": 1, "ewif": 1, "low": "x"}], {"x": "k"}, r"runs\[0\].low: got 'x', expected a number or None"),
        (rows(), {"x": "k"}, "group: one line has two rows with k = 1, expected one"),
        ([*rows(), rows()[0]], {"x": "k", "group": "alpha"}, "group: the line '0.6' has two rows with k = 8"),
    ],
)
def test_rows_that_cannot_be_drawn_are_refused_by_name(ax, runs, options, message):
    with pytest.raises(InputError, match=message):
        figures.sweep(ax, runs, **options)


CURVE = {k: ewif(0.8, k) for k in range(1, 16)}

FORMS = {
    "mapping": CURVE,
    "numpy keys": {np.int64(k): np.float64(e) for k, e in CURVE.items()},
    "text keys": {str(k): e for k, e in CURVE.items()},
    "pairs": list(CURVE.items())[::-1],
    "arrays": np.array(list(CURVE.items())),
    "rows": [{"tokens": k, "ewif": e, "name": "x"} for k, e in CURVE.items()],
    "objects": [SimpleNamespace(tokens=np.int32(k), ewif=e) for k, e in CURVE.items()],
    "named tuples": [namedtuple("Row", "ewif tokens")(e, k) for k, e in CURVE.items()],
}


@pytest.mark.parametrize("form", FORMS)
def test_the_best_length_and_all_within_one_percent_are_marked(ax, form):
    assert figures.ewif_by_length(ax, FORMS[form], label="mine") is ax
    curve, best, near = ax.get_lines()[:3]
    np.testing.assert_allclose(curve.get_xydata(), np.array(list(CURVE.items())))
    top = max(CURVE.values())
    assert best.get_xydata().tolist() == [[6, pytest.approx(top)]]
    expected = [k for k, e in CURVE.items() if e >= 0.99 * top]
    assert list(near.get_xdata()) == expected == [5, 6, 7]
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["mine", f"best: 6 tokens, EWIF {top:.4g}", "within 1 %: 5 to 7 tokens"]


def test_lengths_within_the_tolerance_need_not_be_neighbours(ax):
    figures.ewif_by_length(ax, {1: 1.5, 2: 1.2, 3: 1.49, 4: 1.5, 6: 1.1}, tolerance=0.02)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["best: 1 tokens, EWIF 1.5", "within 2 %: 1, 3 to 4 tokens"]


def test_a_second_curve_takes_another_colour(ax):
    for alpha in ALPHAS:
        figures.ewif_by_length(ax, {k: ewif(alpha, k) for k in LENGTHS}, label=str(alpha))
    curves = [line for line in ax.get_lines() if line.get_label() in ("0.6", "0.8")]
    assert len({line.get_color() for line in curves}) == 2


def test_intervals_of_lengths_are_a_band(ax):
    figures.ewif_by_length(ax, [{"tokens": k, "ewif": e, "low": e - 0.1, "high": e + 0.2} for k, e in CURVE.items()])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(max(CURVE.values()) + 0.2)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({}, {}, "rows: got none"),
        (1.5, {}, "rows: got a float, expected rows such as those of analysis.ewif_by_length"),
        ([(1, 1.5), (1, 1.6)], {}, "rows: got the draft length 1 twice"),
        ({1.5: 2}, {}, r"rows\[0\].tokens: got 1.5, expected a whole number >= 0"),
        ({-1: 2}, {}, r"rows\[0\].tokens: got -1, expected a whole number >= 0"),
        ({1: float("nan")}, {}, r"rows\[0\].ewif: got nan, expected a finite number"),
        ([{"tokens": 1}], {}, r"rows\[0\].ewif: missing, the row has tokens"),
        (CURVE, {"tolerance": 1}, r"tolerance: got 1, expected a number in \[0, 1\)"),
    ],
)
def test_lengths_that_cannot_be_drawn_are_refused_by_name(ax, given, options, message):
    with pytest.raises(InputError, match=message):
        figures.ewif_by_length(ax, given, **options)


@pytest.mark.parametrize("module", [sweep_plot, length_plot])
def test_examples_in_the_documentation_hold(module):
    found = doctest.testmod(module)
    assert found.attempted > 3
    assert not found.failed


def test_the_door_loads_matplotlib_only_when_it_is_used():
    code = "import sys, figures; print('matplotlib' in sys.modules, figures.__all__, 'sweep' in dir(figures))"
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.split(maxsplit=1) == ["False", "['ewif_by_length', 'sweep'] True\n"]
    with pytest.raises(AttributeError, match="no attribute 'swoop'"):
        figures.swoop  # noqa: B018
