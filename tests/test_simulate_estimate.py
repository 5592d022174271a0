"""Intervals for EWIF: their coverage, over hundreds of repetitions, against the exact value."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from simulated import stationary_markov_tokens

from analysis.model import Cascade
from analysis.model.examples import flat, three_levels
from analysis.theory.exact import ewif
from simulate.estimation import bootstrap_interval, compare, estimate
from simulate.intervals import quantile_95
from simulate.processes import read_process
from simulate.reference import run_cycles
from simulate.sampler import Generation, Sampler

REPETITIONS = 1000
FALSE_ALARM = 1e-6


def within_binomial_error(covered: int, repetitions: int, nominal: float = 0.95) -> bool:
    """Whether a count of covering intervals is one that nominal coverage gives, but for a chance of 10^-6."""
    return stats.binomtest(covered, repetitions, nominal).pvalue > FALSE_ALARM


def covers_enough(covered, repetitions, nominal=0.95):
    """Whether intervals cover no less often than they say, but for a chance of 10^-6."""
    return stats.binomtest(covered, repetitions, nominal, alternative="less").pvalue > FALSE_ALARM


def shares(sampler, key, repetitions, blocks):
    """Tokens and costs of that many repetitions, rows."""
    sample = sampler.sample(key, repetitions * blocks)
    return sample.tokens.reshape(repetitions, blocks), sample.costs.reshape(repetitions, blocks)


def delta_intervals(tokens, costs):
    """Ratio of means and half width of its interval for each row, by NumPy."""
    n = tokens.shape[1]
    ratio = tokens.sum(axis=1) / costs.sum(axis=1)
    residual = tokens - ratio[:, None] * costs
    return ratio, quantile_95(n) * np.sqrt((residual**2).sum(axis=1) / (n * (n - 1))) / costs.mean(axis=1)


@pytest.mark.parametrize("cascade", [flat(), three_levels()], ids=["flat", "three levels"])
def test_delta_intervals_cover_the_exact_ewif_as_often_as_they_say(cascade):
    sampler, exact, covered = Sampler(cascade), ewif(cascade), 0
    for repetition in range(REPETITIONS):
        low, high = estimate(sampler.draw((1, repetition), 500), sampler).ci95
        covered += low <= exact <= high
    assert within_binomial_error(covered, REPETITIONS)


@pytest.mark.parametrize("cycles", [2, 5, 20])
@pytest.mark.parametrize("cascade", [flat(), three_levels()], ids=["flat", "three levels"])
def test_intervals_from_few_cycles_cover_about_as_often_as_they_say(cascade, cycles):
    """At least .95 - .045 of 4000 intervals, the count's own error being .0035; 1.96 standard errors cover .88 of five.

    More than .95 is no fault of two cycles: they are alike, or at least a token apart.
    """
    sampler, exact, covered = Sampler(cascade), ewif(cascade), 0
    for repetition in range(4000):
        low, high = estimate(sampler.draw((9, repetition), cycles), sampler).ci95
        covered += low <= exact <= high
    assert covered / 4000 >= 0.95 - 0.045
    assert cycles == 2 or covered / 4000 <= 0.95 + 0.045


def test_intervals_of_1_96_standard_errors_from_few_cycles_are_found_out():
    """Negative control of the test above."""
    sampler, exact, covered = Sampler(flat()), ewif(flat()), 0
    for repetition in range(4000):
        found = estimate(sampler.draw((9, repetition), 5), sampler)
        covered += abs(found.ewif - exact) <= 1.96 * found.standard_error
    assert covered / 4000 < 0.95 - 0.045


@pytest.mark.parametrize(("n", "quantile"), [(2, 12.7062047), (3, 4.3026527), (5, 2.7764451), (10**9, 1.9599640)])
def test_intervals_are_those_of_students_t(n, quantile):
    """The quantiles of the printed tables."""
    assert quantile_95(n) == pytest.approx(quantile, rel=1e-7)


def test_both_engines_take_the_same_quantile():
    found = run_cycles(flat(), 5, seed=1)
    assert (found.ci95[1] - found.ci95[0]) / 2 == pytest.approx(quantile_95(5) * found.standard_error)


def test_bootstrap_intervals_cover_the_exact_ewif_as_often_as_they_say():
    sampler, generator, covered = Sampler(three_levels()), np.random.default_rng(2), 0
    exact = ewif(three_levels())
    for repetition in range(400):
        low, high = bootstrap_interval(sampler.sample((2, repetition), 500), generator, resamples=400)
        covered += low <= exact <= high
    assert within_binomial_error(covered, 400)


def test_paired_intervals_cover_the_exact_difference_as_often_as_they_say():
    first, second = three_levels(), flat()
    exact, samplers, covered = ewif(first) - ewif(second), (Sampler(first), Sampler(second)), 0
    for repetition in range(400):
        low, high = compare(*samplers, (3, repetition), 500).ci95
        covered += low <= exact <= high
    assert within_binomial_error(covered, 400)


def heterogeneous():
    return Sampler(flat(), read_process({"beta": {"pairs": {"t": {"d": [3, 2]}}, "cycles": 32}}))


def true_heterogeneous_ewif():
    """E[alpha^j] of Beta(3, 2), summed over 5 drafted tokens, over the cost 1.5 of a cycle."""
    survival = np.cumprod([(3 + i) / (5 + i) for i in range(5)])
    return (1 + survival.sum()) / 1.5


def test_intervals_over_prompts_cover_where_prompts_differ():
    sampler, covered = heterogeneous(), 0
    for repetition in range(REPETITIONS):
        low, high = estimate(sampler.draw((4, repetition), 300), sampler).ci95
        covered += low <= true_heterogeneous_ewif() <= high
    assert within_binomial_error(covered, REPETITIONS)


def test_intervals_that_take_cycles_of_a_prompt_for_independent_are_found_out():
    """Negative control: the same draws, every cycle of a prompt an observation of its own."""
    covered = 0
    for repetition in range(400):
        totals = heterogeneous_by_cycle((5, repetition), 300)
        covered += abs(totals[0] - true_heterogeneous_ewif()) <= totals[1]
    assert not within_binomial_error(covered, 400)
    assert covered < 0.8 * 400


def heterogeneous_by_cycle(key, prompts):
    totals = heterogeneous().draw(key, prompts)
    tokens = np.repeat(list(totals.yields), list(totals.yields.values()))
    ratio, half = delta_intervals(tokens[None].astype(float), np.full((1, tokens.size), 1.5))
    return ratio[0], half[0]


def test_exact_sums_give_the_textbook_formula():
    sampler = Sampler(three_levels())
    found = estimate(sampler.draw((6,), 2000), sampler)
    ratio, half = delta_intervals(*shares(sampler, (6,), 1, 2000))
    assert found.ewif == pytest.approx(ratio[0], rel=1e-9)
    assert found.half_width == pytest.approx(half[0], rel=1e-9)


def test_the_mean_cost_is_exact_where_it_is_certain():
    sampler = Sampler(flat())
    assert estimate(sampler.draw((7,), 1_000_003), sampler).cost_per_cycle == 1.5


def test_an_interval_of_a_certain_outcome_holds_it():
    certain = flat(1.0)
    sampler = Sampler(certain)
    found = estimate(sampler.draw((8,), 1000), sampler)
    assert found.ci95[0] < ewif(certain) < found.ci95[1]
    assert found.standard_error == 0


def rare(chance, length=20):
    """A target that hardly ever accepts the first token, and then all."""
    return flat({"per_position": [chance, 1.0], "beyond": "last"}, tokens=length)


def test_events_hardly_ever_seen_are_covered_all_the_same():
    """One in 5000 cycles is another than the rest, and 1000 are drawn: four times of five, all are alike."""
    cascade = rare(2e-4)
    sampler, exact, covered, alike = Sampler(cascade), ewif(cascade), 0, 0
    for repetition in range(400):
        found = estimate(sampler.draw((14, repetition), 1000), sampler)
        covered += found.ci95[0] <= exact <= found.ci95[1]
        alike += found.tokens_per_cycle == 1
    assert alike > 200
    assert covers_enough(covered, 400)
    assert not covers_enough(400 - alike, 400)  # what intervals of no width would have covered


def test_the_reference_covers_events_hardly_ever_seen():
    cascade, covered = rare(1e-3, 3), 0
    exact = ewif(cascade)
    for repetition in range(200):
        low, high = run_cycles(cascade, 200, repetition).ci95
        covered += low <= exact <= high
    assert covers_enough(covered, 200)


@pytest.mark.parametrize("second", [0.5, 2e-4, 1e-4], ids=["one varies", "same cascade", "none varies"])
def test_comparisons_cover_events_hardly_ever_seen(second):
    cascades = rare(2e-4), rare(second)
    samplers, covered = [Sampler(cascade) for cascade in cascades], 0
    exact = ewif(cascades[0]) - ewif(cascades[1])
    for repetition in range(300):
        low, high = compare(*samplers, (15, repetition), 1000).ci95
        covered += low <= exact <= high
    assert covers_enough(covered, 300)


def test_a_comparison_adds_the_unseen_of_the_one_that_did_not_vary():
    varying, unseen, certain = (Sampler(flat(hazard)) for hazard in (0.5, 1e-12, 0.0))
    alone = estimate(unseen.draw((21,), 1000), unseen).standard_error
    found = compare(unseen, varying, (21,), 1000).standard_error
    assert found == pytest.approx(alone + compare(certain, varying, (21,), 1000).standard_error)


def test_a_difference_never_seen_is_not_taken_for_none():
    one, other = (flat({"per_position": [0.5, last], "beyond": "last"}) for last in (0.7, 0.7 + 1e-12))
    found = compare(Sampler(one), Sampler(other), (22,), 1000)
    assert found.difference == 0 < found.standard_error


def test_what_is_recorded_alike_is_not_taken_for_certain():
    replayed = Sampler(flat(1.0), read_process({"replay": {"traces": [{"t": {"d": "1111"}}], "cycles": 4}}))
    assert estimate(replayed.draw((16,), 1000), replayed).standard_error > 0


def test_certain_outcomes_are_certain_for_every_engine():
    certain = flat({"per_position": [1, 0], "beyond": "last"})
    assert run_cycles(certain, 100, 0).standard_error == 0
    assert compare(Sampler(certain), Sampler(flat(1.0)), (17,), 100).standard_error == 0
    assert run_cycles(certain, 100, 0).ci95[0] < ewif(certain) < run_cycles(certain, 100, 0).ci95[1]


def test_every_estimate_counts_the_prefill():
    """10 tokens in two cycles of cost 1 and a prefill of 3: (10 + 3) / (2 + 3)."""
    sampler = Sampler(flat(1.0, tokens=4, cost=0), generation=Generation(10, prefill=3.0))
    nothing = Sampler(flat(1.0, tokens=4, cost=0), generation=Generation(10))
    found = compare(sampler, nothing, (18,), 100)
    assert (found.first, found.second) == (2.6, 5.0)
    assert estimate(sampler.draw((18,), 100), sampler).ewif == 2.6
    assert bootstrap_interval(sampler.sample((18,), 100), np.random.default_rng(0)) == (2.6, 2.6)


def test_a_comparison_of_generations_agrees_with_their_estimates():
    samplers = [Sampler(c, generation=Generation(16, prefill=4.0)) for c in (three_levels(), flat())]
    first, second = (estimate(s.draw((19, i), 20_000), s) for i, s in enumerate(samplers))
    found = compare(*samplers, (19,), 20_000)
    error = np.hypot(first.standard_error, second.standard_error)
    assert found.first - found.second == pytest.approx(first.ewif - second.ewif, abs=5 * (error + found.standard_error))
    assert found.first == pytest.approx(first.ewif, abs=8 * first.standard_error)


def drifting(autocorrelation, **length):
    """Beside the sampler, the exact EWIF."""
    content = {"share": 0.3, "autocorrelation": autocorrelation, "acceptance": {"t": {"d": 0.2}}}
    process = read_process({"markov": content})
    sampler = Sampler(flat(0.9, tokens=4, cost=0), replace(process, **length))
    return sampler, stationary_markov_tokens(process, (0.9, 0.2), 4)


def drifting_coverage(sampler, exact, blocks, repetitions):
    covered = 0
    for repetition in range(repetitions):
        low, high = estimate(sampler.draw((20, repetition), blocks), sampler).ci95
        covered += low <= exact <= high
    return covered


@pytest.mark.parametrize(("autocorrelation", "blocks", "repetitions"), [(0.9, 60, 400), (0.99, 40, 120)])
def test_intervals_along_a_drifting_text_cover_the_exact_ewif(autocorrelation, blocks, repetitions):
    covered = drifting_coverage(*drifting(autocorrelation), blocks, repetitions)
    assert within_binomial_error(covered, repetitions)


def test_stretches_too_short_for_the_correlation_are_found_out():
    """Negative control: a cycle at a time, as a task is not allowed to have it."""
    assert not within_binomial_error(drifting_coverage(*drifting(0.99, cycles=1), 20_000, 60), 60)


def test_one_block_says_nothing_about_its_error():
    sampler = Sampler(flat())
    assert estimate(sampler.draw((9,), 1), sampler).half_width == np.inf


def test_common_random_numbers_narrow_a_comparison():
    first, second = Sampler(flat(0.8)), Sampler(flat(0.81))
    together = compare(first, second, (10,), 50_000)
    first_apart, second_apart = (
        estimate(s.draw((11, i), 50_000), s).standard_error for i, s in enumerate((first, second))
    )
    assert together.correlation > 0.95
    assert together.standard_error < 0.3 * np.hypot(first_apart, second_apart)
    assert together.ci95[0] <= ewif(flat(0.8)) - ewif(flat(0.81)) <= together.ci95[1]


def test_comparing_a_cascade_with_itself_gives_exactly_nothing():
    found = compare(Sampler(three_levels()), Sampler(three_levels()), (12,), 1000)
    assert (found.difference, found.standard_error) == (0.0, 0.0)
    assert found.correlation == pytest.approx(1)


def test_a_comparison_does_not_depend_on_its_chunks_being_many():
    """Only the numbers drawn change with the chunk, not what they estimate."""
    cascades = Sampler(three_levels()), Sampler(Cascade.from_json(flat().to_json()))
    one, many = compare(*cascades, (13,), 20_000), compare(*cascades, (13,), 20_000, chunk=1000)
    assert one.difference == pytest.approx(many.difference, abs=5 * np.hypot(one.standard_error, many.standard_error))
