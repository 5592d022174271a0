"""What a run takes of long lists of prompts and cascades."""

import pytest

from analysis.model import InputError
from analysis.paper.selection import best_of_families, split_prompts


def test_each_third_prompt_of_a_category_calibrates_and_categories_take_turns():
    categories = ["a"] * 7 + ["b"] * 3 + [None] * 2
    calibrating, measured = split_prompts(categories)
    assert calibrating == [2, 9, 5]
    assert measured == [0, 7, 10, 1, 8, 11, 3, 4, 6]
    assert sorted(calibrating + measured) == list(range(12))
    assert split_prompts(categories, 2) == ([2, 9], [0, 7])


def test_prompts_without_categories_are_split_by_thirds():
    assert split_prompts([None] * 7) == ([2, 5], [0, 1, 3, 4, 6])


def test_too_few_prompts_to_calibrate_on_are_refused():
    with pytest.raises(InputError, match=r"^prompts: got 5 prompts, expected 3 of two categories each or 6 of one"):
        split_prompts([None] * 5)


def test_the_best_of_every_family_is_by_its_own_rung():
    families = {"x": "vertical", "y": "full", "z": "vertical"}
    rows = [{"name": n, "rung": "fits", "speedup": s} for n, s in (("x", 1.1), ("y", 0.5), ("z", 1.3))]
    rows += [{"name": n, "rung": "iid", "speedup": s} for n, s in (("x", 2.0), ("y", 1.0), ("z", 1.0))]
    assert best_of_families(families, rows, "fits") == ["z", "y"]
    assert best_of_families(families, rows, "iid") == ["x", "y"]
