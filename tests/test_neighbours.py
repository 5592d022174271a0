"""Drafts one change away, and the climb among them: every search over drafts is made of these."""

import pytest

from analysis.model import Step
from analysis.model.neighbours import DROPPED, Edit, best_of, climb, count_of, counted, edited, nested

A, B, C = Step("a", tokens=2), Step("b", tokens=1), Step("c", rounds=3, draft=(Step("a", tokens=1),))


def test_edits_come_in_the_order_of_the_steps_and_additions_last():
    def edits(i):
        yield DROPPED
        if i == 0:
            yield Edit(2, (B, A))

    assert list(edited((A, B), edits, lambda i: [C] if i == 1 else [])) == [(B,), (B, A), (A,), (A, C, B)]
    assert list(edited((), edits)) == []


@pytest.mark.parametrize("step", [A, C, Step("a", until=4, block=2)])
def test_a_count_changes_and_nothing_else(step):
    [other] = counted(step, [7])
    assert count_of(other) == 7
    assert list(counted(other, [count_of(step)])) == [step]


def test_inner_drafts_change_and_are_never_empty():
    assert list(nested(C, lambda draft: [(), (B,)])) == [Step("c", rounds=3, draft=(B,))]
    assert list(nested(A, lambda draft: [(B,)])) == []


def test_a_climb_ends_on_the_nearest_top_or_a_wider_one_on_a_farther():
    heights = [0, 3, 2, 1, 4, 9, 0]

    def beside(i):
        return [j for j in (i - 1, i + 1) if 0 <= j < len(heights)]

    assert climb([0], beside, best_of(heights.__getitem__)) == 1
    assert climb([0], beside, best_of(heights.__getitem__, 3)) == 5
    assert climb([0, 6], beside, best_of(heights.__getitem__)) == 1, "the first of equals is kept"


def test_a_climb_judges_nothing_twice_and_keeps_to_its_limits():
    judged = []

    def select(candidates):
        fresh = [each for each in candidates if each not in judged]
        judged.extend(fresh)
        return [max(candidates)]

    def beside(i):
        return [i - 1, i + 1]

    assert climb([0, 0], beside, select, most_rounds=3) == 3
    assert judged == [0, -1, 1, 2, 3]
    assert climb([0], beside, best_of(float), most_seen=4) == 3
