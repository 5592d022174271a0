"""Choosing under uncertainty: regret, and draws of what is uncertain."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.model import Cascade, InputError
from analysis.optimum import Problem, optimise
from analysis.optimum.uncertain import perturbed, recommend
from analysis.theory.exact import ewif

SPEC = {
    "target": "t",
    "models": {"t": {"cost": 1}, "a": {"cost": 0.1}, "b": {"cost": 0.1}},
    "acceptance": {"t": {"a": 0.7, "b": 0.69}},
}


def problem_of(uncertainty, spec=SPEC, max_tokens=6):
    return Problem(Cascade.from_json(spec | {"uncertainty": uncertainty}, needs_draft=False), max_tokens, 2)


def advice(problem, samples=100, seed=1):
    return recommend(problem, optimise(problem), samples, seed)


def test_without_error_there_is_no_regret():
    problem = problem_of({"acceptance": {"t": {"a": 0.0}}})
    result = advice(problem, samples=5)
    assert result.draft == optimise(problem).draft
    assert (result.mean_regret, result.best_share, result.quantiles["1"]) == (0.0, 1.0, 0.0)


def test_a_tie_is_an_even_chance():
    """a and b differ by far less than their errors: each is best in half the draws.

    The share of 400 draws leaves 0.35..0.65 by chance with probability below 1e-8; every draft of a alone or of b alone
    is the best of its draw only where the lengths agree too, so only the upper limit is tight.
    """
    errors = {"acceptance": {"t": {"a": 0.05, "b": 0.05}}}
    result = advice(problem_of(errors), samples=400)
    assert 0.05 < result.best_share < 0.65
    assert result.mean_regret > 0.005
    assert 0 <= result.quantiles["0.5"] <= result.quantiles["0.9"] <= result.quantiles["0.95"] <= result.quantiles["1"]


def test_regret_grows_with_the_error():
    regrets = [advice(problem_of({"acceptance": {"t": {"a": se, "b": se}}})).mean_regret for se in (0.01, 0.05, 0.2)]
    assert regrets == sorted(regrets)
    assert regrets[2] > 3 * regrets[0]


def test_the_recommendation_beats_a_nominal_optimum_with_more_to_lose_than_to_win():
    """a is nominally best but can hardly be better than it seems, and much worse: the sure b is advised."""
    spec = SPEC | {"acceptance": {"t": {"a": 0.97, "b": 0.95}}}
    problem = problem_of({"acceptance": {"t": {"a": 0.2}}}, spec)
    result = advice(problem)
    assert {step.by for step in optimise(problem).draft} == {"a"}
    assert result.draft[0].by == "b"
    assert result.mean_regret < 0.7 * result.nominal_mean_regret


@pytest.mark.parametrize("seed", range(4))
def test_a_draft_is_judged_on_draws_it_was_not_chosen_on(seed):
    problem = problem_of({"acceptance": {"t": {"a": 0.1, "b": 0.1}}})
    result = advice(problem, samples=1, seed=seed)
    fresh = replace(problem, cascade=perturbed(problem.cascade, np.random.default_rng([seed, 1])))
    expected = 1 - ewif(fresh.cascade.with_draft(result.draft)) / optimise(fresh).ewif
    assert result.mean_regret == pytest.approx(expected, abs=1e-10)
    assert result.mean_regret == result.quantiles["1"]


def test_draws_follow_their_seed_and_number():
    problem = problem_of({"acceptance": {"t": {"a": 0.05}}})
    assert advice(problem, 20, seed=3) == advice(problem, 20, seed=3)
    assert advice(problem, 20, seed=3) != advice(problem, 20, seed=4)


def test_draws_have_the_mean_and_spread_asked_for():
    """A mean of 4,000 draws is off by 5 standard errors with probability below 1e-6; so is the spread."""
    cascade = problem_of({"acceptance": {"t": {"a": 0.05}}, "models": {"b": {"cost": 0.01}}}).cascade
    drawn = [perturbed(cascade, np.random.default_rng([0, i])) for i in range(4000)]
    for values, mean, spread in (
        ([c.pair("t", "a").at(0) for c in drawn], 0.7, 0.05),
        ([c.cost("b").at(1) for c in drawn], 0.1, 0.01),
    ):
        assert np.mean(values) == pytest.approx(mean, abs=5 * spread / 4000**0.5)
        assert np.std(values) == pytest.approx(spread, abs=5 * spread / 8000**0.5)
    assert {c.pair("t", "b").at(0) for c in drawn} == {0.69}


def test_draws_stay_in_range():
    spec = SPEC | {"acceptance": {"t": {"a": 0.99, "b": {"initial": 0.9, "decay": 0.95}}}}
    cascade = problem_of(
        {"acceptance": {"t": {"a": 0.5, "b": {"decay": 2.0}}}, "models": {"t": {"cost": 9}, "a": {"cost": 9}}}, spec
    ).cascade
    for i in range(200):
        perturbed(cascade, np.random.default_rng([0, i]))


def test_shapes_of_errors_follow_the_entries():
    spec = SPEC | {
        "acceptance": {"t": {"a": {"per_position": [0.5, 0.6, 0.6, 0.6]}, "b": {"accepted": 0.5, "corrected": 0.5}}},
        "models": SPEC["models"] | {"b": {"cost": {"by_tokens": [0.1, 0.1, 0.1]}}},
    }
    errors = {
        "acceptance": {
            "t": {"a": {"per_position": [0.0, 0.1, 0.1, 0.1]}, "b": {"accepted": 0.0, "corrected": 0.1}},
        },
        "models": {"b": {"cost": {"by_tokens": [0.0, 0.01, 0.01]}}},
    }
    drawn = perturbed(problem_of(errors, spec).cascade, np.random.default_rng(1))
    a, b, cost = drawn.pair("t", "a"), drawn.pair("t", "b"), drawn.cost("b")
    assert a.at(0) == 0.5
    assert len({a.at(1), a.at(2), a.at(3), 0.6}) == 4
    assert b.at(0) == 0.5 != b.at(0, corrected=True)
    assert cost.at(1) == 0.1 != cost.at(2)


@pytest.mark.parametrize(
    ("field", "errors"),
    [
        ("uncertainty.acceptance.t.z", {"acceptance": {"t": {"z": 0.1}}}),
        ("uncertainty.acceptance.t.a", {"acceptance": {"t": {"a": [0.1]}}}),
        ("uncertainty.acceptance.t.a", {"acceptance": {"t": {"a": {"initial": 0.1}}}}),
        ("uncertainty.acceptance.t", {"acceptance": {"t": 0.1}}),
        ("uncertainty.models.z", {"models": {"z": {"cost": 0.1}}}),
        ("uncertainty.models.a.load", {"models": {"a": {"load": 0.1}}}),
    ],
)
def test_errors_of_nothing_are_refused_by_name(field, errors):
    with pytest.raises(InputError) as error:
        perturbed(problem_of(errors).cascade, np.random.default_rng(1))
    assert error.value.field == field


def test_hazards_that_vary_are_judged_against_candidates():
    rising = {"per_position": [0.6, 0.8], "beyond": "last"}
    spec = SPEC | {"acceptance": {"t": {"a": rising, "b": 0.7}, "a": {"b": 0.6}}}
    result = advice(problem_of({"acceptance": {"t": {"b": 0.1}}}, spec, max_tokens=9), samples=5)
    assert "candidates" in result.against
    assert result.to_json()["regret_is_lower_bound"] is True
    assert 0 <= result.mean_regret < 0.2


def test_leaves_whose_hazards_vary_are_judged_against_the_optimum_of_each_draw():
    spec = SPEC | {"acceptance": {"t": {"a": {"per_position": [0.6, 0.8], "beyond": "last"}, "b": 0.7}}}
    problem = problem_of({"acceptance": {"t": {"b": 0.1}}}, spec)
    result = advice(problem, samples=20)
    assert result.to_json()["regret_is_lower_bound"] is False
    fresh = [replace(problem, cascade=perturbed(problem.cascade, np.random.default_rng([1, i]))) for i in range(20, 40)]
    regrets = [1 - ewif(each.cascade.with_draft(result.draft)) / optimise(each).ewif for each in fresh]
    assert result.mean_regret == pytest.approx(np.mean(regrets), abs=1e-12)


def scaled(value, unit):
    return {key: scaled(item, unit) for key, item in value.items()} if isinstance(value, dict) else unit * value


@pytest.mark.parametrize("unit", [2.0**-12, 4e-4, 1e6])
@pytest.mark.parametrize("target", [1.0, {"fixed": 0.99, "per_token": 0.01}])
def test_advice_does_not_depend_on_the_unit_of_cost(target, unit):
    models = {"t": {"cost": target}, "a": {"cost": 0.1}, "b": {"cost": 0.05}}
    error = 0.4 if target == 1.0 else {"fixed": 0.4, "per_token": 0.02}
    errors = {"t": {"cost": error}, "a": {"cost": 0.02}}
    given, other = (
        advice(problem_of({"models": scaled(errors, by)}, SPEC | {"models": scaled(models, by)}), samples=30)
        for by in (1.0, unit)
    )
    assert other.draft == given.draft
    assert other.ewif_interval == pytest.approx(given.ewif_interval, rel=1e-9)
    assert other.mean_regret == pytest.approx(given.mean_regret, abs=1e-9)


def test_a_drawn_cost_of_the_target_is_positive_on_any_number_of_tokens():
    for cost, error in (
        (1e-6, 1e-5),
        ({"fixed": 9e-7, "per_token": 1e-7}, {"fixed": 1e-5, "per_token": 1e-6}),
        ({"by_tokens": [1e-6, 2e-6]}, {"by_tokens": [1e-5, 1e-5]}),
    ):
        cascade = problem_of(
            {"models": {"t": {"cost": error}}}, SPEC | {"models": SPEC["models"] | {"t": {"cost": cost}}}
        ).cascade
        drawn = [perturbed(cascade, np.random.default_rng([0, i])).cost("t") for i in range(100)]
        least = [min(each.at(q) for q in (1, 2, 9)) for each in drawn]
        assert min(least) == pytest.approx(1e-9)
    free = [each for each in drawn if each.at(1) > 1.1e-9]
    assert free
