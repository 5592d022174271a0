"""What replay predicts from recorded agreements: tokens as theory has them, seconds as the tables have them."""

import gzip
import hashlib
import json
import random
from pathlib import Path

import calibrations
import numpy as np
import pytest
from calibrations import ALPHAS, OF_TARGET, PROPOSE, call_seconds, flat
from command_line import run

from analysis.model import Cascade, InputError, Step
from analysis.model.records.calibration import calibration_of
from analysis.model.records.named import NamedDraft
from analysis.theory.exact import cycle_law
from simulate.commands import replay
from simulate.replay import Clock, Frequencies, Switches, decode, read_traces
from simulate.replay.places import TextPlaces
from simulate.replay.search import neighbours

LOOP = {"per_cycle": 2e-3, "per_review": 1e-3, "per_drafted_token": 5e-4, "per_proposal": 2e-4}


def calibrated(**details):
    spec = calibrations.calibration(flat(ALPHAS), **details)
    return calibration_of(Cascade.from_json(spec, needs_draft=False))


def line(agree, tokens, off=None, finish="length", prompt_tokens=20):
    fixed = {"id": "p", "category": None, "prompt_tokens": prompt_tokens, "tokens": tokens, "finish": finish}
    return fixed | {"agree": agree, "off": off or {}}


HEADER = {"schema": 1, "target": "t", "reviewers": ["t", "a", "b"], "drafters": ["a", "b", "mag"], "policy": "greedy"}


def recording(tmp_path, *lines):
    return read_traces(calibrations.write_lines(tmp_path / "t.jsonl.gz", [HEADER, *lines]))


def decoded(records, draft, calibration, seed=0):
    cascade = calibration.cascade.with_draft(draft)
    frequencies = Frequencies(records)
    return [
        decode(cascade, TextPlaces(trace, "t", ("a", "b"), frequencies, random.Random(seed)), trace.tokens)
        for trace in records.traces
    ]


def test_seconds_are_those_of_every_call_at_its_size_and_context(tmp_path):
    """Text of five tokens, a drafts three: 110 -> three tokens; then room for one draft, right."""
    known = calibrated(loop_seconds=LOOP)
    records = recording(tmp_path, line({"t": {"a": "11010"}}, 5))
    [run_] = decoded(records, (Step("a", tokens=3),), known)
    assert [cycle.tokens for cycle in run_.cycles] == [3, 2]
    expected = {
        "a": call_seconds("a", 1, 19) + call_seconds("a", 1, 20) + call_seconds("a", 1, 21) + call_seconds("a", 1, 22),
        "t": call_seconds("t", 4, 19) + call_seconds("t", 2, 22),
        "loop": 2 * 2e-3 + 4 * 5e-4,
    }
    assert Clock(known).cascade(run_) == pytest.approx(expected)
    alone = sum(call_seconds("t", 1, 19 + i) for i in range(5))
    assert Clock(known).autoregressive(run_) == pytest.approx({"t": alone, "loop": 5 * 2e-3})


def test_a_drafter_reads_what_it_has_not_seen_in_its_next_call(tmp_path):
    """All drafts right: after a whole accepted draft the drafter has two tokens to read."""
    known = calibrated()
    [run_] = decoded(recording(tmp_path, line({"t": {"a": "1" * 6}}, 6)), (Step("a", tokens=2),), known)
    assert [call.q for cycle in run_.cycles for call in cycle.calls] == [1, 1, 3, 2, 1, 3]
    without = Clock(known).cascade(run_, Switches.without("catch_up"))
    difference = call_seconds("a", 2, 21) - call_seconds("a", 1, 21)
    assert Clock(known).cascade(run_)["a"] - without["a"] == pytest.approx(difference)


def test_each_switch_leaves_out_its_own_part(tmp_path):
    known = calibrated(loop_seconds=LOOP)
    draft = (Step("a", rounds=1, draft=(Step("mag", tokens=2),)),)
    agree = {"t": {"a": "10" * 6, "mag": "1" * 12}, "a": {"mag": "10" * 6}}
    [run_] = decoded(recording(tmp_path, line(agree, 12)), draft, known)
    clock = Clock(known)
    whole, loop = clock.cascade(run_), clock.cascade(run_, Switches.without("loop"))
    assert loop == whole | {"loop": 0.0}
    reviews, drafted = sum(c.inner_reviews for c in run_.cycles), sum(c.drafted for c in run_.cycles)
    assert whole["loop"] == pytest.approx(len(run_.cycles) * 2e-3 + reviews * 1e-3 + drafted * 2e-4)
    assert whole["mag"] == pytest.approx(drafted * PROPOSE)
    level = clock.cascade(run_, Switches.without("context"))
    assert level["t"] == pytest.approx(
        sum(call_seconds("t", c.q, 100) for cycle in run_.cycles for c in cycle.calls if c.model == "t")
    )
    uncut = [cycle for cycle in run_.cycles if not cycle.cut]
    assert 0 < len(uncut) < len(run_.cycles)
    steady = clock.autoregressive(run_, Switches.without("last_cycles"))
    assert steady["loop"] == pytest.approx(sum(cycle.tokens for cycle in uncut) * 2e-3)


def test_the_first_call_after_the_target_takes_its_own_time(tmp_path):
    spec = calibrations.calibration(flat(ALPHAS))
    table = spec["meta"]["calibration"]["seconds"]["a"]
    table["first_call"] = [[2 * value for value in row] for row in table["median"]]
    table["following_calls"] = [[value / 2 for value in row] for row in table["median"]]
    known = calibration_of(Cascade.from_json(spec, needs_draft=False))
    [run_] = decoded(recording(tmp_path, line({"t": {"a": "00"}}, 2)), (Step("a", tokens=1),), known)
    assert Clock(known).cascade(run_)["a"] == pytest.approx(2 * call_seconds("a", 1, 19))
    longer = decoded(recording(tmp_path, line({"t": {"a": "000"}}, 3)), (Step("a", tokens=2),), known)[0]
    expected = 2 * call_seconds("a", 1, 19) + call_seconds("a", 1, 20) / 2 + 2 * call_seconds("a", 1, 20)
    assert Clock(known).cascade(longer)["a"] == pytest.approx(expected)
    mean = Clock(known).cascade(longer, Switches.without("cold"))["a"]
    assert mean == pytest.approx(call_seconds("a", 1, 19) + 2 * call_seconds("a", 1, 20))


DRAFTS = {
    "speculative": (Step("a", tokens=4),),
    "max-gram": (Step("mag", tokens=8),),
    "horizontal": (Step("a", tokens=2), Step("b", tokens=2), Step("mag", tokens=3)),
    "until": (Step("b", until=2), Step("mag", until=6, block=2)),
}


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS)
def test_independent_agreements_give_the_tokens_a_cycle_of_theory(draft, tmp_path):
    """Two witnesses. 40,000 tokens, fixed seed: four standard errors, a false alarm in 16,000."""
    known = calibrated()
    lines = calibrations.traces(np.random.default_rng(7), OF_TARGET, 20, 2000)
    runs = decoded(read_traces(calibrations.write_lines(tmp_path / "t.gz", lines)), draft, known)
    yields = np.array([cycle.tokens for run_ in runs for cycle in run_.cycles if not cycle.cut])
    expected = cycle_law(known.cascade.with_draft(draft)).tokens_per_cycle
    error = yields.std() / yields.size**0.5
    assert yields.mean() == pytest.approx(expected, abs=4 * error)
    wrong = {"t": dict.fromkeys(("a", "b", "mag"), known.cascade.acceptance["a"]["b"])}
    other = cycle_law(Cascade("t", known.cascade.models, wrong, draft)).tokens_per_cycle
    assert abs(yields.mean() - other) > 4 * error


def test_off_the_text_recorded_continuations_decide_how_long_inner_rounds_get(tmp_path):
    """At the first token a and Max-Gram are wrong in the same way; then they agree twice more on a's own text."""
    agree = {"t": {"a": "0" * 8, "mag": "0" * 8}, "a": {"mag": "1" * 8}}
    off = {"a": {"mag": [[i, "110"] for i in range(8)]}}
    draft = (Step("a", rounds=1, draft=(Step("mag", tokens=6),)),)
    [run_] = decoded(recording(tmp_path, line(agree, 8, off)), draft, calibrated())
    assert run_.cycles[0].offered == 4  # three accepted, and the correction
    assert run_.cycles[0].tokens == 1
    [other] = decoded(recording(tmp_path, line(agree, 8, {"a": {"mag": [[0, "010"]]}})), draft, calibrated())
    assert other.cycles[0].offered == 2


def test_starts_before_a_departure_share_its_continuation(tmp_path):
    agree = {"t": {"a": "11100111"}, "a": {"mag": "1" * 8}}
    records = recording(tmp_path, line(agree, 8, {"a": {"mag": [[1, "01"], [4, "11"], [6, "1"]]}}))
    assert records.traces[0].off == {"a": {3: {"mag": "01"}, 4: {"mag": "11"}}}


def test_where_nothing_was_recorded_off_the_text_its_own_frequencies_serve(tmp_path):
    inner = {"a": {"mag": "0100", "b": "0000"}, "b": {"mag": "1010"}}
    agree = {"t": {"a": "0101", "b": "0000", "mag": "0100"}, **inner}
    frequencies = Frequencies(recording(tmp_path, line(agree, 4)))
    assert frequencies.off("a", "mag") == 0.25
    assert frequencies.differing("b", "mag", "a") == 2 / 3  # a agrees with neither but at the second place
    records = recording(tmp_path, line(agree, 4, {"a": {"mag": [[0, "1110"]]}}))
    assert Frequencies(records).off("a", "mag") == 0.75


def test_a_shorter_limit_cuts_the_texts_as_it_would_have_cut_the_runs(tmp_path):
    """Eight tokens and an end: cut after five, the last draft has no room and nothing has ended."""
    off = {"a": {"mag": [[2, "01"], [6, "11"]]}}
    agree = {"t": {"a": "11011101", "mag": "0" * 8}, "a": {"mag": "0" * 8}}
    whole = recording(tmp_path, line(agree, 8, off, finish="eos"))
    short = whole.cut(5)
    assert (short.traces[0].tokens, short.traces[0].ended, short.traces[0].off) == (5, False, {"a": {2: {"mag": "01"}}})
    assert whole.cut(8) == whole
    [run_] = decoded(short, (Step("a", tokens=3),), calibrated())
    assert [(cycle.tokens, cycle.offered) for cycle in run_.cycles] == [(3, 3), (2, 1)]
    [run_] = decoded(whole, (Step("a", tokens=3),), calibrated())
    assert [(cycle.tokens, cycle.offered) for cycle in run_.cycles] == [(3, 3), (4, 3), (1, 0)]


def test_a_proposal_counts_in_the_loop_whether_or_not_it_names_a_token(tmp_path):
    known = calibrated(loop_seconds=LOOP)
    agree = {"t": {"mag": "1.0"}}
    [run_] = decoded(recording(tmp_path, line(agree, 3)), (Step("mag", tokens=1),), known)
    assert [(cycle.tokens, cycle.drafted, len(cycle.calls)) for cycle in run_.cycles] == [(2, 1, 2), (1, 0, 1)]
    assert Clock(known).cascade(run_)["loop"] == pytest.approx(2 * 2e-3 + 2e-4)
    agree = {"t": {"mag": "..0"}}
    [run_] = decoded(recording(tmp_path, line(agree, 3)), (Step("mag", tokens=1),), known)
    assert [(cycle.tokens, cycle.drafted, len(cycle.calls)) for cycle in run_.cycles] == [
        (1, 0, 2),
        (1, 0, 2),
        (1, 0, 1),
    ]
    assert Clock(known).cascade(run_)["loop"] == pytest.approx(3 * 2e-3 + 2 * 2e-4)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([HEADER | {"schema": 2}], "line 1.schema: got 2"),
        ([HEADER | {"policy": "sampled"}], "line 1.policy"),
        ([HEADER], "holds no trace"),
        ([HEADER, line({"t": {"a": "012"}}, 3)], r"line 2.agree\.t\.a: got '012', expected a string of 3"),
        ([HEADER, line({"t": {"a": "01"}}, 3)], r"line 2.agree\.t\.a: got '01', expected a string of 3"),
        ([HEADER, line({"t": {"a": "010"}}, 3, finish="x")], "line 2.finish"),
        ([HEADER, line({"t": {"a": "01", "b": "01"}, "a": {"b": "10"}}, 2)], "line 2.agree: t, a and b contradict"),
        ([HEADER, line({"t": {"b": "010"}}, 3, {"a": {"b": [[0, "1"]]}})], r"line 2.off\.a"),
    ],
)
def test_broken_traces_are_refused_by_line(lines, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        read_traces(calibrations.write_lines(tmp_path / "t.gz", lines))


def test_damaged_files_are_refused(tmp_path):
    file = calibrations.write_lines(tmp_path / "t.gz", [HEADER, line({"t": {"a": "010"}}, 3)])
    file.write_bytes(file.read_bytes()[:-12])
    with pytest.raises(InputError, match="broken gzip data"):
        read_traces(file)
    with pytest.raises(InputError, match="no such file"):
        read_traces(tmp_path / "missing")


def test_a_lenient_review_or_an_unknown_pair_cannot_be_replayed(tmp_path):
    records = recording(tmp_path, line({"t": {"a": "010", "mag": "111"}}, 3))
    draft = (Step("a", rounds=1, lenience=2.0, draft=(Step("mag", tokens=1),)),)
    with pytest.raises(InputError, match="lenience"):
        decoded(records, draft, calibrated())
    with pytest.raises(InputError, match="no recorded agreement of 'a' and 'mag'"):
        decoded(records, (Step("a", rounds=1, draft=(Step("mag", tokens=1),)),), calibrated())


def test_the_command_predicts_every_cascade_of_a_list(tmp_path, capsys, monkeypatch):
    spec = calibrations.calibration(
        flat(ALPHAS), loop_seconds=LOOP, traces={"file": "t.gz"}, uncertainty={"models": {"a": {"cost": 0.01}}}
    )
    file = calibrations.write(tmp_path / "c.json", spec)
    calibrations.write_lines(tmp_path / "t.gz", calibrations.traces(np.random.default_rng(8), OF_TARGET, 12, 60))
    drafts = DRAFTS | {"autoregressive": (), "nested": (Step("a", rounds=2, draft=(Step("mag", tokens=3),)),)}
    named = [NamedDraft(name, "full", draft).to_json() for name, draft in drafts.items()]
    listed = tmp_path / "cascades.jsonl"
    listed.write_text("".join(json.dumps(each) + "\n" for each in named))
    out = tmp_path / "p.jsonl"
    arguments = ("replay", file, "--cascades", listed, "--out", out, "--json")
    status, text, _ = run(replay, capsys, monkeypatch, *arguments)
    rows = [json.loads(each) for each in out.read_text().splitlines()]
    assert (status, json.loads(text.splitlines()[-1])["rows"]) == (0, rows)
    for row in rows:
        assert row["rung"] == "replay"
        assert row["low"] <= row["speedup"] <= row["high"]
        assert row["speedup"] == pytest.approx(row["autoregressive_seconds"] / sum(row["seconds"].values()))
        assert row["tokens"] == 12 * 60 == sum(tokens for _, tokens, *_ in row["by_prompt"])
        assert sum(row["calls"]["t"].values()) == row["cycles"]
    [alone] = [row for row in rows if row["name"] == "autoregressive"]
    assert [alone[key] for key in ("speedup", "low", "high")] == pytest.approx([1, 1, 1])
    run(replay, capsys, monkeypatch, *arguments)
    assert [json.loads(each) for each in out.read_text().splitlines()] == rows


def test_other_traces_than_those_of_the_calibration_have_to_be_named(tmp_path, capsys, monkeypatch):
    lines = calibrations.traces(np.random.default_rng(8), OF_TARGET, 3, 20)
    records = calibrations.write_lines(tmp_path / "t.gz", lines)
    named = {"file": "t.gz", "sha256": hashlib.sha256(records.read_bytes()).hexdigest()}
    file = calibrations.write(tmp_path / "c.json", calibrations.calibration(flat(ALPHAS), traces=named))
    listed = tmp_path / "cascades.jsonl"
    listed.write_text(json.dumps(NamedDraft("x", "speculative", (Step("a", tokens=2),)).to_json()))
    arguments = ("replay", file, "--cascades", listed, "--max-new-tokens", 10, "--json")
    status, text, _ = run(replay, capsys, monkeypatch, *arguments)
    assert (status, json.loads(text.splitlines()[-1])["rows"][0]["tokens"]) == (0, 3 * 10)
    calibrations.write_lines(records, lines[:-1])
    status, _, err = run(replay, capsys, monkeypatch, *arguments)
    assert status == 2
    assert "is not the file that the calibration was written with" in err
    assert run(replay, capsys, monkeypatch, *arguments, "--traces", records)[0] == 0


def test_search_climbs_to_the_best_length(tmp_path, capsys, monkeypatch):
    """One drafter of alpha 0.75 at a tenth of the target's cost: the formula is best at four tokens, +- one."""
    spec = calibrations.calibration(flat({"ta": 0.75}), models=("t", "a"))
    file = calibrations.write(tmp_path / "c.json", spec)
    lines = calibrations.traces(np.random.default_rng(9), {"a": 0.75}, 20, 96)
    records = calibrations.write_lines(tmp_path / "t.gz", lines)
    listed, found = tmp_path / "cascades.jsonl", tmp_path / "found.jsonl"
    listed.write_text(json.dumps(NamedDraft("short", "speculative", (Step("a", tokens=1),)).to_json()))
    arguments = ("--traces", records, "--cascades", listed, "--search", found, "--json")
    status, text, _ = run(replay, capsys, monkeypatch, "replay", file, *arguments)
    [best] = [json.loads(each) for each in found.read_text().splitlines()]
    assert status == 0
    assert sum(step["tokens"] for step in best["draft"]) in (3, 4, 5)
    short, long = json.loads(text.splitlines()[-1])["rows"]
    assert (long["name"], long["speedup"] > short["speedup"]) == (best["name"], True)


def test_neighbours_differ_in_one_step():
    draft = (Step("mag", tokens=4), Step("a", tokens=1))
    found = set(neighbours(draft, ("a", "b", "mag"), ("a", "b")))
    assert draft not in found
    assert {
        (Step("mag", tokens=5), draft[1]),
        (draft[0], Step("a", until=1)),
        (draft[0],),
        (draft[0], Step("b", tokens=2), draft[1]),
        (*draft, Step("mag", tokens=2)),
        (draft[0], Step("a", rounds=1, draft=(Step("mag", tokens=3),))),
    } <= found
    assert (Step("mag", until=4), draft[1]) not in found
    assert draft in set(neighbours((draft[0], Step("a", until=1)), ("a", "b", "mag"), ("a", "b")))


def test_traces_come_back_as_they_were_written(tmp_path):
    agree = {"t": {"a": "11100111", "mag": "1.100111"}, "a": {"mag": "1.111111"}}
    off = {"a": {"mag": [[3, "01"], [4, "11"]]}}
    records = recording(tmp_path, line(agree, 8, off, finish="context"), line(agree, 8, finish="eos"))
    (tmp_path / "again.gz").write_bytes(records.file_bytes({"t": "somewhere"}))
    assert read_traces(tmp_path / "again.gz") == records
    assert records.file_bytes({}) == records.file_bytes({})


def test_the_kept_traces_are_written_as_they_were_read(tmp_path):
    kept = Path(__file__).parent.parent / "results" / "cpu" / "calibration.traces.jsonl.gz"
    records = read_traces(kept)
    (tmp_path / "again.gz").write_bytes(records.file_bytes({}))
    assert read_traces(tmp_path / "again.gz") == records
    both = (gzip.decompress(file.read_bytes()).splitlines()[1:] for file in (kept, tmp_path / "again.gz"))
    for old, new in zip(*(map(json.loads, lines) for lines in both), strict=True):
        assert {key: new[key] for key in new if key != "off"} == {key: old[key] for key in old if key != "off"}
