"""The strategies draw valid specifications, and every kind of them."""

import pytest
from hypothesis import Phase, find, given, settings
from strategies import acceptances, call_costs, specs

from analysis.model import Cascade

MANY = settings(max_examples=5000, derandomize=True, phases=[Phase.generate])


@given(specs(lenient=True))
def test_every_drawn_specification_is_valid(spec):
    Cascade.from_json(spec)


def depth(draft):
    return 1 + max((depth(step["draft"]) for step in draft if "draft" in step), default=0) if draft else 0


@pytest.mark.parametrize("wanted", [0, 1, 2, 3])
def test_every_depth_is_drawn(wanted):
    find(specs(), lambda spec: depth(spec["draft"]) == wanted, settings=MANY)


def keys(steps):
    return set().union(*(set(step) | keys(step.get("draft", [])) for step in steps)) if steps else set()


@pytest.mark.parametrize("key", ["tokens", "rounds", "until", "block", "lenience"])
def test_every_key_of_a_step_is_drawn(key):
    find(specs(lenient=True), lambda spec: key in keys(spec["draft"]), settings=MANY)


@pytest.mark.parametrize("key", ["per_position", "initial", "accepted"])
def test_every_kind_of_hazard_is_drawn(key):
    find(acceptances, lambda value: isinstance(value, dict) and key in value, settings=MANY)


@pytest.mark.parametrize("key", ["fixed", "by_tokens"])
def test_every_kind_of_cost_is_drawn(key):
    find(call_costs, lambda value: isinstance(value, dict) and key in value, settings=MANY)


def test_costs_by_draft_are_drawn():
    find(specs(), lambda spec: "by_draft" in str(spec["models"]["c"]) and "'c'" in str(spec["draft"]), settings=MANY)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_extreme_acceptances_are_drawn(value):
    find(acceptances, lambda drawn: drawn == value, settings=MANY)
