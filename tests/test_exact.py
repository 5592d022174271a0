"""The exact EWIF against closed forms and against enumeration in rationals."""

import math

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import specs

from analysis.model import Cascade, Step, acceptances, scalar_models
from analysis.theory.exact import cycle_law, ewif


def speculative(alpha, c, k):
    return Cascade("t", scalar_models({"t": 1, "d": c}), acceptances({"t": {"d": alpha}}), (Step("d", tokens=k),))


@settings(max_examples=300, deadline=None)
@given(specs())
def test_law_and_cost_equal_the_enumeration(spec):
    law = cycle_law(Cascade.from_json(spec))
    expected = oracles.cycle_outcomes(spec)
    pmf = np.zeros(law.pmf.size)
    for (tokens, _), mass in expected.items():
        pmf[tokens - 1] += float(mass)
    np.testing.assert_allclose(law.pmf, pmf, rtol=1e-9, atol=1e-12)
    assert law.cost_per_cycle == pytest.approx(float(oracles.mean_cost(expected)), rel=1e-12)
    assert law.ewif == pytest.approx(float(oracles.mean_tokens(expected) / oracles.mean_cost(expected)), rel=1e-12)


@given(st.floats(0, 0.999), st.floats(0, 2), st.integers(1, 60))
def test_speculative_decoding_is_theorem_3_8_of_leviathan(alpha, c, k):
    expected = (1 - alpha ** (k + 1)) / ((1 - alpha) * (1 + k * c))
    assert ewif(speculative(alpha, c, k)) == pytest.approx(expected, rel=1e-10)


@given(st.floats(0.01, 0.99), st.floats(0, 0.99), st.integers(1, 6), st.integers(1, 8))
def test_vertical_cascade_is_its_closed_form(alpha, inner, rounds, k):
    c1, c2 = 0.2, 0.01
    cascade = Cascade(
        "t",
        scalar_models({"t": 1, "a": c1, "b": c2}),
        acceptances({"t": {"a": alpha}, "a": {"b": inner}}),
        (Step("a", rounds=rounds, draft=(Step("b", tokens=k),)),),
    )
    phi = 1 + (alpha - 1) * (1 - (inner * alpha) ** (k + 1)) / (1 - inner * alpha)
    expected = (1 - alpha * phi**rounds) / ((1 - alpha) * (1 + rounds * c1 + rounds * k * c2))
    assert ewif(cascade) == pytest.approx(expected, rel=1e-10)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 5)), min_size=1, max_size=4))
def test_horizontal_cascade_is_its_closed_form(draft):
    alphas, costs = {"a": 0.8, "b": 0.6}, {"a": 0.1, "b": 0.02}
    cascade = Cascade(
        "t",
        scalar_models({"t": 1, **costs}),
        acceptances({"t": alphas}),
        tuple(Step(by, tokens=k) for by, k in draft),
    )
    order = [by for by, k in draft for _ in range(k)]
    tokens = 1 + sum(math.prod(alphas[by] for by in order[: j + 1]) for j in range(len(order)))
    assert ewif(cascade) == pytest.approx(tokens / (1 + sum(costs[by] for by in order)), rel=1e-12)


@pytest.mark.parametrize(("alpha", "k", "tokens"), [(0.8, 2, 2.44), (0.9, 10, 6.8619)])
def test_expected_tokens_of_the_fixtures(alpha, k, tokens):
    assert cycle_law(speculative(alpha, 0, k)).tokens_per_cycle == pytest.approx(tokens, abs=5e-5)


def test_autoregressive_decoding_has_ewif_one():
    law = cycle_law(Cascade("t", scalar_models({"t": 3.5})))
    assert (law.ewif, law.tokens_per_cycle, law.cost_per_cycle, law.pmf.tolist()) == (1.0, 1.0, 1.0, [1.0])


@pytest.mark.parametrize("k", [1, 7, 1000, 4096])
def test_certain_acceptance_yields_the_whole_draft_and_the_bonus(k):
    assert cycle_law(speculative(1.0, 0.1, k)).tokens_per_cycle == k + 1


def test_the_k_matrix_of_the_authors_readme_runs():
    cascade = Cascade.from_k_matrix(
        [[5, 14, 10], [0, 1, 10], [0, 0, 10]],
        "t",
        ["d1", "d2", "mag"],
        scalar_models({"t": 1, "d1": 0.1, "d2": 0.05, "mag": 0}),
        acceptances({"t": {"d1": 0.8, "d2": 0.7, "mag": 0.4}, "d1": {"d2": 0.8, "mag": 0.4}, "d2": {"mag": 0.5}}),
        convention="increments",
    )
    assert [step.until for step in cascade.draft] == [5, 19, 29]
    law = cycle_law(cascade)
    assert law.pmf.sum() == pytest.approx(1, abs=1e-12)
    assert law.ewif > 1
