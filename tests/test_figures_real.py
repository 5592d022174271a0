"""Figures of calibrations and real runs draw the numbers they were given."""

import io
import itertools
import warnings

import numpy as np
import pytest
from figure_layout import MOST_WIDTH, faults

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
from figures.style import DOUBLE, SINGLE, figure, short

RUNGS = ("iid", "iid+t(q)", "fits", "replay")
Q = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64]


def ladder_rows():
    rng = np.random.default_rng(1)
    rows = []
    for i in range(40):
        family = list(real_ladder.FAMILIES)[i % 8]
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
        rows = []
        for i in range(9):
            a = float(np.clip(overall + rng.normal(0, 0.1), 0.05, 0.95))
            rows.append({"domain": f"domain {i}", "prompts": 8, "agreement": a, "low": a - 0.05, "high": a + 0.05})
        rows[0] |= {"low": None, "high": None, "prompts": 1}
        data.append({"drafter": drafter, "overall": overall, "domains": rows})
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
        return [{"tokens": n, "agreement": top * (1 - 0.8 * 0.6**i)} for i, n in enumerate(np.geomspace(1e4, 8e6, 12))]

    return [
        {"name": "d1", "points": [{"tokens": 0, "agreement": 0.0}, *points(0.55)]},
        {"name": "d2", "points": [*points(0.4), {"tokens": 9e6, "agreement": None}]},
    ]


def checks():
    names = ("constant-hazard", "one-alpha-of-prompts", "one-alpha-of-domains", "independent-along-text")
    rows = []
    for i, name in enumerate(names):
        for j, verdict in enumerate(calibration_checks.VERDICTS):
            effect = 0.08 * i - 0.05 * j
            row = {"name": name, "reviewer": "t", "drafter": f"d{j}", "effect": effect, "verdict": verdict}
            rows.append(row | {"low": effect - 0.03, "high": effect + 0.03})
    rows.append(rows[0] | {"effect": None, "low": None, "high": None, "verdict": "undecided"})
    return {"margin": 0.05, "checks": rows}


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


def ladder():
    return {"rungs": dict.fromkeys(RUNGS), "cascades": ladder_rows()}


FIGURES = {
    "ladder": (real_ladder.FIGURE, ladder),
    "remainder": (real_remainder.FIGURE, remainder_rows),
    "survival": (
        calibration_survival.FIGURE,
        lambda: [survival() | {"drafter": name} for name in ("d1", "d2", "mag", "copy")],
    ),
    "domains": (calibration_domains.FIGURE, domains),
    "call_times": (calibration_call_times.FIGURE, call_times),
    "costs": (calibration_costs.FIGURE, costs),
    "neighbourhood": (calibration_neighbourhood.FIGURE, neighbourhood),
    "learning": (real_learning.FIGURE, learning),
    "checks": (calibration_checks.FIGURE, checks),
    "autocorrelation": (calibration_autocorrelation.FIGURE, autocorrelation),
}


def canvas_of(name, data=None):
    """A figure as it is printed, and its data."""
    described, make = FIGURES[name]
    data = make() if data is None else data
    with figure(*described.size_of(data)) as canvas, warnings.catch_warnings():
        warnings.simplefilter("error")
        described.put_on(canvas, data)
        canvas.savefig(io.BytesIO(), format="png")
    return canvas, data


def drawn(name, data=None):
    """The first axes of a figure, and its data."""
    canvas, data = canvas_of(name, data)
    return canvas.axes[0], data


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


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_legible_at_the_width_of_a_column_or_two_and_nothing_overlaps_or_is_cut(name):
    canvas, _ = canvas_of(name)
    assert canvas.get_figwidth() in (SINGLE, DOUBLE)
    assert canvas.get_figwidth() <= MOST_WIDTH
    assert faults(canvas) == []


HOSTILE = ("a$b$c", "_hidden", "x_{", "$\\frac{$")


def renamed(value, names):
    """Data in which drafters, domains, labels and names of models are others."""
    if isinstance(value, dict):
        keys = ("drafter", "model", "name", "label", "domain")
        return {k: next(names) if k in keys and "effect" not in value else renamed(v, names) for k, v in value.items()}
    return [renamed(item, names) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["survival", "call_times", "costs", "learning", "autocorrelation", "remainder"])
def test_names_that_look_like_mathematics_are_drawn_as_they_are(name):
    hostile = itertools.cycle(HOSTILE)
    canvas_of(name, renamed(FIGURES[name][1](), hostile))


def test_a_name_that_begins_with_an_underscore_stays_in_the_legend():
    ax, _ = drawn("learning", [item | {"name": name} for item, name in zip(learning(), ("_a", "b"), strict=True)])
    assert [text.get_text().split(",")[0].strip() for text in ax.get_legend().get_texts()] == ["_a", "b"]


LONG = "a-drafter-with-a-very-long-name-{}-instruct-v0.3-bf16"
DOMAINS = {f"a domain with a rather long name {j}": curve(0.3 + 0.03 * j) for j in range(14)}
CROWDED = {
    "autocorrelation": lambda: crowded(autocorrelation(), "drafter", 6),
    "call_times": lambda: crowded(call_times(), "model", 5),
    "domains": lambda: crowded(domains(), "drafter", 5),
    "learning": lambda: crowded(learning(), "name", 4),
    "costs": lambda: crowded(costs(), "label", 20),
    "checks": lambda: checks() | {"checks": crowded(checks()["checks"], "drafter", 30)},
    "survival": lambda: crowded([survival() | {"categories": DOMAINS}], "drafter", 3),
    "neighbourhood": lambda: neighbourhood() | {"labels": [LONG.format(i) for i in range(2)]},
}


def crowded(items, key, count):
    """As many items as that, with long names."""
    return [items[i % len(items)] | {key: LONG.format(i)} for i in range(count)]


@pytest.mark.parametrize("name", CROWDED)
def test_many_models_with_long_names_stay_legible_too(name):
    canvas, _ = canvas_of(name, CROWDED[name]())
    assert faults(canvas) == []


def test_the_ladder_has_every_cascade_of_its_rung_and_its_median_error():
    canvas, data = canvas_of("ladder")
    ax, rows = canvas.axes[RUNGS.index("replay")], data["cascades"]
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


def test_every_interval_of_the_ladder_ends_inside_its_panel():
    found = ladder()
    found["cascades"][3]["measured"] |= {"low": 0.05, "high": 9.0}
    found["cascades"][5]["predicted"]["iid"] |= {"low": 0.02, "high": 4.0}
    canvas, _ = canvas_of("ladder", found)
    for rung, ax in zip(RUNGS, canvas.axes, strict=True):
        ends = [end for row in found["cascades"] for end in (row["measured"]["low"], row["measured"]["high"])]
        predicted = [row["predicted"][rung] for row in found["cascades"] if rung in row["predicted"]]
        ends += [entry[key] for entry in predicted for key in ("low", "high")]
        assert ax.get_xlim()[0] < min(ends)
        assert max(ends) < ax.get_xlim()[1]


def test_no_two_families_look_the_same():
    rows = [{"family": f"family {i}"} for i in range(40)] + [{"family": family} for family in real_ladder.FAMILIES]
    styles = real_ladder.styles_of(rows)
    assert len(set(styles.values())) == len(styles) == 48
    assert len({colour for colour, _ in real_ladder.FAMILIES.values()}) == len(real_ladder.FAMILIES)


@pytest.mark.parametrize("limits", [(0.45, 2.4), (0.01, 60), (0.9, 1.1), (2.1, 2.9), (1.2, 30)])
def test_ticks_are_round_few_and_with_one_among_them_where_it_is_shown(limits):
    ticks = real_ladder.ticks_between(*limits)
    assert len(ticks) <= real_ladder.MOST_TICKS
    assert (1 in ticks) == (limits[0] <= 1 <= limits[1])


def test_every_drafter_has_a_panel_of_survival():
    with figure(7.6, 3.8) as canvas:
        calibration_survival.panels(canvas, [survival() | {"drafter": name} for name in ("d1", "mag")])
        canvas.savefig(io.BytesIO(), format="png")
    assert [ax.get_title(loc="left").split(",")[0] for ax in canvas.axes] == ["d1", "mag"]


def test_every_domain_has_its_number_on_its_line_and_in_the_legend():
    canvas, data = canvas_of("survival")
    (legend,) = canvas.legends
    words = [text.get_text() for text in legend.get_texts()]
    for ax in canvas.axes:
        lines = {line.get_label(): line.get_marker() for line in ax.get_lines()}
        for number, domain in enumerate(data[0]["categories"], start=1):
            assert lines[domain] == f"${number}$"
            assert domain in words


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
    ax, (data, *_) = drawn("survival")
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
    means = [np.mean([r["agreement"] for item in data for r in item["domains"] if r["domain"] == d]) for d in labels]
    assert means == sorted(means, reverse=True)
    xs = {x for x, _ in points(ax)}
    assert all(round(row["agreement"], 9) in xs for item in data for row in item["domains"])


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
    i, j = np.unravel_index(np.argmax(data["ewif"]), np.shape(data["ewif"]))
    assert points(ax) == {(i + x, j + y) for x in (-0.5, 0.5) for y in (-0.5, 0.5)}


def test_learning_curves_leave_out_what_has_no_place_on_them():
    ax, data = drawn("learning")
    line = ax.get_lines()[0]
    assert len(line.get_xdata()) == 12
    assert len(ax.get_lines()[1].get_xdata()) == 12
    assert has(ax, data[0]["points"][1]["tokens"] / 1e6, data[0]["points"][1]["agreement"])


def test_checks_tell_their_verdict_by_colour_marker_and_line():
    ax, data = drawn("checks")
    styles = calibration_checks.VERDICTS.values()
    assert all(len({style[part] for style in styles}) == 3 for part in range(3))
    for i, row in enumerate(data["checks"][:-1]):
        bar, mark = [line for line in ax.get_lines() if list(line.get_ydata()) in ([i], [i, i])]
        colour, marker, line = calibration_checks.VERDICTS[row["verdict"]]
        assert (mark.get_color(), mark.get_marker(), bar.get_linestyle()) == (colour, marker, line)
        assert list(mark.get_xdata()) == [row["effect"]]


def test_long_names_of_cascades_are_shortened_in_their_middle_and_a_page_has_no_more_than_fit():
    name = "d1 to2(d2 to2(copy to4) + copy to6) + d2 to4(copy to4) + copy to8"
    assert (
        short(name, real_remainder.LONGEST)
        == "d1 to2(d2 to2(copy to4…d2 to4(copy to4) + copy to8"[:22] + "…" + name[-22:]
    )
    assert short("d1 x4") == "d1 x4"
    rows = [row | {"name": name} for row in 3 * remainder_rows()]
    canvas, _ = canvas_of("remainder", rows)
    assert canvas.get_figheight() < 9
    assert faults(canvas) == []


def test_correlations_that_do_not_exist_are_left_out():
    ax, data = drawn("autocorrelation")
    for line, item in zip(ax.get_lines(), data, strict=False):
        assert list(line.get_xdata()) == list(range(1, 17))
        assert line.get_ydata()[0] == item["autocorrelation"][0]["value"]
