"""Costs from outside: hand computation, the identity with the measured speedup, Monte Carlo, published numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis import InputError, ewif
from analysis.engines.comparison import compared
from analysis.engines.costs import EngineCosts, per_drafted_token
from analysis.engines.drafted_steps import DraftedStep, drafted_step, drafted_step_of, split
from analysis.engines.hardware import published_costs
from analysis.engines.microbenchmark import costs_of_times, read_times
from analysis.engines.outside_law import law_of, named_costs
from analysis.engines.published import engine_rows
from analysis.model import Affine, ByDraft, Tabulated
from analysis.model.records.engine_counters import EngineCounters
from analysis.theory.sensitivity import standard_error

PLAIN = EngineCounters("plain", "counts", drafts=0, steps_without_draft=1000, tokens=1000, decode_seconds=20)


def with_drafts(**other):
    counts = {
        "drafts": 1000,
        "steps_without_draft": 0,
        "drafted": 3000,
        "accepted": 1950,
        "accepted_by_position": (820, 650, 480),
        "draft_length": 3,
        "tokens": 2950,
        "decode_seconds": 32.0,
    } | other
    return EngineCounters("plain", "counts", **counts)


def test_the_cost_of_a_step():
    assert drafted_step(compared(with_drafts(), PLAIN)) == DraftedStep(pytest.approx(1.6), 3.0)


def test_steps_without_a_draft_cost_a_plain_step():
    """1000 steps with and 250 without took 37 s of which 5 are the latter's."""
    found = drafted_step(compared(with_drafts(steps_without_draft=250, tokens=3200, decode_seconds=37.0), PLAIN))
    assert found.cost == pytest.approx(32 / 1000 / 0.02)
    assert "20% of the steps had no draft" in found.notes[0]


def test_the_time_of_drafting_where_the_engine_counts_it():
    found = drafted_step(compared(with_drafts(draft_seconds=8.0), PLAIN))
    assert found.drafting == pytest.approx(0.4)
    costs = split(found)
    assert costs.drafter.drafting(3) == pytest.approx(0.4)
    assert costs.target.at(4) == pytest.approx(1.2)
    assert not any("what a plain step costs" in each for each in costs.assumed)


@pytest.mark.parametrize("shape", ["linear", "flat"])
@pytest.mark.parametrize("verification", [None, 0.7, 1.0, 1.3, 1.6])
def test_at_its_own_length_the_price_is_the_measured_speedup(shape, verification):
    """By renewal-reward: EWIF with the run's own acceptance is the ratio of its two speeds, however costs are split."""
    comparison = compared(with_drafts(), PLAIN)
    costs = split(drafted_step(comparison), verification=verification, shape=shape)
    priced = costs.cascade({"per_position": [0.82, 650 / 820, 480 / 650]}, 3)
    assert ewif(priced) == pytest.approx(comparison.speedup, rel=1e-12)
    assert costs.target.at(1) == pytest.approx(1)


def test_other_lengths_lie_between_linear_and_flat():
    step = drafted_step(compared(with_drafts(), PLAIN))
    linear, flat = split(step), split(step, shape="flat")
    assert [linear.drafter.drafting(k) for k in (1, 3, 6)] == pytest.approx([0.2, 0.6, 1.2])
    assert [flat.drafter.drafting(k) for k in (1, 3, 6)] == pytest.approx([0.6] * 3)


def test_a_step_cheaper_than_a_plain_one_stays_so():
    costs = split(drafted_step(compared(with_drafts(decode_seconds=19.0), PLAIN)))
    assert costs.drafter.drafting(3) == 0
    assert isinstance(costs.target, Tabulated)
    assert (costs.target.by_tokens, costs.target.beyond) == (pytest.approx((1.0, 0.95)), "last")


def test_several_runs_tell_the_error():
    pairs = [compared(with_drafts(decode_seconds=seconds), PLAIN) for seconds in (30.0, 32.0, 34.0)]
    found = drafted_step_of(pairs)
    assert (found.cost, found.between_runs, found.runs) == (pytest.approx(1.6), pytest.approx(0.1), 3)
    assert found.error == pytest.approx(0.1 / math.sqrt(3))
    assert split(found).errors == {"draft": pytest.approx(0.1 / math.sqrt(3) / 3)}
    assert split(found, another_run=True).errors == {"draft": pytest.approx(0.1 * math.sqrt(4 / 3) / 3)}
    assert split(found, shape="flat").errors == {"draft": {"by_draft": [pytest.approx(0.1 / math.sqrt(3))]}}
    assert "from run to run" in split(drafted_step(pairs[0])).unknown[0]


@pytest.mark.parametrize("shape", ["linear", "flat"])
def test_the_error_of_times_reaches_the_answer(shape):
    """The delta method against 4000 redrawn pairs of clocks; 7 % is six standard errors of their deviation."""
    generator = np.random.default_rng(5)
    acceptance = {"per_position": [0.82, 0.79, 0.74]}

    def answer(plain_seconds, seconds, relative=None):
        comparison = compared(with_drafts(decode_seconds=seconds), replace(PLAIN, decode_seconds=plain_seconds))
        return split(drafted_step(comparison, relative), shape=shape).cascade(acceptance, 3)

    drawn = [
        ewif(answer(20 * (1 + 0.01 * a), 32 * (1 + 0.01 * b))) for a, b in generator.standard_normal((4000, 2)).tolist()
    ]
    assert standard_error(answer(20.0, 32.0, 0.01)) == pytest.approx(np.std(drawn), rel=0.07)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: drafted_step(compared(with_drafts(steps_without_draft=9000, decode_seconds=100.0), PLAIN)),
            "decode_sec",
        ),
        (lambda: drafted_step(compared(with_drafts(drafted=None, draft_length=None), PLAIN)), "drafted: missing or 0"),
        (lambda: drafted_step(compared(with_drafts(), PLAIN), -1), "relative_error: got -1"),
        (lambda: drafted_step_of([compared(with_drafts(), PLAIN)]), "comparisons: got 1, expected at least two"),
        (
            lambda: split(DraftedStep(1.5, 3), verification=1.7),
            "verification: got 1.7, expected more than 0 and at most",
        ),
        (lambda: split(DraftedStep(1.5, 3), verification=0), "verification: got 0, expected more than 0"),
        (lambda: split(DraftedStep(1.5, 3, drafting=1.6)), "draft_seconds: got '1.6 plain steps a draft'"),
    ],
)
def test_what_cannot_be_is_named(call, message):
    with pytest.raises(InputError, match=f"^{message}"):
        call()


def test_runs_with_drafts_of_different_lengths_are_not_averaged():
    longer = with_drafts(drafted=5000, draft_length=5)
    with pytest.raises(InputError, match=r"^comparisons\[1\].drafted: got drafts of 5 tokens beside 3"):
        drafted_step_of([compared(with_drafts(), PLAIN), compared(longer, PLAIN)])


def published_run(tokens, seconds, drafts=0, accepted=0):
    length = 3 if drafts else None
    rest = {"drafted": 3 * drafts, "accepted": accepted, "draft_length": length} if drafts else {"accepted": 0}
    without = 0 if drafts else tokens
    return EngineCounters(
        "vllm", "counts", drafts=drafts, steps_without_draft=without, tokens=tokens, decode_seconds=seconds, **rest
    )


def test_costs_of_one_benchmark_tell_the_speed_of_another():
    """Qwen3-32B with EAGLE-3 under vLLM 0.12 (AltriaSetsuna/speculative-decoding-empirical): costs of CanItEdit, speed
    of MT-Bench, whose acceptance is its own. The speedup there was 63.47 / 37.01 = 1.715."""
    costs = split(
        drafted_step(
            compared(published_run(81772, 1033.26, 24436, 57439), published_run(71331, 1929.87)),
        )
    )
    survival = [21949 / 30852, 15534 / 30852, 10545 / 30852]
    hazards = [survival[0], survival[1] / survival[0], survival[2] / survival[1]]
    predicted = ewif(costs.cascade({"per_position": hazards}, 3))
    assert predicted == pytest.approx(1.715, rel=0.06)
    assert predicted != pytest.approx(1.715, rel=0.01)


# A microbenchmark.


def test_times_become_costs():
    found = costs_of_times({1: [10.0], 3: [12.0], 4: [15.0]}, {1: [2.0], 3: [3.0]})
    assert found.target.by_tokens == pytest.approx((1.0, 1.1, 1.2, 1.5))
    assert isinstance(found.drafter, ByDraft)
    assert found.drafter.by_draft == pytest.approx((0.2, 0.25, 0.3))
    assert found.target.at(5) == pytest.approx(1.8)
    assert not found.errors
    assert "timed once" in found.unknown[0]
    assert costs_of_times({1: [10.0]}, {1: [2.0]}).drafter == Affine(0.2)


def test_errors_of_times_reach_the_answer():
    """The delta method against 4000 redrawn microbenchmarks.

    What is left out is the correlation of the two models' costs by the call that both are measured in, which the exact
    answer has: here it makes the error 1.10 times too small. Allowed are 15 %.
    """
    generator = np.random.default_rng(3)
    means = {"verify": {1: 10.0, 4: 11.0}, "draft": {1: 1.0, 3: 2.4}}

    def drawn(times):
        return {k: (mean * (1 + 0.02 * generator.standard_normal(5))).tolist() for k, mean in times.items()}

    def answer(times):
        return costs_of_times(times["verify"], times["draft"]).cascade({"per_position": [0.8, 0.7, 0.6]}, 3)

    values = [ewif(answer({part: drawn(times) for part, times in means.items()})) for _ in range(2000)]
    spread = 0.02 * math.sqrt(2.5)  # five times with this standard deviation about their mean
    about = [-1.0, -0.5, 0.0, 0.5, 1.0]
    scale = spread / math.sqrt(2.5) / np.std(about, ddof=1)
    exact = {p: {k: [m * (1 + scale * x) for x in about] for k, m in times.items()} for p, times in means.items()}
    assert standard_error(answer(exact)) == pytest.approx(np.std(values), rel=0.15)


def test_the_call_on_one_token_is_certain_and_its_error_is_shared():
    found = costs_of_times({1: [10.0, 10.4], 2: [11.0, 11.0], 3: [12.0, 12.0]}, {1: [1.0, 1.0]})
    errors = found.errors["target"]
    assert errors["by_tokens"] == pytest.approx([0, 11 / 10.2 * 0.2 / 10.2, 12 / 10.2 * 0.2 / 10.2])
    assert np.array(errors["correlation"]) == pytest.approx(np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1]]))
    assert found.errors["draft"] == pytest.approx(1 / 10.2 * 0.2 / 10.2)


def test_times_are_read_from_a_file(tmp_path):
    path = tmp_path / "times.csv"
    path.write_text("# H100\npart,tokens,time\nverify,1,10\nverify,1,11\nverify,4,12\ndraft,1,1\n")
    assert read_times(path) == ({1: [10.0, 11.0], 4: [12.0]}, {1: [1.0]})
    assert costs_of_times(*read_times(path)).drafter.at(1) == pytest.approx(1 / 10.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "header: got a,b, expected part,tokens,time"),
        ("# nothing\n", "header: got nothing"),
        ("", "the file is empty"),
        ("part,tokens,time\nreview,1,2\n", "row 1.part: got 'review', expected verify or draft"),
        ("part,tokens,time\nverify,1.5,2\n", "row 1.tokens: got '1.5', expected a whole number"),
        ("part,tokens,time\nverify,1,fast\n", "row 1.time: got 'fast', expected a number"),
    ],
)
def test_bad_files_are_named(tmp_path, text, message):
    path = tmp_path / "times.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_times(path)


@pytest.mark.parametrize(
    ("verify", "draft", "message"),
    [
        ({2: [1.0]}, {1: [1.0]}, "verify.1: missing"),
        ({1: [1.0]}, {}, "draft.1: missing"),
        ({1: [1.0], 2: []}, {1: [1.0]}, "verify.2: got"),
        ({1: [0.0]}, {1: [1.0]}, r"verify.1\[0\]: got 0.0, expected a time above 0"),
    ],
)
def test_bad_times_are_named(verify, draft, message):
    with pytest.raises(InputError, match=f"^{message}"):
        costs_of_times(verify, draft)


# Published fits.


@pytest.mark.parametrize(("k", "batch", "cached"), [(1, 1, 0), (3, 1, 512), (5, 8, 700), (20, 64, 100)])
def test_the_published_fit_is_that_of_its_authors(k, batch, cached):
    """Milliseconds by the rounded numbers of arXiv 2601.11580's simulator, straight from its formula."""

    def call(tokens):
        return 5.8859 + 0.0210103 * batch * tokens + 3.92646e-5 * batch * cached

    plain = call(1) + 1.20684
    drafting = 2.13526 + 8.41430e-4 * (k + 1) + 2.37768e-6 * batch * cached
    costs = published_costs("eagle3", batch=batch, cached=cached)
    tokens = (1 - 0.7 ** (k + 1)) / 0.3
    expected = tokens * plain / (call(k + 1) + drafting + 1.20684)
    assert ewif(costs.cascade(0.7, k)) == pytest.approx(expected, rel=1e-5)
    copying = published_costs("copying", batch=batch, cached=cached)
    expected = tokens * plain / (1.005875 * call(k + 1) + 1.20684)
    assert ewif(copying.cascade(0.7, k)) == pytest.approx(expected, rel=1e-5)


def test_two_publications_disagree_on_eagle():
    flat, linear = published_costs("eagle3"), published_costs("eagle3-per-token")
    assert flat.drafter.drafting(1) > 4 * linear.drafter.drafting(1)
    assert flat.drafter.drafting(4) == pytest.approx(linear.drafter.drafting(4), rel=0.1)
    assert flat.drafter.drafting(16) < linear.drafter.drafting(16) / 3
    assert linear.errors["draft"] == pytest.approx(0.006 / math.sqrt(12))


def test_published_numbers_name_their_source():
    assert {row["name"] for row in engine_rows("hardware_fits.csv")} == {"llama31-8b-h100"}
    times = [row for row in engine_rows("verification_times.csv") if row["batch"] == "1"]
    verify = {int(row["tokens"]): [float(row["milliseconds"])] for row in times}
    costs = costs_of_times(verify, {1: [1.0]})
    assert costs.target.at(2) == pytest.approx(18.47 / 15.77)
    assert costs.target.at(8) == pytest.approx(18.22 / 15.77)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"drafter": "medusa"}, "drafter: got 'medusa', expected eagle3, eagle3-per-token or copying"),
        ({"drafter": "eagle3", "batch": 0}, "batch: got 0"),
        ({"drafter": "eagle3", "cached": -1}, "cached: got -1"),
        ({"drafter": "eagle3", "longest": 0}, "longest: got 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=f"^{message}"):
        published_costs(**arguments)


# What costs are used for.


@pytest.mark.parametrize("costs", [per_drafted_token(0.07), published_costs("eagle3"), published_costs("copying")])
@pytest.mark.parametrize("k", [1, 4, 16])
def test_the_law_of_a_step_is_the_price_of_the_cascade(costs, k):
    law = law_of(costs)
    tokens = sum(0.7**j for j in range(k + 1))
    assert tokens / law.at(np.array([float(k)]))[0] == pytest.approx(ewif(costs.cascade(0.7, k)), rel=1e-9)


def test_a_law_has_the_error_of_its_costs():
    assert law_of(published_costs("eagle3-per-token")).error == pytest.approx(0.006 / math.sqrt(12) / 0.069)
    assert law_of(published_costs("eagle3")).error == 0
    half = law_of(published_costs("eagle3-per-token"), with_drafts(drafted=2500, steps_without_draft=1000, tokens=3950))
    assert (half.per_token, half.longest) == (pytest.approx(0.0345), 2.5)


def test_costs_by_name(tmp_path):
    assert named_costs("copying") == published_costs("copying")
    path = tmp_path / "times.csv"
    path.write_text("part,tokens,time\nverify,1,10\ndraft,1,1\n")
    assert named_costs(str(path)).drafter == Affine(0.1)
    with pytest.raises(InputError, match=r"^costs: got 'eagle', expected eagle3, eagle3-per-token, copying, or a file"):
        named_costs("eagle")


def test_costs_that_bend_are_a_table_of_the_same_prices():
    costs = costs_of_times({1: [10.0], 3: [13.0], 16: [14.0]}, {1: [1.0]})
    law = law_of(costs)
    for k in (1, 2, 7, 30):
        assert law.at(np.array([float(k)]))[0] == pytest.approx(costs.drafter.drafting(k) + costs.target.at(k + 1))
    assert law.rises
    with pytest.raises(InputError, match="table: got '64 costs', expected at least 65"):
        law.at(np.array([65.0]))


def test_the_error_of_a_law_is_that_of_both_costs():
    """Verification 1 + .01 (q - 1) with error .02 at every q > 1, drafting .1 a token with error .01."""
    costs = EngineCosts(
        Tabulated(tuple(1 + 0.01 * q for q in range(80)), "linear"),
        Affine(0.1),
        "made up",
        {"target": {"by_tokens": [0.0] + [0.02] * 79}, "draft": 0.01},
    )
    expected = [math.hypot(0.01 * k, 0.02) / (0.11 * k) for k in range(1, 65)]
    assert law_of(costs).error == pytest.approx(math.sqrt(sum(e * e for e in expected) / 64))


def test_costs_as_json():
    costs = EngineCosts(
        Affine(1.0), ByDraft((0.3,), "last"), "a source", {"draft": {"by_draft": [0.01]}}, ("a",), ("b",)
    )
    assert costs.to_json() == {
        "target": 1.0,
        "drafter": {"by_draft": [0.3], "beyond": "last"},
        "errors": {"draft": {"by_draft": [0.01]}},
        "source": "a source",
        "assumed": ["a"],
        "unknown": ["b"],
    }
    it = costs.cascade(0.8, 4, acceptance_error=0.02)
    assert it.uncertainty == {
        "acceptance": {"target": {"draft": 0.02}},
        "models": {"draft": {"cost": {"by_draft": [0.01]}}},
    }
    assert ewif(costs.cascade(0.8, 0)) == 1
