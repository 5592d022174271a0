"""The statements that the ledger calls proved, on random cascades of the specification; and what lies beyond them."""

from __future__ import annotations

import copy
from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import DRAFTERS, acceptances, as_rounds, drafts, probabilities, specs

from analysis.model import Cascade
from analysis.theory import exact

EXAMPLES = 60


def ewif(spec):
    return exact.ewif(Cascade.from_json(spec))


def tokens(spec):
    return exact.cycle_law(Cascade.from_json(spec)).tokens_per_cycle


def flat(spec):
    """The same with a target whose calls cost 1 whatever their length."""
    return {**spec, "models": {**spec["models"], "t": {"cost": 1.0}}}


@settings(max_examples=EXAMPLES, deadline=None)
@given(specs(max_size=2), st.sampled_from(DRAFTERS), probabilities, probabilities)
def test_a_greater_acceptance_by_the_target_never_lowers_ewif_in_any_cascade(spec, drafter, first, second):
    worse, better = copy.deepcopy(spec), copy.deepcopy(spec)
    worse["acceptance"]["t"][drafter], better["acceptance"]["t"][drafter] = sorted((first, second))
    assert ewif(worse) <= ewif(better) * (1 + 1e-12)


@settings(max_examples=EXAMPLES, deadline=None)
@given(specs(acceptance=probabilities), drafts(min_size=2, max_size=3))
def test_falling_acceptance_is_the_best_order_of_steps_in_rounds(spec, draft):
    """Whatever the costs of calls by length; the same lengths are reviewed in every order."""
    steps = as_rounds(draft)
    best = max(ewif({**spec, "draft": list(order)}) for order in permutations(steps))
    falling = sorted(steps, key=lambda step: -spec["acceptance"]["t"][step["by"]])
    assert ewif({**spec, "draft": falling}) >= best * (1 - 1e-12)


@settings(max_examples=EXAMPLES, deadline=None)
@given(specs(), st.floats(0, 1), st.floats(0, 0.5))
def test_a_token_at_the_end_of_any_draft_pays_by_the_marginal_rule(spec, share, cost):
    """Any hazards before it; survival is what a sure and free token at the end would add."""
    before = flat(spec)
    before["models"] = before["models"] | {"e": {"cost": cost}}
    before["acceptance"] = {**before["acceptance"], "t": before["acceptance"]["t"] | {"e": share}}
    after = {**before, "draft": [*before["draft"], {"by": "e", "tokens": 1}]}
    sure = copy.deepcopy(after)
    sure["acceptance"]["t"]["e"], sure["models"]["e"] = 1.0, {"cost": 0.0}
    plain = ewif(before)
    survival = tokens(sure) - tokens(before)
    lead = survival * share - cost * plain
    assume(abs(lead) > 1e-9)
    assert (ewif(after) > plain) == (lead > 0)


@settings(max_examples=EXAMPLES, deadline=None)
@given(drafts(DRAFTERS[1:], 2, 2, min_size=1), st.integers(1, 2), st.floats(0.05, 0.95), st.floats(0, 1), st.data())
def test_no_nesting_of_one_drafter_gains_more_than_the_bound(inner, rounds, share, cost, data):
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1.0}, "a": {"cost": cost}} | {d: {"cost": data.draw(probabilities)} for d in "bc"},
        "acceptance": {
            "t": {"a": share},
            "a": {d: data.draw(acceptances) for d in "bc"},
            "b": {"c": data.draw(acceptances)},
        },
    }
    nested = ewif({**spec, "draft": [{"by": "a", "rounds": rounds, "draft": inner}]})
    alone = ewif({**spec, "draft": [{"by": "a", "tokens": 1}]})
    assert nested / alone <= 1 / (1 - share**2) * (1 + 1e-12)
    assert nested <= 1 / ((1 - share) * (1 + cost)) * (1 + 1e-12)


def simple(target_cost=1, **draft):
    """Target t, d over free e, further drafter f."""
    return {
        "target": "t",
        "models": {"t": {"cost": target_cost}, "d": {"cost": 0.1}, "e": {"cost": 0}, "f": {"cost": 0.2}},
        **draft,
    }


def test_a_free_inner_drafter_loses_before_a_better_one():
    def value(inner):
        over = {"by": "d", "rounds": 1, "draft": [{"by": "e", "tokens": 3}]}
        acceptance = {"t": {"d": 0.5, "f": 0.9}, "d": {"e": inner}}
        return ewif(simple(acceptance=acceptance, draft=[over, {"by": "f", "tokens": 4}]))

    assert [round(value(inner), 3) for inner in (0, 0.5, 0.9)] == [1.604, 1.423, 1.194]


def test_a_review_that_is_cheaper_than_a_one_token_call_passes_the_ceiling():
    free = {"acceptance": {"t": {"e": 0.5}}, "draft": [{"by": "e", "tokens": 1}]}
    assert ewif(simple({"by_tokens": [1, 0.5]}, **free)) == pytest.approx(3)
    assert ewif(simple(1, **free)) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("outer", "first_inner", "second", "expected"),
    [((1.5, 0.9, 0.8), 6, (0.05, 0.5, 0.1, 1), (1.6990, 1.6690))],
)
def test_behind_another_step_rounds_can_beat_every_until(outer, first_inner, second, expected):
    """All lengths of both steps free: the best of `rounds` against the best of `until`."""
    (x_cost, x_share, x_inner), (y_cost, y_share, y_inner, y_length) = outer, second
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "x": {"cost": x_cost}, "y": {"cost": y_cost}, "m": {"cost": 0}},
        "acceptance": {"t": {"x": x_share, "y": y_share}, "x": {"m": x_inner}, "y": {"m": y_inner}},
    }

    def best(key, most_first, most_second):
        return max(
            ewif(
                {
                    **spec,
                    "draft": [
                        {"by": "x", key: first, "draft": [{"by": "m", "tokens": first_inner}]},
                        {"by": "y", key: further, "draft": [{"by": "m", "tokens": y_length}]},
                    ],
                }
            )
            for first in range(1, most_first + 1)
            for further in range(1, most_second + 1)
        )

    assert best("rounds", 2, 4) == pytest.approx(expected[0], abs=5e-5)
    assert best("until", 10, 16) == pytest.approx(expected[1], abs=5e-5)


def test_mixtures_of_other_acceptances_go_the_other_way():
    def vertical(inner, rounds, length):
        over = {"by": "d", "rounds": rounds, "draft": [{"by": "e", "tokens": length}]}
        spec = simple(acceptance={"t": {"d": 0.5}, "d": {"e": inner}}, draft=[over])
        return tokens(spec)

    assert (vertical(0, 2, 1) + vertical(1, 2, 1)) / 2 == pytest.approx(1.84375)
    assert vertical(0.5, 2, 1) == pytest.approx(1.859375)
    assert 2 / (1 / vertical(0, 1, 2) + 1 / vertical(1, 1, 2)) == pytest.approx(5 / 3)
    assert vertical(0.5, 1, 2) == pytest.approx(1.65625)

    def horizontal(share):
        draft = [{"by": "f", "tokens": 1}, {"by": "e", "tokens": 2}]
        spec = simple(acceptance={"t": {"f": 0.5, "e": share}}, draft=draft)
        return tokens(spec)

    assert 2 / (1 / horizontal(0) + 1 / horizontal(0.5)) == pytest.approx(5 / 3)
    assert horizontal(0.25) == pytest.approx(53 / 32)


def test_a_drafter_whose_review_grows_can_lose_by_a_free_inner_one():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": {"fixed": 0.1, "per_token": 0.05}}, "e": {"cost": 0}},
        "acceptance": {"t": {"d": 0.7}, "d": {"e": 0.1}},
    }
    nested = ewif({**spec, "draft": [{"by": "d", "rounds": 1, "draft": [{"by": "e", "tokens": 1}]}]})
    alone = ewif({**spec, "draft": [{"by": "d", "tokens": 1}]})
    assert (round(nested, 3), round(alone, 3)) == (1.458, 1.478)
