"""The search for each side's best settings: it finds a known optimum, treats all alike, and is not led by noise."""

import pytest

from analysis.model import Cascade, Step
from realrun.bench.outcome import Surroundings
from realrun.bench.plan import defaults
from realrun.bench.search import LADDER, ROUNDS, counts, drafts_beside, fastest_settings, identity, neighbours
from realrun.bench.transformers_decoders import Assisted, PromptLookup
from realrun.runs.measure import CascadeMethod

AROUND = Surroundings("t", {"t": None, "a": None, "b": None}, 1000, frozenset())


class Stopwatch:
    """Runs methods at speeds that are known, and takes down what it was asked for."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.asked = []

    def __call__(self, methods):
        self.asked.append([method.name for method in methods])
        assert len(set(self.asked[-1])) == len(methods)
        return [
            {"method": method.name, "id": i, "tokens": [0] * 10, "seconds": self.seconds(method) * (1 + i)}
            for method in methods
            for i in range(3)
        ]


def test_the_climb_ends_at_the_best_settings():
    watch = Stopwatch(lambda method: 1 + abs(method.tokens - 12) + 10 * abs(method.ngram - 3))
    best, trials = fastest_settings([PromptLookup(AROUND, 6)], watch)
    assert best.settings == {"prompt_lookup_num_tokens": 12, "max_matching_ngram_size": 3}
    asked = [name for names in watch.asked for name in names[1:]]
    assert sorted(asked) == sorted(trial["method"] for trial in trials)
    assert len(asked) == len(set(asked)), "nothing is tried twice"


def test_the_climb_sets_out_from_the_fastest_start():
    watch = Stopwatch(lambda method: 1 + abs(method.tokens - 24))
    best, _ = fastest_settings([PromptLookup(AROUND, 1), PromptLookup(AROUND, 20)], watch)
    assert best.tokens == 24


def test_a_neighbour_that_is_hardly_faster_is_not_followed():
    watch = Stopwatch(lambda method: 1 - 0.001 * method.tokens)
    best, trials = fastest_settings([PromptLookup(AROUND, 6)], watch)
    assert best.tokens == 6
    assert len(watch.asked) == 1
    assert max(trial["ratio"] for trial in trials) == pytest.approx(0.994 / 0.992)


def test_no_side_gets_more_rounds():
    watch = Stopwatch(lambda method: 1.0 / method.tokens)
    best, _ = fastest_settings([PromptLookup(AROUND, 1)], watch)
    assert len(watch.asked) == ROUNDS
    assert best.tokens == LADDER[ROUNDS]


def test_every_setting_of_the_assistant_is_searched():
    found = {method.name for method in neighbours(Assisted(AROUND, "a", 3))}
    assert found == {
        *("hf-assisted[a 2]", "hf-assisted[a 4]", "hf-assisted[b 3]"),
        *("hf-assisted[a 3, heuristic]", "hf-assisted[a 3, threshold 0.4]"),
    }
    assert [method.settings["num_assistant_tokens"] for method in defaults("hf-assisted", AROUND)] == [20, 20]


MAG = Step("mag", tokens=4)


def test_drafts_change_in_one_count_or_lose_one_step():
    draft = (Step("a", rounds=1, draft=(MAG,)), Step("mag", until=12, block=2))
    assert [counts(found) for found in drafts_beside(draft)] == [
        "[a 2 [mag 4], mag 12]",
        "[a 1 [mag 3], mag 12]",
        "[a 1 [mag 6], mag 12]",
        "[mag 12]",
        "[a 1 [mag 4], mag 10]",
        "[a 1 [mag 4], mag 16]",
        "[a 1 [mag 4]]",
    ]


def test_a_tuned_cascade_keeps_its_label_and_another_draft_is_another_method():
    cascade = Cascade.from_json(
        {"target": "t", "models": {"t": {"load": "x"}, "mag": {"load": "maxgram"}}, "draft": []}
    )
    method = CascadeMethod("mine", cascade.with_draft((MAG,)), None)
    found = neighbours(method)
    assert [other.name for other in found] == ["mine[mag 3]", "mine[mag 6]"]
    assert len({identity(other) for other in [method, *found]}) == 3
    again = neighbours(found[0])[1]
    assert identity(again) == identity(method), "and back again it is the same one"
