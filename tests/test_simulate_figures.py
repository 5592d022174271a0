"""The figures about simulation: their numbers agree with theory, and each is drawn from finished numbers."""

import dataclasses

import numpy as np
import pytest
from figure_layout import faults
from scipy import stats

from analysis.model.examples import three_levels
from analysis.theory.exact import ewif
from figures import simulation_agreement, simulation_convergence, simulation_decay, simulation_departures
from figures.style import figure
from simulate import figure_data
from simulate.figure_data import agreement, convergence, decay_curves, departures, random_cascade

FALSE_ALARM = 1e-6
FAMILY = 400


@pytest.fixture
def show():
    """Draws a figure as it is printed, checks its layout, and returns its axes."""

    def show(described, data):
        with figure(*described.size_of(data)) as canvas:
            described.put_on(canvas, data)
            assert faults(canvas) == []
        return canvas.axes[0]

    return show


@pytest.fixture(scope="module")
def family():
    generator = np.random.default_rng(1)
    cascades = [random_cascade(generator) for _ in range(FAMILY)]
    found = agreement(cascades, seed=1, cycles=4000)
    return [ewif(cascade) for cascade in cascades], found


def test_as_many_of_a_random_family_lie_outside_their_intervals_as_should(family, show):
    exact, found = family
    outside = sum(not e.ci95[0] <= x <= e.ci95[1] for x, e in zip(exact, found, strict=True))
    assert stats.binomtest(outside, FAMILY, 0.05).pvalue > FALSE_ALARM
    scores = [(e.ewif - x) / e.standard_error for x, e in zip(exact, found, strict=True)]
    assert stats.kstest(scores, "norm").pvalue > FALSE_ALARM
    columns = {"exact": exact, "ewif": [e.ewif for e in found], "standard_error": [e.standard_error for e in found]}
    ax = show(simulation_agreement.FIGURE, columns)
    assert f"{outside} of {FAMILY} outside" in ax.get_title()


def test_a_cascade_that_cannot_vary_is_outside_unless_it_agrees(show):
    columns = {"exact": [2.0, 2.0, 1.5], "ewif": [2.0, 2.001, 1.5], "standard_error": [0.0, 0.0, 0.1]}
    ax = show(simulation_agreement.FIGURE, columns)
    assert "1 of 3 outside" in ax.get_title()


def test_exact_values_off_by_two_percent_would_leave_the_diagonal(family):
    """Negative control."""
    exact, found = family
    outside = sum(not e.ci95[0] <= 1.02 * x <= e.ci95[1] for x, e in zip(exact, found, strict=True))
    assert stats.binomtest(outside, FAMILY, 0.05).pvalue < FALSE_ALARM


def test_a_running_estimate_closes_in_on_the_exact_value(show):
    found, exact = convergence(three_levels(), seed=2, doublings=14), ewif(three_levels())
    assert found.half_width[-1] < found.half_width[0] / 50
    assert abs(found.ewif[-1] - exact) < 2.5 * found.half_width[-1]
    show(simulation_convergence.FIGURE, dataclasses.asdict(found) | {"exact": exact})


def test_the_best_length_falls_as_acceptance_decays_faster(show):
    lengths = [1, 2, 3, 4, 6, 8, 12]
    curves = decay_curves((1.0, 0.9, 0.7), lengths, seed=3)
    best = [lengths[int(np.argmax([e.ewif for e in curve]))] for curve in curves.values()]
    assert best[0] > best[1] > best[2]
    points = {decay: [(e.ewif, e.half_width) for e in curve] for decay, curve in curves.items()}
    ax = show(simulation_decay.FIGURE, {"lengths": lengths, "curves": points, "initial": 0.9, "cost": 0.05})
    assert ax.get_ylim()[0] < 1  # the line of autoregressive decoding, and no legend on it


def test_departures_from_independence_have_the_signs_theory_gives_them(show):
    found = {(d.cascade, d.process): d for d in departures(seed=4, cycles=400_000)}
    one = "one drafter, k = 5"
    cycles, tokens = (found[one, f"prompts differ, equal {what} each"] for what in ("cycles", "tokens"))
    assert cycles.change - 2 * cycles.half_width > 0 > tokens.change + 2 * tokens.half_width
    alone = found[one, "hard places, autocorrelation 0"]
    assert abs(alone.change) < 3 * alone.half_width  # one level sees nothing but the mean
    show(simulation_departures.FIGURE, [dataclasses.asdict(d) for d in found.values()])


def test_the_caption_of_departures_explains_its_words():
    caption = simulation_departures.FIGURE.caption
    share = figure_data.EASIER / (figure_data.EASIER + figure_data.HARDER)
    assert share == pytest.approx(3 / 8)
    for word in (
        "3 in 8",
        f"{figure_data.EASIER}"[1:],
        f"{figure_data.HARDER}"[1:],
        f"{figure_data.AUTOCORRELATION}"[1:],
    ):
        assert word in caption
    alpha, beta = figure_data.ALPHA_BETA
    assert f"Beta({alpha:g}, {beta:g})" in caption
