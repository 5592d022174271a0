"""Counts and call times of real runs as a specification."""

import pytest

from analysis.model import Cascade
from realrun.calibrate import acceptance_by_position, constant_acceptance, costs_by_tokens


def row(examined, accepted, corrected_examined, corrected_accepted):
    pair = {"reviewer": "t", "drafter": "d", "examined": examined, "accepted": accepted}
    return {"acceptance": [pair | {"corrected_examined": corrected_examined, "corrected_accepted": corrected_accepted}]}


ROWS = [row([60, 50, 8], [50, 8, 4], [0, 0, 0], [0, 0, 0]), row([40, 10], [30, 2], [10, 10], [0, 2])]


def test_hazards_are_accepted_over_examined_by_type_and_position_with_rare_ones_pooled():
    found = acceptance_by_position(ROWS)["t"]["d"]
    assert found["accepted"]["per_position"] == [80 / 90, 8 / 50, 4 / 8]
    assert found["corrected"]["per_position"] == [2 / 20]


def test_a_type_never_seen_takes_the_hazards_of_the_other():
    found = acceptance_by_position(ROWS[:1])["t"]["d"]
    assert found["corrected"] == found["accepted"]


def test_constant_acceptance_pools_everything():
    assert constant_acceptance(ROWS) == {"t": {"d": (62 + 32) / (118 + 50)}}


def test_costs_are_in_one_token_target_calls_and_interpolated():
    costs = costs_by_tokens({"t": {1: 0.04, 2: 0.05}, "d": {1: 0.01, 4: 0.04}}, "t")
    assert costs == {"t": [1.0, 1.25], "d": pytest.approx([0.25, 0.5, 0.75, 1.0])}


def test_the_result_is_a_specification():
    models = {name: {"cost": {"by_tokens": [1.0]}} for name in "td"}
    Cascade.from_json({"target": "t", "models": models, "acceptance": acceptance_by_position(ROWS), "draft": []})
