"""Figures of calibrations and real runs draw the numbers they were given."""

import io
import warnings

import numpy as np
import pytest

from figures import (
    calibration_autocorrelation,
    calibration_call_times,
    calibration_checks,
    calibration_costs,
    calibration_domains,
    calibration_neighbourhood,
    calibration_survival,
    real_ladder,
    real_learning,
    real_remainder,
)
from figures.style import figure

RUNGS = ("iid", "iid+t(q)", "fits", "replay")
Q = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64]


def ladder_rows():
    rng = np.random.default_rng(1)
    rows = []
    for i in range(40):
        family = list(real_ladder.MARKERS)[1 + i % 7]
        true = float(rng.uniform(0.4, 2.6))
        predicted = {}
        for rung, spread in zip(RUNGS, (0.3, 0.2, 0.08, 0.03), strict=True):
            speedup = true * float(np.exp(spread * rng.normal()))
            predicted[rung] = {"speedup": speedup, "low": 0.96 * speedup, "high": 1.05 * speedup}
        measured = {"speedup": true, "low": 0.97 * true, "high": 1.03 * true}
        rows.append({"name": f"d1 x{i}", "family": family, "measured": measured, "predicted": predicted})
    del rows[0]["predicted"]["replay"]
    return rows


def remainder_rows():
    rng = np.random.default_rng(2)
    rows = []
    for i in range(40):
        parts = dict(zip(real_remainder.PARTS, rng.normal(0, 0.03, 3).tolist(), strict=True))
        rows.append({"name": f"d1 2x(mag {i})", "total": sum(parts.values()), **parts})
    return rows


def curve(alpha, length=30):
    survival = [(alpha + 0.01 * j) ** j for j in range(1, length + 1)]
    return {
        "survival": survival,
        "low": [0.8 * s for s in survival],
        "high": [1.2 * s for s in survival],
        "constant": alpha,
        "constant_survival": [alpha**j for j in range(1, length + 1)],
    }


def survival():
    domains = {f"domain {i}": curve(0.4 + 0.05 * i) for i in range(6)}
    fits = {"beta": {"survival": curve(0.52)["survival"]}, "chain": {"survival": curve(0.51)["survival"]}}
    return {"drafter": "d1", "all": curve(0.5), "categories": domains, "fits": fits}


def domains():
    rng = np.random.default_rng(3)
    data = []
    for drafter, overall in (("d1", 0.6), ("d2", 0.4), ("mag", 0.25)):
        alpha = []
        for i in range(9):
            a = float(np.clip(overall + rng.normal(0, 0.1), 0.05, 0.95))
            alpha.append({"domain": f"domain {i}", "prompts": 8, "alpha": a, "low": a - 0.05, "high": a + 0.05})
        alpha[0] |= {"low": None, "high": None, "prompts": 1}
        data.append({"drafter": drafter, "overall": overall, "alpha": alpha})
    return data


def call_times():
    data = []
    for model, base in (("t", 0.03), ("d1", 0.003), ("d2", 0.0008)):
        curves = []
        for context, factor in ((64, 1), (256, 1.05), (512, 1.15)):
            median = [base * factor * (1 + 0.01 * q) for q in Q]
            curves.append({"context": context, "median": median, "spread": [0.03 * m for m in median]})
        data.append({"model": model, "q": Q, "curves": curves})
    return data


def costs():
    return [
        {
            "label": "68M / Llama-2 7B",
            "parameters": 0.01,
            "MS": 0.001,
            "PW": 0.03,
            "measured": {"eager": 0.05, "compiled": 0.08},
        },
        {"label": "d1 / SmolLM2", "parameters": 0.1, "measured": {"calibrated": 0.12}, "MS": None, "PW": None},
    ]


def neighbourhood():
    ewif = [[1 + 0.3 * i - 0.03 * i * i + 0.1 * j - 0.01 * j * j for j in range(11)] for i in range(9)]
    measured = [{"first": 2, "second": 4, "speedup": 1.71}, {"first": 0, "second": 0, "speedup": 1.0}]
    return {"labels": ["d1", "mag"], "ewif": ewif, "measured": measured}


def learning():
    def points(top):
        return [{"tokens": n, "alpha": top * (1 - 0.8 * 0.6**i)} for i, n in enumerate(np.geomspace(1e4, 8e6, 12))]

    return [
        {"name": "d1", "points": [{"tokens": 0, "alpha": 0.0}, *points(0.55)]},
        {"name": "d2", "points": [*points(0.4), {"tokens": 9e6, "alpha": None}]},
    ]


def checks():
    names = ("constant-hazard", "one-alpha-of-prompts", "one-alpha-of-domains", "independent-along-text")
    rows = []
    for i, name in enumerate(names):
        for j, verdict in enumerate(calibration_checks.COLOURS):
            effect = 0.08 * i - 0.05 * j
            row = {"name": name, "reviewer": "t", "drafter": f"d{j}", "effect": effect, "verdict": verdict}
            rows.append(row | {"low": effect - 0.03, "high": effect + 0.03})
    rows.append(rows[0] | {"effect": None, "low": None, "high": None, "verdict": "undecided"})
    return rows


def autocorrelation():
    def points(first):
        return [
            {"lag": k, "value": first * 0.8**k, "low": first * 0.8**k - 0.02, "high": first * 0.8**k + 0.02}
            for k in range(1, 17)
        ]

    unknown = {"lag": 17, "value": None, "low": None, "high": None}
    return [
        {"drafter": "d1", "autocorrelation": points(0.12)},
        {"drafter": "mag", "autocorrelation": [*points(0.5), unknown]},
    ]


def one_rung(ax, rows):
    real_ladder.draw(ax, rows, "replay", real_ladder.limits_of(rows))


FIGURES = {
    "ladder": (one_rung, ladder_rows),
    "remainder": (real_remainder.draw, remainder_rows),
    "survival": (calibration_survival.draw, survival),
    "domains": (calibration_domains.draw, domains),
    "call_times": (calibration_call_times.draw, call_times),
    "costs": (calibration_costs.draw, costs),
    "neighbourhood": (calibration_neighbourhood.draw, neighbourhood),
    "learning": (real_learning.draw, learning),
    "checks": (lambda ax, data: calibration_checks.draw(ax, data, 0.05), checks),
    "autocorrelation": (calibration_autocorrelation.draw, autocorrelation),
}
SIZES = {"remainder": (6.8, 8.0), "checks": (6.8, 4.4), "domains": (6.4, 5.0), "ladder": (5.0, 4.6)}


def drawn(name, file=None):
    draw, make = FIGURES[name]
    data = make()
    with figure(*SIZES.get(name, (6.4, 4.0))) as canvas, warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = canvas.subplots()
        draw(ax, data)
        canvas.savefig(file or io.BytesIO(), format="png")
    return ax, data


def points(ax):
    """All that lines and markers go through."""
    return {
        (round(float(x), 9), round(float(y), 9))
        for line in ax.get_lines()
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def has(ax, x, y):
    return (round(float(x), 9), round(float(y), 9)) in points(ax)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_without_a_warning_and_names_its_axes(name):
    ax, _ = drawn(name)
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_the_ladder_has_every_cascade_of_its_rung_and_its_median_error():
    ax, rows = drawn("ladder")
    shown = [row for row in rows if "replay" in row["predicted"]]
    assert len(shown) == len(rows) - 1
    for row in shown:
        assert has(ax, row["measured"]["speedup"], row["predicted"]["replay"]["speedup"])
    errors = [abs(row["predicted"]["replay"]["speedup"] / row["measured"]["speedup"] - 1) for row in shown]
    assert f"{100 * np.median(errors):.1f} %" in ax.get_title(loc="left")


def test_a_whole_ladder_has_a_panel_a_rung_on_equal_axes():
    rows = ladder_rows()
    found = {"rungs": dict.fromkeys(RUNGS[:3]), "cascades": rows}
    with figure(*real_ladder.size_of(found)) as canvas:
        real_ladder.panels(canvas, found)
        canvas.savefig(io.BytesIO(), format="png")
    shown = [ax for ax in canvas.axes if ax.axison]
    assert [ax.get_title(loc="left").split(":")[0] for ax in shown] == list(RUNGS[:3])
    assert len({(*ax.get_xlim(), *ax.get_ylim()) for ax in shown}) == 1
    assert len(canvas.axes) == 4


def test_every_drafter_has_a_panel_of_survival():
    with figure(7.6, 3.8) as canvas:
        calibration_survival.panels(canvas, [survival() | {"drafter": name} for name in ("d1", "mag")])
        canvas.savefig(io.BytesIO(), format="png")
    assert [ax.get_title(loc="left") for ax in canvas.axes] == ["d1", "mag"]


def test_the_parts_of_a_remainder_are_stacked_to_their_sums():
    ax, rows = drawn("remainder")
    for i, row in enumerate(rows):
        assert has(ax, 100 * row["total"], i)
        bars = [bar for bar in ax.patches if abs(bar.get_y() + bar.get_height() / 2 - i) < 1e-9]
        ends = [x for bar in bars for x in (bar.get_x(), bar.get_x() + bar.get_width())]
        parts = [100 * row[key] for key in real_remainder.PARTS]
        assert max(ends) == pytest.approx(sum(p for p in parts if p > 0))
        assert min(ends) == pytest.approx(sum(p for p in parts if p < 0))


def test_survival_is_drawn_as_recorded_and_as_every_law_has_it():
    ax, data = drawn("survival")
    for series in (data["all"]["survival"], data["all"]["constant_survival"], data["fits"]["beta"]["survival"]):
        assert has(ax, 3, series[2])
    assert has(ax, 2, data["categories"]["domain 5"]["survival"][1])


def test_survival_that_is_unknown_is_left_out():
    data = survival()
    for part in (data["all"], *data["categories"].values()):
        for key in ("survival", "low", "high"):
            part[key][5:] = [None] * 25
    with figure(6.4, 4.0) as canvas, warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = canvas.subplots()
        calibration_survival.draw(ax, data)
        canvas.savefig(io.BytesIO(), format="png")
    assert has(ax, 5, data["all"]["survival"][4])
    (recorded,) = (line for line in ax.get_lines() if line.get_label().startswith("recorded"))
    assert np.isnan(recorded.get_ydata()[5:]).all()


def test_domains_are_ordered_by_their_acceptance_and_hold_every_drafter():
    ax, data = drawn("domains")
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    means = [np.mean([r["alpha"] for item in data for r in item["alpha"] if r["domain"] == d]) for d in labels]
    assert means == sorted(means, reverse=True)
    xs = {x for x, _ in points(ax)}
    assert all(round(row["alpha"], 9) in xs for item in data for row in item["alpha"])


def test_call_times_are_in_milliseconds():
    ax, data = drawn("call_times")
    for item in data:
        for one in item["curves"]:
            assert has(ax, 8, 1000 * one["median"][Q.index(8)])


def test_unknown_costs_are_left_out_and_conditions_told_apart():
    ax, _ = drawn("costs")
    marks = [line for line in ax.get_lines() if line.get_marker() not in ("None", "")]
    assert sum(len(line.get_xdata()) for line in marks) == 7
    assert all(has(ax, x, y) for x, y in ((0.05, 0), (0.08, 0), (0.12, 1)))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[-3:] == ["eager", "compiled", "calibrated"]
    assert len({line.get_color() for line in marks if line.get_label() in names[-3:]}) == 3


def test_measured_speedups_stand_where_they_were_measured():
    ax, data = drawn("neighbourhood")
    assert {(text.get_text(), text.xy) for text in ax.texts} == {("1.71", (2, 4)), ("1.00", (0, 0))}
    best = np.unravel_index(np.argmax(data["ewif"]), np.shape(data["ewif"]))
    assert has(ax, *best)


def test_learning_curves_leave_out_what_has_no_place_on_them():
    ax, data = drawn("learning")
    line = ax.get_lines()[0]
    assert len(line.get_xdata()) == 12
    assert len(ax.get_lines()[1].get_xdata()) == 12
    assert has(ax, data[0]["points"][1]["tokens"] / 1e6, data[0]["points"][1]["alpha"])


def test_checks_take_the_colour_of_their_verdict():
    ax, rows = drawn("checks")
    for i, row in enumerate(rows[:-1]):
        mark = next(line for line in ax.get_lines() if line.get_marker() == "o" and list(line.get_ydata()) == [i])
        assert mark.get_color() == calibration_checks.COLOURS[row["verdict"]]
        assert list(mark.get_xdata()) == [row["effect"]]


def test_correlations_that_do_not_exist_are_left_out():
    ax, data = drawn("autocorrelation")
    for line, item in zip(ax.get_lines(), data, strict=False):
        assert list(line.get_xdata()) == list(range(1, 17))
        assert line.get_ydata()[0] == item["autocorrelation"][0]["value"]
