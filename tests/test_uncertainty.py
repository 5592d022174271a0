"""Standard errors of costs: one reading for predictions, replays and smoothing."""

import pytest

from analysis.model import Cascade, InputError
from analysis.model.records.uncertainty import cost_error, relative_cost_error
from analysis.model.standard_errors import error_entries

AFFINE = {"fixed": 0.3, "per_token": 0.2}


@pytest.mark.parametrize(
    ("given", "q", "error"),
    [
        (0.1, 1, 0.1),
        (0.1, 9, 0.1),
        ({"by_tokens": [0.1, 0.2]}, 1, 0.1),
        ({"by_tokens": [0.1, 0.2]}, 9, 0.2),
        (AFFINE, 2, 0.5),  # (0.09 + 4 * 0.04) ** 0.5
        (AFFINE | {"correlation": [[1, 1], [1, 1]]}, 2, 0.7),
        (AFFINE | {"correlation": [[1, -1], [-1, 1]]}, 2, 0.1),
        ({"per_token": 0.2}, 3, 0.6),
    ],
)
def test_the_error_of_a_cost_is_that_of_a_call_on_so_many_tokens(given, q, error):
    assert cost_error({"models": {"d": {"cost": given}}}, "d", q) == pytest.approx(error)
    assert cost_error({"models": {"d": {"cost": given}}}, "t", q) == 0
    assert cost_error(None, "d", q) == 0


def test_relative_errors_leave_out_the_unit_and_what_costs_nothing():
    models = {"t": {"cost": {"by_tokens": [1, 2]}}, "d": {"cost": {"by_tokens": [0.1, 0.2]}}, "m": {"cost": 0}}
    errors = {"t": {"cost": {"by_tokens": [0.5, 0.2]}}, "d": {"cost": {"by_tokens": [0.03, 0.08]}}, "m": {"cost": 1e-6}}
    spec = {"target": "t", "models": models, "draft": [], "uncertainty": {"models": errors}}
    cascade = Cascade.from_json(spec)
    assert relative_cost_error(cascade, "t") == pytest.approx(0.1)
    assert relative_cost_error(cascade, "d") == pytest.approx(((0.3**2 + 0.4**2) / 2) ** 0.5)
    assert relative_cost_error(cascade, "m", range(1, 4)) == 0
    with pytest.raises(InputError, match=r"models\.m\.cost: got 0 for a call on 1 tokens"):
        relative_cost_error(cascade, "m")
    assert [keys for keys, _ in error_entries(cascade.uncertainty)] == [("models", m, "cost") for m in ("t", "d", "m")]
