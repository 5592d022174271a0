"""From counts and timed calls to numbers: hazards, standard errors, costs, the loop's own time, match laws."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from analysis.model import Cascade
from analysis.model.records.call_tables import CallTables, NetworkSeconds, ProposalSeconds
from analysis.model.records.call_times import CallTimes
from realrun.calibration.agreements import Departure, RecordedText
from realrun.calibration.costs import MOST, call_tables, cost_tables, proposal_costs, reference_context
from realrun.calibration.evidence import POSITIONS, greedy_evidence
from realrun.calibration.hazards import estimate, ratio, resamples
from realrun.calibration.loop import (
    call_check,
    least_absolute_deviations,
    loop_seconds,
    part_counts,
    trial_drafts,
    trial_rows,
)
from realrun.calibration.roster import Roster, with_all_models
from realrun.calibration.specification import Acceptances, first_positions, match_law, prompt_counts
from realrun.calibration.texts import TargetText, contexts_of
from realrun.calibration.timing import CALLS, PROPOSALS, CycleTimes, cycle_seconds
from realrun.engine.record import CallLog
from realrun.loading.ensemble import load_ensemble
from realrun.runs.measure import measure
from realrun.runs.prompts import Prompt


def binomial_counts(shares, size, generator):
    """(examined, accepted) by prompt, each prompt with its own share."""
    return np.stack([np.full(len(shares), size), generator.binomial(size, shares)], axis=1).astype(float)


def test_standard_errors_are_binomial_where_all_prompts_are_alike_and_greater_where_not():
    """Bootstrap errors of 400 prompts are within 15 % of the truth with chance > 0.9999 (4 standard deviations)."""
    generator = np.random.default_rng(1)
    drawn = resamples(400, generator)
    alike = ratio(binomial_counts(np.full(400, 0.6), 50, generator), drawn)
    expected = np.sqrt(0.6 * 0.4 / (400 * 50))
    assert alike[0] == pytest.approx(0.6, abs=5 * expected)
    assert alike[1] == pytest.approx(expected, rel=0.15)
    mixed = ratio(binomial_counts(generator.choice([0.3, 0.9], 400), 50, generator), drawn)
    assert mixed[1] > 3 * expected  # a binomial error would not see that prompts differ


def test_certain_outcomes_still_have_an_error():
    drawn = resamples(4, np.random.default_rng(0))
    for accepted in (0.0, 10.0):
        share, error = ratio(np.array([[10.0, accepted]] * 4), drawn)
        assert share == accepted / 10
        assert error == pytest.approx(np.sqrt(0.5 * 40.5 / 42) / 41)


def test_hazards_by_position_pool_the_rare_ones_at_the_end():
    counts = np.zeros((2, 5, 2))
    counts[0] = [[40, 20], [30, 15], [9, 3], [1, 1], [0, 0]]
    counts[1] = [[40, 30], [10, 5], [10, 2], [0, 0], [0, 0]]
    found = estimate(counts, resamples(2, np.random.default_rng(0)))
    assert found.hazards == [50 / 80, 20 / 40, 6 / 20]
    assert all(0.05 < error < 0.15 for error in found.errors)
    assert estimate(np.zeros((2, 5, 2)), resamples(2, np.random.default_rng(0))) is None


def test_a_position_that_one_prompt_came_to_does_not_stand_alone_and_has_an_error():
    counts = np.array([[[90.0, 60.0], [60.0, 45.0], [45.0, 30.0]], [[40.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
    found = estimate(counts, resamples(2, np.random.default_rng(0)))
    assert found.hazards == [60 / 130, 75 / 105]
    assert found.errors[1] == pytest.approx(np.sqrt(75 * 30 / 105**3), rel=0.03)
    weighed = estimate(8 * counts, resamples(2, np.random.default_rng(0)), 8)
    assert weighed.hazards == found.hazards
    assert weighed.errors[1] == pytest.approx(found.errors[1])


def test_places_that_count_for_several_do_not_pass_for_as_many():
    """Four places of weight 8 are no 30 examinations."""
    counts = np.array([[[320.0, 160.0], [32.0, 8.0], [8.0, 8.0]]])
    drawn = resamples(1, np.random.default_rng(0))
    assert estimate(counts, drawn).hazards == [0.5, 0.25, 1.0]
    assert estimate(counts, drawn, 8).hazards == [0.5, 16 / 40]
    off = {"a": list(range(20)), "m": list(range(20))}
    text = TargetText(Prompt(0, "x"), [0], [1], "length")
    departures = {"a": [Departure(0, off)]}
    found = greedy_evidence(RecordedText(text, {"t": [1], "a": [9], "m": [9]}, departures, {}), ROSTER, 8)
    drawn = resamples(4, np.random.default_rng(0))
    for evidence, positions in ((found, 1), (replace(found, heaviest=1), POSITIONS)):
        hazards = Acceptances.of([evidence] * 4, drawn, ROSTER).hazards["a"]["m"]["per_position"]
        assert hazards == [1.0] * positions


def times():
    """Calls whose seconds are known: the target takes 10 ms, the drafter a tenth of that and a tenth more a token."""
    result = CycleTimes()
    for context in (10, 20, 30):
        for q in (1, 3, 64):
            for repeat in range(9):
                noise = (repeat - 4) * 1e-5
                result.calls["t"][context, q].append(0.01 * context / 20 + noise)
                result.calls["d"][context, q].append(0.001 + 0.0001 * (q - 1) + noise / 10)
                result.first["d"][context, q].append(0.002)
                result.following["d"][context, q].append(0.001)
    result.propose["m"] += [1e-5] * 9
    return result


def test_costs_are_medians_in_one_token_target_calls_at_the_middle_context_and_interpolated():
    generator = np.random.default_rng(0)
    assert reference_context(times(), "t") == 20
    tables = cost_tables(times(), "t", generator)
    assert tables["t"].costs == pytest.approx([1.0] * MOST)
    assert tables["d"].costs == pytest.approx([0.1 + 0.01 * q for q in range(MOST)])
    assert tables["t"].errors[0] == 0
    assert 0 < tables["d"].errors[0] < 0.01
    cost, error = proposal_costs(times(), "t", generator)["m"]
    assert cost == pytest.approx(1e-3)
    assert 0 < error < 1e-4


def test_the_table_of_seconds_has_medians_and_half_the_interquartile_range_by_context_and_q():
    table = call_tables(times()).to_json()
    assert table["t"]["contexts"] == [10, 20, 30]
    assert table["t"]["q"] == [1, 3, 64]
    assert table["t"]["median"][2] == pytest.approx([0.015] * 3)
    assert table["t"]["spread"][0] == pytest.approx([2e-5] * 3)
    assert table["d"]["first_call"][0] == pytest.approx([0.002] * 3)
    assert table["m"]["propose"]["median"] == 1e-5


class Spy:
    """A network that notes its calls."""

    def __init__(self, name, calls, context=1000):
        self.name, self.calls, self.context, self.log = name, calls, context, CallLog()

    def prefill(self, prompt):
        self.held = len(prompt) - 1

    def rollback(self, length):
        self.held = min(self.held, length)

    def logits(self, sequence, positions):
        assert self.held == len(sequence) - positions, "a timed call reads exactly q tokens"
        self.held = len(sequence)
        self.calls.append((self.name, positions, len(sequence) - positions))
        self.log.count(positions, 0.5)


class SpyProposer(Spy):
    logits = None

    def propose_next(self, sequence):
        self.calls.append((self.name, 1, 0))
        self.log.count(1, 0.25)
        return 7


def test_every_drafter_is_timed_right_after_the_target_as_in_a_cycle():
    calls = []
    models = {"t": Spy("t", calls), "d": Spy("d", calls), "m": SpyProposer("m", calls)}
    found = cycle_seconds(models, "t", [1, 2, 3], 2, np.random.default_rng(0), (4, 8), (1, 2, 5))
    blocks = [[]]
    for name, q, context in calls:
        if name == "t":
            blocks.append([])
        blocks[-1].append((name, q, context))
    assert blocks.pop(0) == []
    assert all(len({(name, q, context) for name, q, context in block[1:]}) == 1 for block in blocks)
    assert {(block[1][0], len(block) - 1) for block in blocks} == {("d", CALLS), ("m", PROPOSALS)}
    assert {key: len(samples) for key, samples in found.calls["d"].items()} == {
        (context, q): 2 for context in (4, 8) for q in (1, 2, 5)
    }
    assert all(len(samples) == 4 for samples in found.calls["t"].values())
    assert found.calls["d"][4, 1] == [0.5, 0.5]
    assert found.propose["m"] == [0.25] * 12


def test_the_shortest_context_limits_what_is_timed():
    calls = []
    models = {"t": Spy("t", calls, 40), "d": Spy("d", calls, 20)}
    found = cycle_seconds(models, "t", [1, 2, 3], 1, np.random.default_rng(0), (4, 64), (1, 8, 32))
    assert sorted(found.calls["t"]) == [(4, 1), (4, 8)]
    found = cycle_seconds(models, "t", [1], 1, np.random.default_rng(0), (64,), (1, 8))
    assert sorted(found.calls["d"]) == [(12, 1), (12, 8)]


def test_the_loop_is_split_in_parts_and_a_disturbed_run_does_not_move_them():
    generator = np.random.default_rng(3)
    counts = generator.integers(1, 50, (12, 3)).astype(float)
    seconds = counts @ [1e-4, 0.0, 3e-5]
    seconds[5] += 10.0
    assert least_absolute_deviations(counts, seconds) == pytest.approx([1e-4, 0, 3e-5], abs=1e-9)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loop")
    models = {"t": {"load": tiny.save(folder / "t")}, "a": {"load": "skip:1"}, "m": {"load": "maxgram"}}
    cascade = Cascade.from_json({"target": "t", "models": models}, needs_draft=False)
    return cascade, load_ensemble(with_all_models(cascade), torch.float32)


PROMPTS = [Prompt(i, text) for i, text in enumerate(["abc abc abc", "hello world"])]


def test_a_runs_cycles_reviews_and_drafted_tokens_are_counted_from_its_row(loaded):
    cascade, ensemble = loaded
    drafts = trial_drafts(Roster("t", ("a",), ("m",)))
    assert set(drafts) == {"first", "last", "nested"}
    for row in measure({"nested": cascade.with_draft(drafts["nested"])}, ensemble, PROMPTS, 20, ""):
        cycles, reviews, drafted, proposed = part_counts(row, "t")
        assert cycles == row["cycles"]
        assert reviews == row["calls"]["a"]["calls"]
        assert (drafted, proposed) == (0, row["calls"]["m"]["calls"])
    for row in measure({"first": cascade.with_draft(drafts["first"])}, ensemble, PROMPTS, 20, ""):
        assert part_counts(row, "t") == (row["cycles"], 0, row["drafted"], 0)


def test_the_loops_own_time_is_measured_on_short_runs(loaded):
    cascade, ensemble = loaded
    rows = trial_rows(cascade, ensemble, Roster("t", ("a",), ("m",)), PROMPTS, 8)
    found = loop_seconds(rows, "t")
    assert found.runs == 2 * 4
    assert min(found.per_cycle, found.per_review, found.per_drafted_token, found.per_proposal) >= 0
    assert found.per_cycle + found.per_review + found.per_drafted_token > 0
    one = NetworkSeconds(CallTimes((10,), (1, 2), ((1.0, 1.0),)))
    check = call_check(rows, CallTables({"t": one, "a": one}, {"m": ProposalSeconds(0.5)}))
    assert set(check) == {"autoregressive", *trial_drafts(Roster("t", ("a",), ("m",)))}
    assert check["autoregressive"]["t"]["timed"] == sum(row["cycles"] for row in rows[:1]) * 2
    calls = sum(row["calls"]["m"]["calls"] for row in rows if row["method"] == "nested")
    assert check["nested"]["m"]["timed"] == pytest.approx(0.5 * calls)
    assert check["first"]["a"]["measured"] > 0


def test_contexts_are_those_of_the_texts():
    texts = [TargetText(Prompt(i, "x"), [0] * n, [1] * 20, "length") for i, n in enumerate(range(10, 120, 10))]
    assert contexts_of(texts) == [30, 70, 110]
    assert contexts_of(texts[:1]) == [20]


def recording(category, t, a, m, matched=()):
    text = TargetText(Prompt(category, "x", category), [0], list(t), "length")
    return RecordedText(text, {"t": t, "a": a, "m": m}, {"a": []}, {"m": list(matched) or [1] * len(t)})


RECORDINGS = [
    recording("x", [1, 2, 3, 4], [1, 2, 9, 4], [1, 9, 9, 4], [0, 2, 1, 3]),
    recording("y", [5, 6], [5, 9], [None, 6], [0, 1]),
]
ROSTER = Roster("t", ("a",), ("m",))


def test_first_positions_are_counted_overall_by_category_and_by_prompt():
    evidence = [greedy_evidence(r, ROSTER, 1) for r in RECORDINGS]
    found = first_positions(evidence)
    assert found["first_position"] == {"t": {"a": 4 / 6, "m": 3 / 6}, "a": {"m": 3 / 6}}
    assert found["by_category"]["x"]["t"]["a"] == {"examined": 4, "accepted": 3, "hazard": 0.75}
    assert found["by_category"]["y"]["a"]["m"] == {"examined": 2, "accepted": 0, "hazard": 0.0}
    assert prompt_counts(evidence[1]).to_json() == {
        "id": "y",
        "category": "y",
        "tokens": 2,
        "agree": {"t": {"a": [1, 2], "m": [1, 2]}, "a": {"m": [0, 2]}},
    }


def test_acceptances_are_whole_in_the_specification_and_by_type_beside_it():
    evidence = [greedy_evidence(r, ROSTER, 1) for r in RECORDINGS]
    found = Acceptances.of(evidence, resamples(2, np.random.default_rng(0)), ROSTER)
    # drafts from where cycles begin, examined/accepted: 3/2 1/1 and 2/1; too few to tell positions apart
    assert found.hazards["t"]["a"] == {"per_position": [4 / 6], "beyond": "last"}
    assert found.iid["t"]["a"] == 4 / 6
    typed = found.by_type["t"]["a"]
    assert typed.inner == "m"
    # m agrees with a at places 0, 2 and 3 of the first text, each examined once, and nowhere else
    examined = {"accepted": (3, 2), "corrected": (3, 2)}
    for kind, (n, good) in examined.items():
        assert typed.to_json()[kind]["per_position"] == [good / n], kind
    assert "m" not in found.by_type["t"]


def test_the_match_law_tells_copies_from_guesses():
    law = match_law(RECORDINGS, "t", "m")
    assert law.by == "m"
    assert law.found == 1 - 2 / 6
    assert law.by_length == {0: (2, 1), 1: (2, 1), 2: (1, 0), 3: (1, 1)}
    assert law.hazards == (2 / 4,)
    assert match_law([RecordedText(RECORDINGS[0].text, {}, {}, {})], "t", "m") is None
