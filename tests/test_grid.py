"""Grids of flat cascades against the exact law, point by point, and against rationals near alpha = 1."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import Cascade, InputError, Step, acceptances, scalar_models
from analysis.theory.exact import ewif
from analysis.theory.grid import flat_ewif, leaves_ewif


def rational(alpha, c, k):
    a = Fraction(alpha)
    tokens = (1 - a ** (k + 1)) / (1 - a) if a != 1 else Fraction(k + 1)
    return float(tokens / (1 + k * Fraction(c)))


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
    st.lists(st.floats(0, 2), min_size=1, max_size=3),
    st.lists(st.integers(0, 30), min_size=1, max_size=3),
)
def test_a_grid_is_its_points_in_rationals(alphas, costs, lengths):
    values = flat_ewif(np.array(alphas)[:, None, None], np.array(costs)[:, None], lengths)
    assert values.shape == (len(alphas), len(costs), len(lengths))
    for i, alpha in enumerate(alphas):
        for j, c in enumerate(costs):
            for n, k in enumerate(lengths):
                assert values[i, j, n] == pytest.approx(rational(alpha, c, k), rel=1e-12)


@pytest.mark.parametrize("below_one", [0.0, 2.0**-53, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("k", [1, 10, 1000])
def test_no_digits_are_lost_near_certain_acceptance(below_one, k):
    alpha = 1.0 - below_one
    assert float(flat_ewif(alpha, 0.01, k)) == pytest.approx(rational(alpha, 0.01, k), rel=1e-13)


steps = st.tuples(st.floats(0, 1, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False), st.integers(1, 6))


@given(st.lists(steps, min_size=1, max_size=4))
def test_several_leaf_steps_are_the_exact_law(given_steps):
    names = [f"d{i}" for i in range(len(given_steps))]
    alpha, c, k = (list(values) for values in zip(*given_steps, strict=True))
    cascade = Cascade(
        "t",
        scalar_models({"t": 1.0, **dict(zip(names, c, strict=True))}),
        acceptances({"t": dict(zip(names, alpha, strict=True))}),
        tuple(Step(name, tokens=tokens) for name, tokens in zip(names, k, strict=True)),
    )
    assert float(leaves_ewif(alpha, c, k)) == pytest.approx(ewif(cascade), rel=1e-11)


def test_steps_broadcast_and_an_empty_step_is_none():
    values = leaves_ewif(np.array([[0.9, 0.5], [0.2, 0.5]]), [0.1, 0.0], [3, 0])
    assert values.shape == (2,)
    np.testing.assert_allclose(values, flat_ewif([0.9, 0.2], 0.1, 3), rtol=1e-14)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("alpha", (1.01, 0.1, 3)),
        ("alpha", (np.nan, 0.1, 3)),
        ("c", (0.5, -0.1, 3)),
        ("c", (0.5, np.inf, 3)),
        ("k", (0.5, 0.1, 2.5)),
        ("k", (0.5, 0.1, -1)),
        ("k", (0.5, 0.1, 4097)),
    ],
)
@pytest.mark.parametrize("function", [flat_ewif, leaves_ewif])
def test_values_out_of_range_are_refused_by_name(function, field, arguments):
    with pytest.raises(InputError) as error:
        function(*([argument] for argument in arguments))
    assert error.value.field == field
