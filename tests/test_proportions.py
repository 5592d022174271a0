"""Intervals of shares and of differences of paired shares, against SciPy and against exact enumeration."""

import math

import pytest
from scipy import stats

from realrun.fidelity.proportions import mcnemar_p, paired_difference_95, wilson_95


@pytest.mark.parametrize(("right", "questions"), [(0, 1), (1, 1), (0, 40), (3, 40), (20, 40), (171, 171)])
def test_wilsons_interval_is_scipys(right, questions):
    expected = stats.binomtest(right, questions).proportion_ci(method="wilson")
    assert wilson_95(right, questions) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (0, 5), (5, 5), (3, 12), (400, 450), (900, 1200)])
def test_mcnemars_test_is_a_binomial_test_of_the_discordant_questions(gained, lost):
    expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar_p(gained, lost) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("questions", [20, 40])
@pytest.mark.parametrize(("gain", "loss"), [(0.02, 0.02), (0.1, 0.05), (0.3, 0.1), (0.0, 0.1), (0.0, 0.3)])
def test_the_interval_of_a_difference_covers_it_by_exact_enumeration(questions, gain, loss):
    covered = 0.0
    for gained in range(questions + 1):
        for lost in range(questions + 1 - gained):
            low, high = paired_difference_95(gained, lost, questions)
            ways = math.comb(questions, gained) * math.comb(questions - gained, lost)
            chance = ways * gain**gained * loss**lost * (1 - gain - loss) ** (questions - gained - lost)
            covered += chance * (low <= gain - loss <= high)
    assert covered >= 0.93


def test_swapping_gains_and_losses_turns_the_interval_round():
    low, high = paired_difference_95(3, 9, 50)
    assert paired_difference_95(9, 3, 50) == pytest.approx((-high, -low))
    assert low < (3 - 9) / 50 < high


def test_where_nothing_changed_the_interval_is_worked_out_by_hand():
    """n d^2 = z^2 d (1 - d) at its upper end d, so d = z^2 / (n + z^2)."""
    low, high = paired_difference_95(0, 0, 40)
    assert (low, high) == pytest.approx((-3.8414588 / 43.8414588, 3.8414588 / 43.8414588), abs=1e-6)
