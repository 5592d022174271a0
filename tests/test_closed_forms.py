"""The papers' formulas against the exact recursion and against exact rationals."""

from fractions import Fraction

import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.closed_forms import horizontal_ewif, round_yield_pgf, speculative_ewif, vertical_ewif
from analysis.exact import ewif
from analysis.model import Cascade
from analysis.paper_table import table1

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


def test_table_1_is_what_the_paper_reports():
    rows = table1()
    assert len(rows) == 6
    for row in rows:
        assert row.exact == pytest.approx(row.closed_form, rel=1e-12)
        assert abs(row.exact - row.reported) < 0.01
