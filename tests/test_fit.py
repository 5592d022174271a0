"""Fitted acceptance models against closed forms, enumeration in rationals, integrals, SymPy and simulated counts."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from command_line import run
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit

from analysis.commands import fit as command
from analysis.fitting import fit_all, fit_mean_length, read_observations, simulated_chain
from analysis.fitting.beta import fit_beta
from analysis.fitting.hidden import _of_sequences, fit_markov
from analysis.fitting.likelihood import log_likelihood, pearson
from analysis.fitting.models import fit_constant, fit_decaying, fit_per_position, fit_typed
from analysis.model import Cascade, InputError, PerPosition, Step, acceptances, scalar_models, with_beyond
from analysis.optimum.uncertain import perturbed
from analysis.theory.exact import cycle_law
from analysis.theory.heterogeneity import beta_ewif, hazards_of_equal_cycles, pooled_alpha
from analysis.theory.markov import HiddenChain, markov_ewif, survival_by_position
from analysis.theory.sensitivity import standard_error

LLAMA_CPP = {"survival": [0.805, 0.632, 0.483]}
"""llama.cpp issue 24536; its mean acceptance length, bonus token counted, is 2.92."""


def sequences_of(accepted, k):
    """Sequences from accepted counts, shape (prompts, cycles)."""
    return read_observations({"sequences": [{"offered": [k] * len(row), "accepted": row.tolist()} for row in accepted]})


def drawn(alphas, cycles, k, generator):
    """Accepted tokens of cycles of k at each prompt's alpha, shape (prompts, cycles)."""
    tokens = generator.random((len(alphas), cycles, k)) < np.asarray(alphas)[:, None, None]
    return np.cumprod(tokens, axis=2).sum(axis=2)


def drawn_by_hazard(hazards, cycles, generator):
    tokens = generator.random((1, cycles, len(hazards))) < np.asarray(hazards)
    return np.cumprod(tokens, axis=2).sum(axis=2)


def drawn_along_a_chain(chain, alphas, prompts, cycles, k, seed):
    """Accepted tokens of consecutive cycles of texts, drawn token by token."""
    random = np.random.default_rng(seed).random
    leave = (chain.leave_hard, chain.leave_easy)
    accepted = np.zeros((prompts, cycles), dtype=int)
    for p, c in itertools.product(range(prompts), range(cycles)):
        if c == 0:
            state = int(random() < chain.shares[1])
        while True:
            going = accepted[p, c] < k and random() < alphas[state]
            state = 1 - state if random() < leave[state] else state
            if not going:
                break
            accepted[p, c] += 1
    return accepted


def rows(*items):
    return read_observations(
        {"rows": [dict(zip(("prompt", "type", "examined", "accepted"), i, strict=True)) for i in items]}
    )


# Constant, typed and by position.


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1)), min_size=1, max_size=5))
def test_the_constant_fit_is_accepted_over_examined(cells):
    examined = [n for n, _ in cells]
    accepted = [round(n * share) for n, share in cells]
    found = fit_constant(rows(("p", "accepted", examined, accepted)))
    n, x = sum(examined), sum(accepted)
    alpha = Fraction(x, n)
    assert found.parameters["alpha"] == pytest.approx(float(alpha))
    if 0 < x < n:
        assert found.standard_errors["alpha"] == pytest.approx(math.sqrt(float(alpha * (1 - alpha) / n)))
        expected = x * math.log(alpha) + (n - x) * math.log(1 - alpha)
        assert found.log_likelihood == pytest.approx(expected)
        assert found.aic == pytest.approx(2 - 2 * expected)
    else:
        assert found.standard_errors["alpha"] > 0
        assert found.log_likelihood == 0


def test_the_constant_fit_maximises_the_likelihood_in_sympy():
    a = sp.symbols("a", positive=True)
    x, y = 70, 30
    log = x * sp.log(a) + y * sp.log(1 - a)
    (best,) = sp.solve(sp.diff(log, a), a)
    found = fit_constant(rows(("p", "accepted", [60, 40], [45, 25])))
    assert found.parameters["alpha"] == pytest.approx(float(best))
    assert found.standard_errors["alpha"] == pytest.approx(float(sp.sqrt(-1 / sp.diff(log, a, 2).subs(a, best))))


def test_typed_and_positional_fits_are_proportions_of_their_cells():
    seen = rows(
        ("p", "accepted", [100, 60], [80, 30]), ("p", "corrected", [50, 20], [20, 5]), ("q", "accepted", [10], [9])
    )
    typed = fit_typed(seen)
    assert typed.acceptance == {"accepted": 119 / 170, "corrected": 25 / 70}
    assert fit_per_position(seen).acceptance == {"per_position": [109 / 160, 35 / 80]}
    saturated = sum(
        x * math.log(x / n) + (n - x) * math.log(1 - x / n) for n, x in ((110, 89), (60, 30), (50, 20), (20, 5))
    )
    assert fit_per_position(seen).log_likelihood < saturated
    names = [fit.name for fit in fit_all(seen)]
    assert set(names) == {"constant", "typed", "per_position", "decaying", "beta"}
    assert [fit.aic for fit in fit_all(seen)] == sorted(fit.aic for fit in fit_all(seen))


def test_positions_that_were_never_examined_take_the_hazard_before():
    found = fit_per_position(rows(("p", "accepted", [100, 0, 50], [60, 0, 40])))
    assert found.acceptance == {"per_position": [0.6, 0.6, 0.8]}


def test_more_counts_narrow_the_errors_and_leave_the_estimate():
    few, many = (
        fit_decaying(
            rows(("p", "accepted", [n * s for s in (1, 0.7, 0.4)], [n * s for s in (0.7, 0.4, 0.2)])), floor=False
        )
        for n in (1000, 4000)
    )
    for name in ("initial", "decay"):
        assert many.parameters[name] == pytest.approx(few.parameters[name], rel=1e-5)
        assert few.standard_errors[name] == pytest.approx(2 * many.standard_errors[name], rel=1e-3)


# Decaying.


def test_a_decaying_fit_finds_what_made_the_counts():
    """Counts at their expectation: the estimate is the truth, the test statistic zero."""
    truth = (0.9, 0.85, 0.5)
    hazards = [max(truth[0] * truth[1] ** j, truth[2]) for j in range(8)]
    examined = 1e6 * np.cumprod([1.0, *hazards[:-1]])
    seen = rows(("p", "accepted", examined.tolist(), (examined * hazards).tolist()))
    found = fit_decaying(seen, floor=True)
    assert list(found.parameters.values()) == pytest.approx(truth, abs=1e-4)
    assert found.goodness_of_fit.statistic == pytest.approx(0, abs=1e-2)
    assert found.goodness_of_fit.degrees == 5
    without = fit_decaying(seen, floor=False)
    assert without.goodness_of_fit.p_value < 1e-9


def test_the_errors_of_a_decaying_fit_are_those_of_its_fisher_information():
    """SymPy: the information matrix of initial and decay at counts equal to their expectation."""
    a, g = sp.symbols("a g", positive=True)
    examined = [1000.0, 800.0, 576.0, 373.248]
    hazards = [a * g**j for j in range(4)]
    at = {a: sp.Rational(4, 5), g: sp.Rational(9, 10)}
    information = sp.zeros(2, 2)
    for n, h in zip(examined, hazards, strict=True):
        slope = sp.Matrix([sp.diff(h, a), sp.diff(h, g)])
        information += n * slope * slope.T / (h * (1 - h))
    covariance = information.subs(at).inv()
    accepted = [float(n * h.subs(at)) for n, h in zip(examined, hazards, strict=True)]
    found = fit_decaying(rows(("p", "accepted", examined, accepted)), floor=False)
    assert list(found.parameters.values()) == pytest.approx([0.8, 0.9], abs=1e-5)
    for i, name in enumerate(("initial", "decay")):
        assert found.standard_errors[name] == pytest.approx(float(sp.sqrt(covariance[i, i])), rel=1e-4)


def test_a_floor_below_every_hazard_is_not_offered():
    seen = rows(("p", "accepted", [1000, 800, 576], [800, 576, 373]))
    assert fit_decaying(seen, floor=True) is None
    assert "decaying_floor" not in [fit.name for fit in fit_all(seen)]


def decaying_spec(fit, k=6, cost=0.05, uncertainty=None):
    return Cascade.from_json(
        {
            "target": "t",
            "models": {"t": {"cost": 1}, "d": {"cost": cost}},
            "acceptance": {"t": {"d": fit.acceptance}},
            "draft": [{"by": "d", "tokens": k}],
            "uncertainty": {"acceptance": {"t": {"d": fit.uncertainty if uncertainty is None else uncertainty}}},
        }
    )


def test_the_error_of_ewif_by_a_decaying_fit_is_the_scatter_of_its_estimates():
    """Ratio of the mean error to the scatter of 80 estimates: 1 +- 0.08; 1.6 with the correlation denied."""
    generator = np.random.default_rng(11)
    hazards = [0.8 * 0.97**j for j in range(6)]
    fits = [fit_decaying(sequences_of(drawn_by_hazard(hazards, 1000, generator), 6), floor=False) for _ in range(80)]
    scatter = np.std([cycle_law(decaying_spec(fit)).ewif for fit in fits], ddof=1)
    assert 0.7 < np.mean([standard_error(decaying_spec(fit)) for fit in fits]) / scatter < 1.35
    denied = [{key: fit.uncertainty[key] for key in ("initial", "decay")} for fit in fits]
    wide = [standard_error(decaying_spec(fit, uncertainty=each)) for fit, each in zip(fits, denied, strict=True)]
    assert np.mean(wide) / scatter > 1.35  # negative control


def test_draws_of_a_decaying_fit_scatter_as_its_error_of_ewif_says():
    """The spread of 2,000 draws is known to 1.6 %; draws of independent parameters would be 1.6 times too wide."""
    examined = [1000.0, 800.0, 620.0, 470.0, 340.0, 250.0]
    fit = fit_decaying(
        rows(("p", "accepted", examined, [n * 0.8 * 0.97**j for j, n in enumerate(examined)])), floor=False
    )
    assert fit.uncertainty["correlation"][0][1] < -0.65
    spec = decaying_spec(fit)
    drawn = [cycle_law(perturbed(spec, np.random.default_rng([1, i])).with_draft(spec.draft)).ewif for i in range(2000)]
    assert np.std(drawn) == pytest.approx(standard_error(spec), rel=0.08)


def errors_of(uncertainty):
    """Every standard error of an entry for `uncertainty`."""
    if isinstance(uncertainty, dict):
        return [e for key, item in uncertainty.items() if key != "correlation" for e in errors_of(item)]
    return [e for item in uncertainty for e in errors_of(item)] if isinstance(uncertainty, list) else [uncertainty]


@pytest.mark.parametrize(
    "seen",
    [
        {"sequences": [{"offered": [0, 0, 3], "accepted": [0, 0, 2]}]},
        {"survival": [0.7, 0, 0, 0], "cycles": 1000},
        {"survival": [1, 1, 1], "cycles": 1000},
        {"survival": [0.5, 0.5, 0.5, 0.5], "cycles": 1e6},
        {"sequences": [{"offered": [4] * 9, "accepted": [4] * 9}] * 3},
        {"sequences": [{"offered": [4] * 9, "accepted": [0] * 9}] * 12},
        {"sequences": [{"offered": [3] * 9, "accepted": [3, 0, 1] * 3}] * 12},
        {"rows": [{"examined": [10, 10, 10, 10, 10], "accepted": [0, 0, 0, 0, 0]}]},
        {"rows": [{"examined": [9, 8], "accepted": [9, 0], "type": kind} for kind in ("accepted", "corrected")]},
    ],
)
def test_no_fit_takes_a_number_for_certain(seen):
    for fit in fit_all(read_observations(seen)):
        assert min(errors_of(fit.uncertainty)) > 1e-7, fit.name
        assert max(e for e in errors_of(fit.uncertainty)) <= 0.5, fit.name
        assert not any(error == 0 for error in fit.standard_errors.values()), fit.name
        decaying_spec(fit)


def test_a_decay_that_the_counts_do_not_tell_is_the_nearest_to_none():
    for survival, decay in (([1, 1, 1], 1.0), ([0.5, 0.5, 0.5], 2.0)):
        found = fit_decaying(read_observations({"survival": survival, "cycles": 1000}), floor=False)
        assert found.acceptance == pytest.approx({"initial": survival[0], "decay": decay}, abs=1e-3)


# Standard errors and tests on simulated counts.


def standardised_errors(datasets, truth, error_of):
    """(estimate - truth) / error over data sets."""
    return np.array([(found.parameters["alpha"] - truth) / error_of(found) for found in datasets])


def test_robust_errors_cover_prompts_that_differ_and_plain_ones_do_not():
    """Variance of 150 standardised errors: 1 +- 0.12; outside 0.5..1.6 by chance in about 1e-5 of runs."""
    generator = np.random.default_rng(8)
    fits = [fit_constant(sequences_of(drawn(generator.beta(4, 2, size=60), 25, 4, generator), 4)) for _ in range(150)]
    truth = pooled_alpha(hazards_of_equal_cycles(4, 2, 4), 4)
    robust = standardised_errors(fits, truth, lambda fit: fit.uncertainty)
    plain = standardised_errors(fits, truth, lambda fit: fit.standard_errors["alpha"])
    assert 0.5 < robust.var() < 1.6
    assert plain.var() > 2.5  # negative control


def test_the_test_of_fit_has_its_level_under_the_truth_and_power_against_another():
    """Under the truth p <= 0.05 in 5 % of 300 data sets: 15 +- 3.8, above 34 by chance in about 1e-6 of runs."""
    generator = np.random.default_rng(4)
    p_values = [
        fit_constant(sequences_of(drawn([0.7], 400, 5, generator), 5)).goodness_of_fit.p_value for _ in range(300)
    ]
    assert sum(p <= 0.05 for p in p_values) <= 34
    assert sum(p <= 0.5 for p in p_values) > 100
    rising = drawn_by_hazard([0.5, 0.6, 0.7, 0.8, 0.9], 2000, generator)
    assert fit_constant(sequences_of(rising, 5)).goodness_of_fit.p_value < 1e-9


# Beta.


def beta_sample(seed=2, prompts=150):
    generator = np.random.default_rng(seed)
    return drawn(generator.beta(6, 3, size=prompts), 40, 6, generator)


def test_the_beta_fit_finds_what_made_the_counts():
    """|z| < 4.5 for each of four parameters: false alarm below 3e-5."""
    found = fit_beta(sequences_of(beta_sample(), 6))
    truth = {"a": 6, "b": 3, "mean": 2 / 3, "deviation": math.sqrt(2 / 90)}
    for name, value in truth.items():
        assert abs(found.parameters[name] - value) < 4.5 * found.standard_errors[name], name
    assert found.goodness_of_fit.p_value > 1e-3


def test_the_beta_likelihood_is_the_integral_over_alpha():
    seen = rows(("p", "accepted", [10, 6], [6, 5]), ("q", "accepted", [8], [2]))
    found = fit_beta(seen)
    a, b = found.parameters["a"], found.parameters["b"]
    weight = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))

    def marginal(n, x):
        return quad(lambda p: weight * p ** (a + x - 1) * (1 - p) ** (b + n - x - 1), 0, 1, epsabs=1e-13)[0]

    expected = math.log(marginal(16, 11)) + math.log(marginal(8, 2))
    assert found.log_likelihood == pytest.approx(expected, rel=1e-8)


def test_the_beta_entry_gives_the_ewif_of_prompts_with_equal_tokens():
    found = fit_beta(sequences_of(beta_sample(), 6))
    cascade = Cascade("t", scalar_models({"t": 1, "d": 0.1}), acceptances({"t": {"d": 0.5}}), (Step("d", tokens=6),))
    expected = beta_ewif(cascade, "t", "d", found.parameters["a"], found.parameters["b"])
    for entry, value in (
        (found.acceptance, expected.equal_tokens),
        (found.alternatives["equal_cycles"], expected.equal_cycles),
    ):
        spec = {**cascade.to_json(), "acceptance": {"t": {"d": entry}}}
        assert cycle_law(Cascade.from_json(spec)).ewif == pytest.approx(value, rel=1e-9)


def test_hazards_that_rise_within_prompts_are_not_taken_for_beta():
    generator = np.random.default_rng(6)
    shifts = generator.normal(0, 0.3, size=(80, 1, 1))
    hazards = expit(np.array([-0.5, 0.3, 1.0, 1.8, 2.5]) + shifts)
    accepted = np.cumprod(generator.random((80, 60, 5)) < hazards, axis=2).sum(axis=2)
    assert fit_beta(sequences_of(accepted, 5)).goodness_of_fit.p_value <= 0.001


def test_counts_that_every_replicate_repeats_pass_the_test():
    found = fit_beta(rows(("p", "accepted", [50, 0], [0, 0]), ("q", "accepted", [70, 0], [0, 0])))
    assert found.goodness_of_fit is None
    found = fit_beta(rows(("p", "accepted", [50, 50], [50, 50]), ("q", "accepted", [70, 70], [70, 70])))
    assert found.goodness_of_fit.p_value > 0.4


def test_equal_prompts_give_a_beta_law_without_spread():
    generator = np.random.default_rng(7)
    found = fit_beta(sequences_of(drawn([0.7] * 60, 40, 5, generator), 5))
    assert found.parameters["deviation"] < 0.04
    assert found.parameters["mean"] == pytest.approx(0.7, abs=0.03)


# Hidden chain.


def enumerated_likelihood(cycles, chain, alphas):
    """Sum over all paths of hidden states, in rationals."""
    length = sum(a + 1 for _, a in cycles)
    leave = {0: Fraction(chain.leave_hard), 1: Fraction(chain.leave_easy)}
    shares = {0: leave[1] / (leave[0] + leave[1]), 1: leave[0] / (leave[0] + leave[1])}
    total = Fraction(0)
    for path in itertools.product((0, 1), repeat=length):
        mass = shares[path[0]]
        for s, z in itertools.pairwise(path):
            mass *= leave[s] if s != z else 1 - leave[s]
        at = 0
        for offered, accepted in cycles:
            for j in range(accepted):
                mass *= Fraction(alphas[path[at + j]])
            if accepted < offered:
                mass *= 1 - Fraction(alphas[path[at + accepted]])
            at += accepted + 1
        total += mass
    return math.log(total)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1)), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(1, 3), st.floats(0, 1)), min_size=1, max_size=2),
    st.tuples(*[st.floats(-2, 2)] * 4),
)
def test_the_chain_likelihood_is_the_sum_over_hidden_paths(first, second, logits):
    prompts = [[(k, round(k * share)) for k, share in cycles] for cycles in (first, second)]
    seen = read_observations(
        {"sequences": [{"offered": [k for k, _ in p], "accepted": [a for _, a in p]} for p in prompts]}
    )
    logits = (min(logits[:2]), max(logits[:2]), *logits[2:])
    alphas = tuple(float(expit(x)) for x in logits[:2])
    chain = HiddenChain(float(expit(logits[2])), float(expit(logits[3])))
    expected = [enumerated_likelihood(p, chain, alphas) for p in prompts]
    np.testing.assert_allclose(_of_sequences(seen.sequences)(np.array(logits)), expected, rtol=1e-9, atol=1e-12)


def test_the_chain_fit_finds_what_made_the_sequences():
    """|z| < 4.5 for each of four parameters: false alarm below 3e-5."""
    chain, alphas = HiddenChain(0.1, 0.05), (0.4, 0.9)
    seen = sequences_of(drawn_along_a_chain(chain, alphas, 40, 64, 6, seed=9), 6)
    fits = {fit.name: fit for fit in fit_all(seen)}
    found = fits["markov"]
    truth = {"alpha_hard": 0.4, "alpha_easy": 0.9, "leave_hard": 0.1, "leave_easy": 0.05}
    for name, value in truth.items():
        assert abs(found.parameters[name] - value) < 4.5 * found.standard_errors[name], name
    assert min(fits.values(), key=lambda fit: fit.aic) is found
    # The entry is a cascade with the long-run EWIF of the fitted chain.
    p = found.parameters
    cascade = Cascade("t", scalar_models({"t": 1, "d": 0.1}), acceptances({"t": {"d": 0.5}}), (Step("d", tokens=6),))
    fitted = HiddenChain(p["leave_hard"], p["leave_easy"])
    expected = markov_ewif(cascade, fitted, {"d": (p["alpha_hard"], p["alpha_easy"])}).ewif
    spec = {**cascade.to_json(), "acceptance": {"t": {"d": found.acceptance}}}
    assert cycle_law(Cascade.from_json(spec)).ewif == pytest.approx(expected, rel=1e-9)


def test_the_chain_fit_of_counts_by_position_gives_back_their_hazards():
    chain, alphas, k = HiddenChain(0.2, 0.2), (0.3, 0.9), 6
    survival = survival_by_position(chain, alphas, k)
    seen = rows(("p", "accepted", (1e6 * survival[:-1]).tolist(), (1e6 * survival[1:]).tolist()))
    found = fit_markov(seen)
    assert found.free == 3
    assert "equally frequent" in found.note
    np.testing.assert_allclose(found.acceptance["per_position"], survival[1:] / survival[:-1], atol=2e-4)
    assert [found.parameters[n] for n in ("alpha_hard", "alpha_easy", "leave_hard")] == pytest.approx(
        [0.3, 0.9, 0.2], abs=0.02
    )


def test_beta_and_chain_are_told_apart():
    fits = {fit.name: fit.aic for fit in fit_all(sequences_of(beta_sample(prompts=60), 6))}
    assert min(fits, key=fits.get) == "beta"


def test_the_test_of_the_chain_has_its_level_and_power(monkeypatch):
    """Cycles that follow each other depend on each other, which a chi-squared law denies: it alarms in a third.

    Under its own fit p <= 0.05 in 5 % of 30 data sets: 1.5 +- 1.2, above 6 by chance in 6e-4 of runs.
    """
    chain, alphas = HiddenChain(0.1, 0.1), (0.4, 0.9)
    monkeypatch.setattr(simulated_chain, "REPLICATES", 99)  # for speed
    tests, denied = [], []
    for seed in range(30):
        seen = sequences_of(drawn_along_a_chain(chain, alphas, 12, 60, 5, seed), 5)
        fit = fit_markov(seen)
        tests.append(fit.goodness_of_fit)
        denied.append(pearson(seen, np.array(fit.acceptance["per_position"])[seen.position], 4).p_value)
    assert sum(test.p_value <= 0.05 for test in tests) <= 6
    assert sum(test.p_value <= 0.5 for test in tests) >= 6
    assert {test.degrees for test in tests} == {None}
    assert sum(p <= 0.05 for p in denied) > 6  # negative control
    rising = drawn_by_hazard([0.3, 0.5, 0.7, 0.9, 0.98], 3000, np.random.default_rng(1))
    assert fit_markov(sequences_of(rising, 5)).goodness_of_fit.p_value == 1 / 100


# What serving engines report.


def test_a_survival_list_gives_its_hazards_and_mean_length():
    fits = {fit.name: fit for fit in fit_all(read_observations(LLAMA_CPP))}
    hazards = fits["per_position"].acceptance["per_position"]
    assert hazards == pytest.approx([0.805, 0.632 / 0.805, 0.483 / 0.632])
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 0}},
        "acceptance": {"t": {"d": {"per_position": hazards}}},
        "draft": [{"by": "d", "tokens": 3}],
    }
    assert cycle_law(Cascade.from_json(spec)).tokens_per_cycle == pytest.approx(2.92)
    assert fits["constant"].parameters["alpha"] == pytest.approx(1.92 / 2.437)
    for fit in fits.values():
        assert fit.aic is None
        assert fit.uncertainty is None
        assert fit.goodness_of_fit is None
        assert not any(fit.standard_errors.values())


def test_a_survival_list_with_cycles_has_errors():
    fits = {fit.name: fit for fit in fit_all(read_observations({**LLAMA_CPP, "cycles": 1000}))}
    assert fits["constant"].standard_errors["alpha"] == pytest.approx(
        math.sqrt(1.92 / 2.437 * (1 - 1.92 / 2.437) / 2437)
    )
    assert fits["constant"].goodness_of_fit.degrees == 2


@pytest.mark.parametrize(("mean", "bonus"), [(2.92, True), (1.92, False)])
def test_a_mean_length_gives_the_alpha_that_yields_it_with_or_without_the_bonus_token(mean, bonus):
    seen = read_observations({"mean_length": mean, "draft_length": 3, "bonus_counted": bonus, "cycles": 500})
    alpha, error = fit_mean_length(seen)
    assert sum(alpha**j for j in range(4)) == pytest.approx(2.92, rel=1e-12)
    a = sp.symbols("a")
    law = {j + 1: a**j * (1 - a) for j in range(3)} | {4: a**3}
    expected = sum(t * p for t, p in law.items())
    variance = sum(t**2 * p for t, p in law.items()) - expected**2
    exact = sp.sqrt(variance / 500) / sp.diff(expected, a)
    assert error == pytest.approx(float(exact.subs(a, alpha)), rel=1e-10)


@pytest.mark.parametrize(("mean", "alpha"), [(1, 0.0), (4, 1.0)])
def test_the_edges_of_a_mean_length_are_the_edges_of_alpha(mean, alpha):
    seen = read_observations({"mean_length": mean, "draft_length": 3, "bonus_counted": True, "cycles": 9})
    found, error = fit_mean_length(seen)
    assert found == pytest.approx(alpha, abs=1e-14)
    examined = 9 if alpha == 0 else 27
    assert error == pytest.approx(math.sqrt(0.5 * (examined + 0.5) / (examined + 1) ** 2 / examined))


# Use of the entries, input and command.


def test_every_entry_with_its_errors_fits_a_specification():
    generator = np.random.default_rng(3)
    seen = sequences_of(drawn(generator.beta(5, 2, size=20), 30, 5, generator), 5)
    typed = rows(("p", "accepted", [100, 60], [80, 30]), ("p", "corrected", [50, 20], [20, 5]))
    for fit in [*fit_all(seen), *fit_all(typed)]:
        spec = {
            "target": "t",
            "models": {"t": {"cost": 1}, "d": {"cost": 0.1}, "e": {"cost": 0.01}},
            "acceptance": {"t": {"d": fit.acceptance}, "d": {"e": 0.5}},
            "draft": [{"by": "d", "rounds": 1, "draft": [{"by": "e", "tokens": 1}]}],
            "uncertainty": {"acceptance": {"t": {"d": fit.uncertainty}}},
        }
        cascade = with_beyond(Cascade.from_json(spec), hazards="last", costs="last")
        assert standard_error(cascade) > 0, fit.name
        json.dumps(fit.to_json(), allow_nan=False)


def test_likelihoods_of_certain_cells_are_zero_and_of_impossible_ones_minus_infinity():
    seen = rows(("p", "accepted", [5, 5], [5, 0]))
    assert log_likelihood(seen, np.array([1.0, 0.0])).tolist() == [0.0, 0.0]
    assert log_likelihood(seen, np.array([0.0, 0.0]))[0] == -math.inf
    assert PerPosition(tuple(fit_per_position(seen).acceptance["per_position"])).hazards == (1.0, 0.0)


BAD = [
    ({}, "counts: got none, expected exactly one of rows, sequences, survival, mean_length"),
    ({"rows": [], "survival": [0.5]}, "counts: got rows and survival, expected exactly one"),
    ({"rows": []}, "rows: no token was examined"),
    ({"rows": [{"examined": [3], "accepted": [4]}]}, "rows[0].accepted[0]: got 4, expected a number in [0, 3]"),
    ({"rows": [{"examined": [3, 2], "accepted": [1]}]}, "rows[0].accepted: got 1 positions beside 2"),
    ({"rows": [{"examined": [3], "accepted": [1], "type": "x"}]}, "rows[0].type: got 'x', expected accepted or corr"),
    ({"rows": [{"examined": [-1], "accepted": [0]}]}, "rows[0].examined[0]: got -1, expected a number in [0, 1e+15]"),
    (
        {"rows": [{"examined": [1e18, 1e19], "accepted": [1e18, 1]}]},
        "rows[0].examined[0]: got 1e+18, expected a number in [0, 1e+15]",
    ),
    ({"survival": [0.5], "cycles": 1e308}, "cycles: got 1e+308, expected a number in [1, 1e+15]"),
    (
        {"mean_length": 2, "draft_length": 3, "bonus_counted": True, "cycles": 1e308},
        "cycles: got 1e+308, expected a number in [1, 1e+15]",
    ),
    ({"rows": [{"examined": [3]}]}, "rows[0].accepted: missing"),
    (
        {"sequences": [{"offered": [2], "accepted": [3]}]},
        "sequences[0].accepted[0]: got 3, expected a whole number in 0..2",
    ),
    ({"sequences": [{"offered": [2], "accepted": [0.5]}]}, "sequences[0].accepted[0]: got 0.5, expected a whole"),
    ({"sequences": [{"offered": [2, 2], "accepted": [1]}]}, "sequences[0].accepted: got 1 cycles, expected as many"),
    ({"survival": [0.5, 0.6]}, "survival[1]: got 0.6, expected a number in [0, 0.5]"),
    ({"survival": []}, "survival: got '0 numbers', expected a list of 1..4096"),
    ({"survival": [0.5], "cycles": 0}, "cycles: got 0, expected a number in [1, 1e+15]"),
    ({"mean_length": 5, "draft_length": 3, "bonus_counted": True}, "mean_length: got 5, expected a number in [1, 4]"),
    ({"mean_length": 2, "draft_length": 3}, "bonus_counted: missing"),
    ({"mean_length": 2, "draft_length": 3, "bonus_counted": 1}, "bonus_counted: got 1, expected true where"),
    ({"survival": [0.5], "extra": 1}, "extra: unknown key"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
def test_bad_counts_are_refused_by_field_value_and_range(value, message):
    with pytest.raises(InputError) as refused:
        read_observations(value)
    assert str(refused.value).startswith(message)


def test_the_greatest_counts_are_fitted():
    half = {"examined": [1e15, 5e14], "accepted": [5e14, 2.5e14]}
    fits = fit_all(read_observations({"rows": [{"prompt": name, **half} for name in "ab"]}))
    assert {fit.name for fit in fits} >= {"constant", "per_position", "beta"}
    assert next(fit for fit in fits if fit.name == "constant").acceptance == 0.5


def test_a_factor_that_grows_far_into_a_draft_does_not_overflow():
    """Warnings are errors here; factors up to 4 a position overflow from position 512 on."""
    seen = read_observations({"sequences": [{"offered": [4096, 4096], "accepted": [4000, 4096]}]})
    for floor in (False, True):
        found = fit_decaying(seen, floor=floor)
        if found is not None:
            assert 0.999 < found.acceptance["initial"] <= 1


def test_an_entry_without_errors_omits_uncertainty_as_a_specification_does():
    without = fit_all(read_observations(LLAMA_CPP))
    assert all("uncertainty" not in fit.to_json() for fit in without)
    counted = fit_all(read_observations(LLAMA_CPP | {"cycles": 1000}))
    assert all(fit.to_json()["uncertainty"] is not None for fit in counted if fit.uncertainty is not None)
    assert any("uncertainty" in fit.to_json() for fit in counted)


def test_the_command_notes_counts_that_only_another_drafter_before_can_explain(tmp_path, capsys, monkeypatch):
    """Cycles given for examined tokens, and survivors for accepted: a survival curve, not hazards."""
    path = tmp_path / "counts.json"
    path.write_text(json.dumps({"rows": [{"examined": [100, 100, 100], "accepted": [80, 60, 50]}]}))
    status, _, error = run(command, capsys, monkeypatch, "fit", path, "--json")
    assert status == 0
    assert error.startswith("note: examined[1]: more than accepted[0]")
    right = [
        {"type": "accepted", "examined": [100, 30], "accepted": [50, 20]},
        {"type": "corrected", "examined": [0, 20], "accepted": [0, 5]},
    ]
    path.write_text(json.dumps({"rows": right}))
    assert "note" not in run(command, capsys, monkeypatch, "fit", path, "--json")[2]


def test_command_prints_the_best_model_first(tmp_path, capsys, monkeypatch):
    path = tmp_path / "counts.json"
    path.write_text(json.dumps({"rows": [{"examined": [1000, 800, 576], "accepted": [800, 576, 373]}]}))
    status, out, _ = run(command, capsys, monkeypatch, "fit", path, "--json")
    result = json.loads(out.splitlines()[-1])
    assert status == 0
    assert result["best"] == result["fits"][0]["model"] == "decaying"
    status, out, _ = run(command, capsys, monkeypatch, "fit", path)
    assert status == 0
    assert out.startswith("decaying   AIC")
    path.write_text(json.dumps({"mean_length": 2.92, "draft_length": 3, "bonus_counted": True}))
    status, out, _ = run(command, capsys, monkeypatch, "fit", path, "--json")
    assert json.loads(out)["fits"][0]["parameters"]["alpha"] == pytest.approx(0.79288, abs=1e-5)
    assert json.loads(out)["best"] is None


def test_command_refuses_bad_counts_in_one_line(tmp_path, capsys, monkeypatch):
    path = tmp_path / "counts.json"
    path.write_text('{"survival": [1.5]}')
    status, out, error = run(command, capsys, monkeypatch, "fit", path)
    assert (status, out, error) == (2, "", f"error: survival[0]: got 1.5, expected a number in [0, 1] (in {path})\n")
