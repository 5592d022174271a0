"""Replay of recorded acceptance lengths: against a slow decoder, enumeration, and counts done by hand."""

import gzip
import itertools
import json
import random

import numpy as np
import pytest
from command_line import run

from analysis.model import InputError, Step
from analysis.model.records.length_traces import LengthTrace, read_length_traces
from simulate.commands import lengths as command
from simulate.lengths.choice import choose, gains, halves
from simulate.lengths.copier import copies
from simulate.lengths.costs import DRAFTED, FED, H100, MACHINES, STEPS
from simulate.lengths.families import ReplayedTexts, elsewhere_rows, members
from simulate.lengths.oracle import oracle_speedup
from simulate.lengths.rules import COPIER, FAMILIES, NETWORK, MatchRule, rules
from simulate.lengths.static import static_rows
from simulate.lengths.walk import Starts


def text_of(seed, tokens=40, letters=4):
    """A text that repeats itself a lot, with lengths of a network that are what chance says."""
    draw = random.Random(seed)
    prompt = [draw.randrange(letters) for _ in range(12)]
    text = [draw.randrange(letters) for _ in range(5)]
    while len(text) < tokens:
        start = draw.randrange(len(text))
        text += [*text[start : start + draw.randrange(1, 9)], draw.randrange(letters)]
    text = text[:tokens]
    lengths = tuple(1 + min(draw.randrange(8) * draw.randrange(2), 20) for _ in text)
    trace = LengthTrace(f"t{seed}", tuple(prompt), tuple(text), {NETWORK: lengths, COPIER: ()})
    copied = tuple(1 + n for n in slow_copies(trace, 20, 3, 7))
    return LengthTrace(trace.id, trace.prompt, trace.text, {NETWORK: lengths, COPIER: copied})


def slow_match(context):
    """Length of the longest suffix that occurs earlier, by trying all."""
    best = 0
    for n in range(1, len(context)):
        suffix = context[-n:]
        if any(context[j : j + n] == suffix for j in range(len(context) - n)):
            best = n
    return best


def slow_proposal(context, room, least, most):
    for n in range(min(most, len(context) - 1), least - 1, -1):
        for j in range(len(context) - n):
            if context[j : j + n] == context[-n:]:
                return context[j + n : j + n + room]
    return ()


def slow_copies(trace, room, least, most):
    for i in range(len(trace.text)):
        proposal = slow_proposal(trace.prompt + trace.text[:i], room, least, most)
        agreed = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(proposal, trace.text[i:], strict=False))
        yield len(list(agreed))


TEXTS = [text_of(seed, tokens=20 + 7 * seed) for seed in range(6)]


def slow_decode(trace, rule):
    """(Steps, tokens fed, tokens drafted by the network) of a rule, token by token, by the words of its docstrings."""
    written, steps, fed, drafted = 1, 0, 0, 0
    while written < len(trace.text):
        context = trace.prompt + trace.text[:written]
        takes = rule.least and slow_match(context) >= rule.least
        right, here, offered = True, written, 0
        for step in rule.matched if takes else rule.otherwise:
            context = trace.prompt + trace.text[:here]
            if step.by == COPIER and right:
                if here >= len(trace.text) or slow_match(context) < rule.copier_least:
                    continue
                proposal = slow_proposal(context, 20, 1, 7)
                limit = sum(1 for _ in itertools.takewhile(lambda p: p[0] == p[1], zip(proposal, trace.text[here:])))  # noqa: B905
            elif step.by == NETWORK:
                drafted += step.tokens
                limit = trace.lengths[NETWORK][here] - 1 if here < len(trace.text) else 0
                limit = min(limit, len(trace.text) - here)
            offered += step.tokens
            if right:
                accepted = min(step.tokens, limit)
                right = accepted == step.tokens
                here += accepted
        steps, fed, written = steps + 1, fed + 1 + offered, here + 1
    return steps, fed, drafted


def some_rules():
    listed = list(rules())
    return random.Random(1).sample(listed, 60)


def test_copies_are_those_of_trying_every_suffix_at_every_place():
    for trace in TEXTS:
        for room, least, most in ((20, 3, 7), (20, 1, 7), (4, 2, 3)):
            found = copies(trace, room, least, most)
            assert found.accepted.tolist() == list(slow_copies(trace, room, least, most))
        whole = [slow_match(trace.prompt + trace.text[:i]) for i in range(len(trace.text))]
        assert found.matches.tolist() == whole


@pytest.mark.parametrize("rule", some_rules(), ids=str)
def test_a_rule_counts_what_a_slow_decoder_counts(rule):
    counts = Starts.of(TEXTS).counts(rule)
    for trace, row in zip(TEXTS, counts, strict=True):
        assert (row[STEPS], row[FED], row[DRAFTED]) == slow_decode(trace, rule)


def test_plain_decoding_feeds_one_token_for_each_but_the_first():
    starts = Starts.of(TEXTS)
    plain = starts.counts(MatchRule("plain", ()))
    assert plain[:, STEPS].tolist() == plain[:, FED].tolist() == starts.tokens.tolist()


def test_missing_lengths_count_as_nothing_accepted():
    trace = TEXTS[0]
    cut = LengthTrace("cut", trace.prompt, trace.text, {NETWORK: trace.lengths[NETWORK][:5]})
    padded = LengthTrace("cut", trace.prompt, trace.text, {NETWORK: (*trace.lengths[NETWORK][:5], *[1] * 15)})
    rule = MatchRule("eagle", (Step(NETWORK, tokens=4),))
    assert np.array_equal(Starts.of([cut]).counts(rule), Starts.of([padded]).counts(rule))


def cheapest(starts, costs, place, prompt, memory):
    """Least cost from a place on, by trying every pair of lengths that would be accepted."""
    end = starts.ends[-1]
    if place >= end:
        return 0.0
    if place not in memory:
        options = []
        for k in range(starts.network[place] + 1):
            behind = starts.copier[place + k] if place + k < end else 0
            for m in range(behind + 1):
                verify = costs.call + costs.per_fed * (1 + k + m) + costs.per_held * (prompt + place - 1)
                drafting = (costs.draft + costs.per_drafted * k) * (k > 0) + costs.copy_share * verify * (m > 0)
                rest = cheapest(starts, costs, place + k + m + 1, prompt, memory)
                options.append(verify + costs.overhead + drafting + rest)
        memory[place] = min(options)
    return memory[place]


@pytest.mark.parametrize("machine", ["flat", "0.07 a token"])
def test_clairvoyance_is_the_cheapest_of_all_ways_and_no_rule_beats_it(machine):
    costs = MACHINES[machine]
    for trace in TEXTS:
        starts = Starts.of([trace])
        least = starts.least_milliseconds(costs)[0]
        assert least == pytest.approx(cheapest(starts, costs, 1, len(trace.prompt), {}))
        ahead = [rule for rule in some_rules() if rule.family != "copy, then eagle"]  # which clairvoyance does not try
        assert all(costs.milliseconds(starts.counts(rule))[0] >= least for rule in ahead)


def test_prices_are_those_of_the_published_fit():
    counts = np.zeros(8)
    counts[[STEPS, FED]] = 1, 6
    counts[2], counts[3], counts[4] = 500, 1, 5
    assert H100.milliseconds(counts) == pytest.approx(
        5.88590713 + 6 * 0.0210103129 + 500 * 3.92645679e-5 + 1.20683946 + 2.13526175
    )
    by_token = H100.by_token(0.07)
    assert by_token.milliseconds(counts) - by_token.milliseconds(counts - np.eye(8)[4]) == pytest.approx(
        0.07 * H100.plain
    )


def test_a_setting_is_judged_on_texts_that_it_was_not_chosen_on():
    times = np.array([[1.0, 9, 1, 9, 1], [5, 2, 5, 2, 5]])
    chosen = choose(times, [0, 1])
    assert halves(5).tolist() == [0, 1, 0, 1, 0]
    assert chosen.settings == (1, 0)  # the first is best on even texts, so judges the odd ones
    assert chosen.milliseconds.tolist() == [5, 9, 5, 9, 5]


def test_gains_are_ratios_of_totals_and_their_intervals_are_paired():
    draw = np.random.default_rng(0)
    base = draw.uniform(1, 20, 50)
    weights = draw.multinomial(50, np.full(50, 0.02), size=500).astype(float)
    found = gains({"same": base, "twice as fast": base / 2, "other": draw.uniform(1, 20, 50)}, base, weights)
    assert found["twice as fast"] == pytest.approx((2, 2, 2))
    ratio, low, high = found["other"]
    assert low < ratio < high
    assert high - low > 0.1


def test_an_oracle_of_one_text_by_hand():
    trace = LengthTrace("a", (1, 2), (3, 4, 5, 6), {NETWORK: (3, 1, 1, 1), COPIER: (1, 1, 1, 2)})
    plain = H100.call + 2 * H100.per_fed + H100.overhead
    plain += sum(H100.call + H100.per_fed + H100.per_held * held + H100.overhead for held in (3, 4, 5))
    first = H100.call + 3 * H100.per_fed + 3 * H100.per_held
    spent = H100.call + 2 * H100.per_fed + H100.overhead + first + 2.0 + H100.overhead
    assert oracle_speedup(
        [trace], (NETWORK, COPIER), lambda name, tokens, call: 2.0 * (name == NETWORK)
    ) == pytest.approx(plain / spent)


def test_counters_of_a_half_are_those_of_its_run():
    rows = static_rows(Starts.of(TEXTS))
    rule = MatchRule("eagle", (Step(NETWORK, tokens=8),))
    counts = Starts.of(TEXTS).counts(rule)
    for side in (0, 1):
        row = next(r for r in rows if r["kind"] == "counters" and r["half"] == side)
        tokens = Starts.of(TEXTS).tokens[side::2].sum()
        per_step = tokens / counts[side::2, STEPS].sum()
        assert 1 + sum(row["eagle"][:8]) == pytest.approx(per_step, abs=0.2)  # ends of texts cut a few


def test_a_setting_of_elsewhere_is_the_best_of_the_other_data():
    sets = [ReplayedTexts.of("a", "all", TEXTS), ReplayedTexts.of("b", "all", [text_of(s) for s in range(20, 25)])]
    costs = MACHINES["0.07 a token"]
    row = next(
        r for r in elsewhere_rows(sets, 0) if (r["data"], r["machine"], r["family"]) == ("a", "0.07 a token", "copy")
    )
    copying = [rule for rule in rules() if rule.family == "copy"]
    best = min(copying, key=lambda rule: costs.milliseconds(sets[1].starts.counts(rule)).sum())
    assert row["setting"] == str(best)
    taken = costs.milliseconds(sets[0].starts.counts(best)).sum()
    alone = choose(costs.milliseconds(sets[0].counts), members()["eagle"]).milliseconds.sum()
    assert row["over_eagle"] == pytest.approx(alone / taken)


def lines_of(traces):
    return "".join(
        json.dumps(
            {
                "id": t.id,
                "prompt_token_ids": t.prompt,
                "generated_token_ids": t.text,
                **{f"acc_{name}": {"acc_len": lengths} for name, lengths in t.lengths.items()},
            }
        )
        + "\n"
        for t in traces
    )


def test_a_file_is_read_plain_and_gzipped(tmp_path):
    (tmp_path / "a.jsonl").write_text(lines_of(TEXTS))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines_of(TEXTS).encode()))
    assert read_length_traces(tmp_path / "a.jsonl") == tuple(TEXTS) == read_length_traces(tmp_path / "b.jsonl.gz")


def test_a_list_may_stand_by_itself(tmp_path):
    row = {"id": 7, "prompt_token_ids": [1], "generated_token_ids": [2, 3], "acc_eagle": [2, 1]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (trace,) = read_length_traces(tmp_path / "a.jsonl")
    assert trace == LengthTrace("7", (1,), (2, 3), {NETWORK: (2, 1)})


def test_lengths_of_another_text_are_told_by_their_number():
    other = LengthTrace("a", (1,), (2, 3), {NETWORK: (1, 1, 1), COPIER: (1, 1)})
    assert not other.is_of_this_text(NETWORK)
    assert other.is_of_this_text(COPIER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": None}, "line 1.id: got null, expected a string or a whole number"),
        ({"generated_token_ids": []}, "line 1.generated_token_ids: is empty, expected at least one token"),
        ({"acc_eagle": {"acc_len": [0]}}, r"line 1.acc_eagle.acc_len\[0\]: got 0, expected a whole number in 1"),
        ({"acc_eagle": {"acc_len": [1.5]}}, r"line 1.acc_eagle.acc_len\[0\]: got 1.5"),
        ({"acc_eagle": 1}, "line 1.acc_eagle: got 1, expected an object"),
        ({"acc_eagle": [0]}, r"line 1.acc_eagle\[0\]: got 0, expected a whole number in 1"),
    ],
)
def test_wrong_files_are_refused_by_line_and_field(change, said, tmp_path):
    row = {"id": "a", "prompt_token_ids": [1], "generated_token_ids": [2], "acc_eagle": {"acc_len": [1]}} | change
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match=said):
        read_length_traces(tmp_path / "a.jsonl")


def test_an_id_that_is_there_twice_and_a_line_without_drafter_are_refused(tmp_path):
    (tmp_path / "twice.jsonl").write_text(lines_of([TEXTS[0], TEXTS[0]]))
    with pytest.raises(InputError, match=r"line 2\.id: 't0' is there twice"):
        read_length_traces(tmp_path / "twice.jsonl")
    (tmp_path / "none.jsonl").write_text('{"id": 1, "prompt_token_ids": [1], "generated_token_ids": [2]}')
    with pytest.raises(InputError, match="no drafter"):
        read_length_traces(tmp_path / "none.jsonl")


def test_the_command_writes_rows_without_texts_and_prints_tables(tmp_path, capsys, monkeypatch):
    (tmp_path / "texts.jsonl").write_text(lines_of(TEXTS))
    out, table = tmp_path / "rows.jsonl", tmp_path / "table.md"
    (tmp_path / "others.jsonl").write_text(lines_of([text_of(seed) for seed in range(10, 15)]))
    files = (tmp_path / "texts.jsonl", tmp_path / "others.jsonl", "--out", out, "--markdown", table, "--quiet")
    result = run(command, capsys, monkeypatch, "lengths", *files)
    assert result.returncode == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["kind"] for row in rows} == {"machine", "texts", "rule", "counters", "static", "oracle", "elsewhere"}
    ruled = [row for row in rows if row["kind"] == "rule"]
    assert len(ruled) == 2 * 2 * len(MACHINES) * len(FAMILIES)
    assert all(row["speedup"] == row["low"] == row["high"] == 1 for row in ruled if row["family"] == "plain")
    assert not {"prompt_token_ids", "generated_token_ids"} & {key for row in rows for key in row}
    assert result.stdout.strip() == table.read_text().strip()


def test_the_command_refuses_too_few_texts_and_too_few_names(tmp_path, capsys, monkeypatch):
    (tmp_path / "texts.jsonl").write_text(lines_of(TEXTS[:2]))
    result = run(command, capsys, monkeypatch, "lengths", tmp_path / "texts.jsonl", "--quiet")
    assert result.returncode == 2
    assert result.stderr == "error: texts: has 2 texts (same text), expected at least 4\n"
    result = run(command, capsys, monkeypatch, "lengths", tmp_path / "texts.jsonl", "--names", "a", "b", "--quiet")
    assert result.returncode == 2
    assert result.stderr == "error: --names: got a, b, expected a name of its own for each file\n"
