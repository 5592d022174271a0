"""Advice on draft lengths and explanations, held against the exact theory, and against runs that are drawn."""

import engine_texts as texts
import numpy as np
import pytest

from analysis import ewif, ewif_by_length, fit
from analysis.engines.advice import advice_of
from analysis.engines.by_length import estimates
from analysis.engines.comparison import compared
from analysis.engines.cost_laws import extreme_laws, given_law, laws_of_runs, measured_drafting
from analysis.engines.explanation import explained
from analysis.engines.readers import read_counters
from analysis.engines.specification import fit_counts, per_step, specification, step_rates
from analysis.engines.step_cost import StepCost
from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters
from analysis.theory.sensitivity import standard_error

RUN = texts.drawn_run(seed=3)
COPIER = texts.drawn_run(seed=4, abstaining=0.4)


def law(error=0.0):
    return StepCost("by token", 0.0, 0.07, None, error)


@pytest.mark.parametrize(
    "cost",
    [law(), StepCost("fixed", 0.3), StepCost("both", 0.1, 0.05), StepCost("short drafts", 0.0, 0.1, 1.7)],
    ids=lambda cost: cost.words,
)
def test_the_closed_form_is_the_exact_theory_of_the_specification(cost):
    rates = step_rates(read_counters(texts.vllm_page(COPIER)))
    rows = estimates(rates, cost)
    expected = ewif_by_length(specification(rates, cost, len(rates)), len(rates))
    assert [row.ewif for row in rows] == pytest.approx([row.ewif for row in expected])
    assert [row.cost_per_step for row in rows] == pytest.approx([row.cost_per_cycle for row in expected])
    assert [row.is_best for row in rows] == [row.is_best for row in expected]


@pytest.mark.parametrize("error", [0.0, 0.2])
def test_intervals_are_those_of_the_delta_method(error):
    """Two ways to the same width: draws from Jeffreys' posterior, and derivatives of the exact EWIF."""
    rates = step_rates(read_counters(texts.vllm_page(RUN)))
    row = estimates(rates, law(error))[4]
    half = 1.96 * standard_error(specification(rates, law(error), 4))
    assert (row.high - row.low) / 2 == pytest.approx(half, rel=0.05)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """200 runs of known hazards: 95 % intervals miss 0..24 times but for a chance of 1e-5."""
    truth = ewif(specification_of((0.8, 0.7, 0.6, 0.5)))
    missed = 0
    for seed in range(200):
        run = texts.drawn_run(seed=seed, requests=2, steps=100)
        row = estimates(step_rates(read_counters(texts.positions_csv(run))), law())[4]
        missed += not row.low <= truth <= row.high
    assert missed <= 24


def test_where_requests_differ_intervals_of_those_told_apart_are_as_wide_as_truth():
    """80 sets of 30 requests, half of which accept .9, half .5: misses are 0..19 but for a chance of 1e-6.

    Intervals that take tokens as independent are the negative control: they miss far more often.
    """
    generator = np.random.default_rng(7)
    truth = None
    missed = naive = 0
    for _ in range(80):
        hazards = generator.choice([0.5, 0.9], size=30)
        survives = np.cumprod(generator.random((30, 80, 3)) < hazards[:, None, None], axis=2)
        accepted = survives.sum(axis=2)
        run = texts.Run(((3,) * 80,) * 30, tuple(tuple(int(a) for a in row) for row in accepted), 3)
        told = read_counters(texts.spec_bench(run))
        truth = (1 + np.mean([sum(h**j for j in (1, 2, 3)) for h in (0.5, 0.9)])) / 1.21
        row = estimates(step_rates(told), law(), by_request=told.by_request)[3]
        missed += not row.low <= truth <= row.high
        row = estimates(step_rates(read_counters(texts.positions_csv(run))), law())[3]
        naive += not row.low <= truth <= row.high
    assert missed <= 19
    assert naive > 24


def test_each_request_counts_as_a_prompt_where_they_are_told_apart():
    rows = fit_counts(read_counters(texts.sglang_answers(RUN)))["rows"]
    assert len(rows) == len(RUN.accepted)
    assert sum(row["examined"][0] for row in rows) == RUN.steps
    assert {each.name for each in fit({"rows": rows})} >= {"constant", "per_position"}


def specification_of(hazards):
    """A specification with these hazards at .07 a token."""
    counts, accepted = 1e9, []
    for hazard in hazards:
        counts *= hazard
        accepted.append(counts)
    seen = EngineCounters("plain", "counts", drafts=1e9, accepted_by_position=tuple(accepted))
    return specification(step_rates(seen), law(), len(hazards))


def test_a_copier_that_abstains_is_worth_what_its_steps_write_and_cost():
    """The speedup counted step by step: tokens over cost, where steps without a draft cost 1 and write 1."""
    seen = read_counters(texts.vllm_page(COPIER))
    cost = given_law(seen, draft_cost=0.1, review_cost=0.02)
    offered, accepted = COPIER.flat
    counted = (accepted + 1).sum() / (1 + 0.12 * offered).sum()
    rows = estimates(step_rates(seen), cost)
    assert rows[COPIER.length].ewif == pytest.approx(counted)
    for k in range(COPIER.length):
        cut = (np.minimum(accepted, k) + 1).sum() / (1 + 0.12 * np.minimum(offered, k)).sum()
        assert rows[k].ewif == pytest.approx(cut)


def test_a_limit_on_drafts_that_end_by_themselves_costs_at_most_what_is_said():
    generator = np.random.default_rng(1)
    lengths = generator.integers(1, 9, size=5000)
    accepted = np.minimum(generator.geometric(0.3, size=5000) - 1, lengths)
    positions = tuple(float((accepted > j).sum()) for j in range(8))
    seen = EngineCounters(
        "plain",
        "counts",
        drafts=5000,
        steps_without_draft=0,
        drafted=float(lengths.sum()),
        accepted=float(accepted.sum()),
        accepted_by_position=positions,
        draft_length=8,
    )
    assert seen.has_one_length is False
    rows = estimates(step_rates(seen), given_law(seen, 0.1))
    for k in range(9):
        truth = (np.minimum(accepted, k) + 1).sum() / (1 + 0.1 * np.minimum(lengths, k)).sum()
        assert rows[k].tokens_per_step == pytest.approx((np.minimum(accepted, k) + 1).mean())
        assert rows[k].ewif <= truth + 1e-12
    assert rows[8].ewif == pytest.approx(truth)
    assert any("ended looks like a rejection" in each for each in advice_of(seen, [law()]).unknown)


def test_the_counts_for_fit_give_the_hazards_back():
    (found,) = [each for each in fit(fit_counts(read_counters(texts.vllm_page(RUN)))) if each.name == "per_position"]
    counted = [rate.hazard for rate in read_counters(texts.vllm_page(RUN)).rates()]
    assert found.acceptance == {"per_position": pytest.approx(counted)}
    assert fit(fit_counts(read_counters('{"survival": [0.8, 0.6]}')))
    assert fit(fit_counts(read_counters(texts.tensorrt_iterations(RUN))))[0].name == "constant"


def test_a_mean_alone_stands_for_all_positions_and_says_so():
    seen = read_counters(texts.tensorrt_iterations(RUN))
    advice = advice_of(seen, [law()])
    assert len({rate.hazard for rate in advice.rates}) == 1
    assert advice.priced[0].rows[4].tokens_per_step == pytest.approx(1 + RUN.total_accepted / RUN.steps)
    assert any("one number stands for all" in each for each in advice.unknown)
    whole = fit(fit_counts(seen))[0]
    rate = advice.rates[0]
    assert (rate.high - rate.low) / 2 == pytest.approx(1.96 * whole.standard_errors["alpha"], rel=1e-6)


def test_a_mean_without_the_length_of_drafts_asks_for_it():
    seen = read_counters(texts.llama_answers(RUN))
    with pytest.raises(InputError, match="draft_length: is not told"):
        advice_of(seen, [law()])
    advice = advice_of(seen, [law()], draft_length=4)
    assert advice.priced[0].rows[4].tokens_per_step == pytest.approx(1 + RUN.total_accepted / RUN.steps)
    with pytest.raises(InputError, match="draft_length: got 1, expected at least"):
        advice_of(seen, [law()], draft_length=1)


def test_beyond_the_data_there_is_a_guess_and_it_is_called_one():
    cheap, dear = StepCost("cheap", 0.0, 0.01), StepCost("dear", 0.0, 0.6)
    seen = read_counters(texts.vllm_page(RUN))
    first, second = advice_of(seen, [cheap]).priced[0], advice_of(seen, [dear]).priced[0]
    assert first.best.tokens == 4
    assert first.guess is not None
    assert 4 < first.guess[0] <= 8
    assert second.best.tokens < 4
    assert second.guess is None
    assert all(row.tokens <= 4 for row in first.rows)


def test_between_two_extremes_the_length_is_the_one_that_loses_least():
    plain = read_counters(texts.vllm_page(RUN, plain=True))
    slow = texts.Run(RUN.offered, RUN.accepted, RUN.length, step_seconds=0.05)
    both = compared(read_counters(texts.vllm_page(slow)), plain)
    assert both.step_cost == pytest.approx(2.5)
    advice = advice_of(both.speculative, extreme_laws(both), comparison=both)
    by_token, fixed = advice.priced
    assert by_token.best.tokens < fixed.best.tokens == 4
    for k in range(5):
        worst = max(1 - each.rows[k].ewif / each.best.ewif for each in advice.priced)
        assert advice.regret <= worst + 1e-12
    assert advice.regret == max(1 - each.rows[advice.tokens].ewif / each.best.ewif for each in advice.priced)


@pytest.mark.parametrize("run", [RUN, COPIER], ids=["always", "abstaining"])
def test_both_extremes_agree_with_the_clock_at_the_length_of_the_run(run):
    fast = texts.Run(run.offered, run.accepted, run.length, step_seconds=0.03)
    both = compared(read_counters(texts.vllm_page(fast)), read_counters(texts.vllm_page(run, plain=True)))
    for cost in (*extreme_laws(both), *measured_drafting(both, 0.05)):
        row = estimates(step_rates(both.speculative), cost)[run.length]
        assert row.cost_per_step == pytest.approx(both.step_cost)
        assert row.ewif == pytest.approx(both.speedup)


def test_a_comparison_needs_one_run_with_and_one_without_speculation():
    fast, plain = read_counters(texts.vllm_page(RUN)), read_counters(texts.vllm_page(RUN, plain=True))
    with pytest.raises(InputError, match="baseline: has 1,200 drafts"):
        compared(fast, fast)
    with pytest.raises(InputError, match="metrics: has no drafts"):
        compared(plain, plain)
    with pytest.raises(InputError, match="metrics: tells no tokens and seconds"):
        compared(read_counters(texts.vllm_log(RUN)), plain)


@pytest.mark.parametrize("run", [RUN, COPIER], ids=["always", "abstaining"])
def test_an_explanation_accounts_for_every_token(run):
    both = compared(read_counters(texts.vllm_page(run)), read_counters(texts.vllm_page(run, plain=True)))
    tokens = explained(both).tokens
    lost = tokens.shorter + tokens.abstained + tokens.rejected + tokens.cut
    assert tokens.possible - lost == pytest.approx(tokens.written)
    offered, accepted = run.flat
    assert tokens.abstained == pytest.approx(run.length * (offered == 0).mean())
    assert tokens.rejected == pytest.approx((offered - accepted).mean())
    assert tokens.shorter == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("run", [RUN, COPIER], ids=["always", "abstaining"])
def test_at_the_break_even_alpha_the_run_gains_nothing(run):
    slow = texts.Run(run.offered, run.accepted, run.length, step_seconds=0.045)
    both = compared(read_counters(texts.vllm_page(slow)), read_counters(texts.vllm_page(run, plain=True)))
    share, alpha = run.drafts / run.steps, both.break_even_hazard
    tokens = 1 + share * sum(alpha ** (j + 1) for j in range(run.length))
    assert tokens / both.step_cost == pytest.approx(1)


def test_where_no_acceptance_would_do_it_is_said():
    slow = texts.Run(RUN.offered, RUN.accepted, RUN.length, step_seconds=0.2)
    both = compared(read_counters(texts.vllm_page(slow)), read_counters(texts.vllm_page(RUN, plain=True)))
    found = explained(both)
    assert found.cannot_gain
    assert both.break_even_hazard is None
    assert found.lengths.tokens == 0 or found.lengths.regret > 0


def test_drafting_that_is_timed_is_taken_out_of_the_cost():
    """Steps of 30 ms, 4 of them drafting, against plain steps of 20."""
    slow = texts.Run(RUN.offered, RUN.accepted, RUN.length, step_seconds=0.03)
    plain = EngineCounters("plain", "counts", drafts=0, steps_without_draft=50, accepted=0, tokens=50, decode_seconds=1)
    both = compared(read_counters(texts.llama_log(slow)), plain)
    cost = explained(both).cost
    assert cost.drafting == pytest.approx(0.2, rel=5e-3)
    assert cost.drafting + cost.rest == pytest.approx(both.beyond)
    by_token, fixed = laws_of_runs(both)
    assert fixed.per_token * 4 == pytest.approx(cost.drafting, rel=5e-3)
    assert fixed.fixed == pytest.approx(cost.rest, rel=5e-3)
    assert by_token.at(np.array([4.0])) == pytest.approx(1.5, rel=5e-3)
    untimed = compared(read_counters(texts.vllm_page(slow)), plain)
    assert explained(untimed, draft_cost=0.03).cost.drafting == pytest.approx(0.03 * 4)


def test_drafting_dearer_than_the_clock_leaves_is_refused():
    slow = texts.Run(RUN.offered, RUN.accepted, RUN.length, step_seconds=0.03)
    both = compared(read_counters(texts.vllm_page(slow)), read_counters(texts.vllm_page(RUN, plain=True)))
    with pytest.raises(InputError, match=r"draft_cost: got 0.2: drafting would cost 0.8 .* more than the 0.5"):
        laws_of_runs(both, 0.2)


def test_runs_of_two_engines_are_not_compared():
    with pytest.raises(InputError, match=r"baseline: is of vllm, expected a run of llama.cpp"):
        compared(read_counters(texts.llama_log(RUN)), read_counters(texts.vllm_page(RUN, plain=True)))


def test_counting_abstentions_in_changes_nothing_where_there_are_none():
    seen = read_counters(texts.vllm_page(RUN))
    assert per_step(seen) == seen
