"""The record of an engine's counters: its invariants, differences of two readings, and acceptance by position."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters
from analysis.model.records.position_rates import jeffreys_95

SEEN = EngineCounters(
    "plain",
    "counts",
    drafts=1000,
    steps_without_draft=250,
    drafted=3000,
    accepted=1950,
    accepted_by_position=(820, 650, 480),
    draft_length=3,
    tokens=3190,
    decode_seconds=25.0,
    engine_steps=250,
    requests=12,
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accepted": 3001, "accepted_by_position": ()}, "accepted: got 3001, expected at most 3000, drafted"),
        ({"accepted_by_position": (820, 830, 300)}, r"accepted_by_position\[1\]: got 830, expected at most 820"),
        ({"accepted_by_position": (1001, 649, 300)}, r"accepted_by_position\[0\]: got 1001, expected at most 1000"),
        ({"accepted_by_position": (820, 650, 470)}, "accepted_by_position: got 1940 in all, expected 1950"),
        ({"offered_by_position": (1000, 1001)}, r"offered_by_position\[1\]: got 1001"),
        ({"drafted": 3001}, "drafted: got 3001, expected at most 3000, drafts times draft_length"),
        ({"drafts": -1}, "drafts: got -1"),
        ({"decode_seconds": float("nan")}, "decode_seconds: got nan"),
        ({"tokens": 1900}, "accepted: got 1950, expected at most 1936"),
        ({"tokens": 900, "requests": None}, "accepted: got 1950, expected at most 1800"),
        ({"survival": (0.5, 0.6)}, r"survival\[1\]: got 0.6, expected at most 0.5"),
        ({"mean_tokens": 4.5}, r"mean_tokens: got 4.5, expected a number in \[1, 4\]"),
    ],
)
def test_counters_that_exclude_each_other_are_refused_by_name(changes, message):
    with pytest.raises(InputError, match=message):
        replace(SEEN, **changes)


def test_means_say_which_steps_and_whether_the_bonus_token_counts():
    assert SEEN.tokens_per_draft() == 2.95
    assert SEEN.tokens_per_draft(bonus=False) == 1.95
    assert SEEN.tokens_per_step() == 1 + 1950 / 1250
    assert SEEN.tokens_per_step(bonus=False) == 1950 / 1250
    assert SEEN.abstained == pytest.approx(0.2)
    assert SEEN.seconds_per_step == 0.02
    assert SEEN.acceptance_rate == 0.65


def test_what_is_not_told_is_not_made_up():
    bare = EngineCounters("plain", "counts", drafts=100, accepted=60)
    assert bare.steps is None
    assert bare.tokens_per_step() is None
    assert bare.has_one_length is None
    assert bare.rates() == ()


def test_where_steps_are_not_counted_tokens_tell_them():
    """A step writes one token more than it accepts."""
    assert replace(SEEN, steps_without_draft=None, tokens=3200).steps == 1250


def test_drafts_that_end_by_themselves_are_told_from_those_cut_by_ends_of_texts():
    assert SEEN.has_one_length
    assert replace(SEEN, drafted=2970).has_one_length
    assert replace(SEEN, drafted=2500).has_one_length is False


def test_drafts_that_ended_are_no_rejections_where_the_engine_counts_them():
    told = replace(SEEN, drafted=2400, offered_by_position=(1000, 800, 600))
    assert [rate.examined for rate in told.rates()] == [1000, 800, 600]
    assert [rate.hazard for rate in told.rates()] == [0.82, 650 / 800, 0.8]


def test_positions_that_no_draft_reached_have_no_rate():
    suffix = replace(SEEN, draft_length=5, accepted_by_position=(820, 650, 480, 0, 0))
    assert suffix.has_one_length is False
    assert [rate.position for rate in suffix.rates()] == [0, 1, 2]
    fixed = replace(SEEN, drafted=5000, draft_length=5, accepted_by_position=(1000, 950, 0, 0, 0))
    assert [(rate.examined, rate.hazard) for rate in fixed.rates()] == [(1000, 1.0), (1000, 0.95), (950, 0.0)]


counts = st.integers(0, 10**6).map(float)


@st.composite
def readings(draw):
    """Two readings of one engine, the later one with no less of anything."""
    length = draw(st.integers(1, 5))

    def added(base):
        positions, left = [], draw(counts)
        for _ in range(length):
            left = float(draw(st.integers(0, int(left))))
            positions.append(left)
        drafts = float(draw(st.integers(int(positions[0]), 2 * 10**6)))
        by_position = tuple(a + b for a, b in zip(base.accepted_by_position, positions, strict=True))
        return replace(
            base,
            drafts=base.drafts + drafts,
            steps_without_draft=base.steps_without_draft + draw(counts),
            drafted=base.drafted + drafts * length,
            accepted=sum(by_position),
            accepted_by_position=by_position,
        )

    nothing = EngineCounters(
        "plain",
        "counts",
        drafts=0.0,
        steps_without_draft=0.0,
        drafted=0.0,
        accepted=0.0,
        accepted_by_position=(0.0,) * length,
        draft_length=length,
    )
    start = added(nothing)
    return nothing, start, added(start)


@given(readings())
def test_differences_of_readings_add_up(found):
    nothing, start, end = found
    assert end.since(nothing) == replace(end, concurrency=None)
    difference = end.since(start)
    assert difference.drafts == end.drafts - start.drafts
    assert difference.accepted == sum(difference.accepted_by_position)
    if start.drafts:
        with pytest.raises(InputError, match="fell from"):
            nothing.since(start)


def test_readings_of_two_engines_or_of_means_are_not_subtracted():
    with pytest.raises(InputError, match="model: got 'a' at the start and 'b' at the end"):
        replace(SEEN, model="b").since(replace(SEEN, model="a"))
    with pytest.raises(InputError, match="these are means"):
        replace(SEEN, mean_tokens=2.0).since(SEEN)


def test_intervals_cover_as_often_as_they_say():
    """2,000 samples of 200 trials; coverage of Jeffreys' interval is near 95 %, outside 92..98 % below 1e-6."""
    generator = np.random.default_rng(5)
    for truth in (0.3, 0.9):
        inside = sum(
            low <= truth <= high for low, high in (jeffreys_95(x, 200) for x in generator.binomial(200, truth, 2000))
        )
        assert 0.92 < inside / 2000 < 0.98


def test_intervals_reach_the_ends_where_all_trials_fared_alike():
    assert jeffreys_95(0, 20)[0] == 0
    assert jeffreys_95(20, 20)[1] == 1
    assert jeffreys_95(20, 20)[0] == pytest.approx(stats.beta.ppf(0.025, 20.5, 0.5))
