"""The papers' formulas against the exact recursion and against exact rationals."""

from fractions import Fraction

import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import Cascade
from analysis.paper.table1 import table1
from analysis.theory.closed_forms import horizontal_ewif, round_yield_pgf, speculative_ewif, vertical_ewif
from analysis.theory.exact import ewif
from analysis.theory.grid import flat_ewif, leaves_ewif
from simulate.reference import run_cycles

alphas = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1, allow_subnormal=False))
costs = st.floats(0, 2, allow_subnormal=False)


def spec(costs, acceptance, draft):
    return {
        "target": "t",
        "models": {"t": {"cost": 1.0}} | {name: {"cost": c} for name, c in costs.items()},
        "acceptance": acceptance,
        "draft": draft,
    }


def by_enumeration(value):
    law = oracles.cycle_outcomes(value)
    return float(oracles.mean_tokens(law) / oracles.mean_cost(law))


@given(alphas, costs, st.integers(0, 5))
def test_speculative_decoding(alpha, c, k):
    value = spec({"a": c}, {"t": {"a": alpha}}, [{"by": "a", "tokens": k}] if k else [])
    assert speculative_ewif(alpha, c, k) == pytest.approx(by_enumeration(value), rel=1e-9)
    assert speculative_ewif(alpha, c, k) == pytest.approx(ewif(Cascade.from_json(value)), rel=1e-9)


@given(alphas, alphas, costs, costs, st.integers(1, 2), st.integers(1, 3))
def test_vertical_cascade(alpha, inner, c1, c2, rounds, k):
    draft = [{"by": "a", "rounds": rounds, "draft": [{"by": "b", "tokens": k}]}]
    value = spec({"a": c1, "b": c2}, {"t": {"a": alpha}, "a": {"b": inner}}, draft)
    found = vertical_ewif(alpha, inner, c1, c2, rounds, k)
    assert found == pytest.approx(by_enumeration(value), rel=1e-9)
    assert found == pytest.approx(ewif(Cascade.from_json(value)), rel=1e-9)


@given(st.lists(st.tuples(alphas, costs, st.integers(1, 3)), min_size=1, max_size=3))
def test_horizontal_cascade(steps):
    names = "abc"[: len(steps)]
    value = spec(
        {name: c for name, (_, c, _) in zip(names, steps, strict=True)},
        {"t": {name: alpha for name, (alpha, _, _) in zip(names, steps, strict=True)}},
        [{"by": name, "tokens": k} for name, (_, _, k) in zip(names, steps, strict=True)],
    )
    assert horizontal_ewif(steps) == pytest.approx(by_enumeration(value), rel=1e-9)


@given(alphas, alphas, st.integers(0, 6))
def test_generating_function_of_a_rounds_yield(x, alpha, k):
    a, z = Fraction(alpha), Fraction(x)
    law = [a**i * (1 - a) for i in range(k)] + [a**k]
    expected = sum(mass * z ** (i + 1) for i, mass in enumerate(law))
    assert round_yield_pgf(x, alpha, k) == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


def test_no_digits_are_lost_near_certain_acceptance():
    for alpha, k in ((1 - 1e-9, 5), (1 - 1e-12, 1000), (1 - 2**-53, 7), (0.5, 60), (0.499, 60)):
        a = Fraction(alpha)
        exact = (1 - a ** (k + 1)) / (1 - a)
        assert speculative_ewif(alpha, 0.0, k) == pytest.approx(float(exact), rel=1e-14)
        law = [a**i * (1 - a) for i in range(k)] + [a**k]
        phi = sum(mass * Fraction(1, 2) ** (i + 1) for i, mass in enumerate(law))
        assert round_yield_pgf(0.5, alpha, k) == pytest.approx(float(phi), rel=1e-12)


PRINTED = {
    "speculative": (
        spec({"a": 0.1}, {"t": {"a": 0.8}}, [{"by": "a", "tokens": 5}]),
        lambda alpha: (speculative_ewif(alpha, 0.1, 5), float(flat_ewif(alpha, 0.1, 5))),
    ),
    "horizontal": (
        spec({"a": 0.1, "b": 0.02}, {"t": {"a": 0.8, "b": 0.5}}, [{"by": "a", "tokens": 3}, {"by": "b", "tokens": 4}]),
        lambda alpha: (
            horizontal_ewif([(alpha, 0.1, 3), (0.5, 0.02, 4)]),
            float(leaves_ewif([alpha, 0.5], [0.1, 0.02], [3, 4])),
        ),
    ),
    "vertical": (
        spec(
            {"a": 0.1, "b": 0.02},
            {"t": {"a": 0.8}, "a": {"b": 0.5}},
            [{"by": "a", "rounds": 2, "draft": [{"by": "b", "tokens": 3}]}],
        ),
        lambda alpha: (vertical_ewif(alpha, 0.5, 0.1, 0.02, 2, 3),),
    ),
}


@pytest.mark.parametrize("name", PRINTED)
def test_formulas_and_grid_agree_with_the_token_level_simulator(name):
    """Within four standard errors, 6e-5 a false alarm at the seed's draw; alpha off by 0.05 must be further away."""
    value, formulas = PRINTED[name]
    totals = run_cycles(Cascade.from_json(value), 10_000, seed=11)
    for right, wrong in zip(formulas(0.8), formulas(0.75), strict=True):
        assert abs(totals.ewif - right) < 4 * totals.standard_error
        assert abs(totals.ewif - wrong) > 4 * totals.standard_error


def test_table_1_is_what_the_paper_reports():
    rows = table1()
    assert len(rows) == 6
    for row in rows:
        assert row.exact == pytest.approx(row.closed_form, rel=1e-12)
        assert abs(row.exact - row.reported) < 0.01
