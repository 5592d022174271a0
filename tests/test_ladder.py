"""The ladder on measured rows that are made up: every error, its parts and its regret are known."""

import dataclasses
import json
import math
import re

import calibrations
import numpy as np
import pytest
from calibrations import ALPHAS, PROPOSE, call_seconds, flat
from command_line import run

from analysis.commands import ladder as command
from analysis.ladder import Prediction, ladder, markdown, read_measured, read_predictions
from analysis.ladder.measured import MeasuredMethod, OnePrompt, Speedups
from analysis.ladder.noise import noise_floor
from analysis.ladder.regret import regrets
from analysis.model import Cascade, InputError, Step
from analysis.model.records.calibration import calibration_of
from analysis.model.records.runs import MeasuredRun

LOOP = {"per_cycle": 2e-3, "per_review": 1e-3, "per_drafted_token": 5e-4, "per_proposal": 2e-4}
TOKENS, PROMPT = 40, 20
HELD = PROMPT + TOKENS / 2
DRAFT = (Step("a", rounds=1, draft=(Step("mag", tokens=2),)),)


def row(method, prompt, seconds, calls=None, repeat=0, tokens=TOKENS, cycles=TOKENS, prefill=0.5):
    """A measured row; calls are (q, number, seconds) by model."""
    logs = {
        model: {"calls": n, "q": {str(q): n}, "seconds": spent, "prefill_seconds": 0.0}
        for model, (q, n, spent) in (calls or {}).items()
    }
    settings = {"draft": [] if method == "autoregressive" else [step.to_json() for step in DRAFT]}
    base = {"method": method, "settings": settings, "repeat": repeat, "id": prompt, "prompt_tokens": PROMPT}
    return base | {
        "tokens": list(range(tokens)),
        "seconds": seconds + prefill,
        "prefill_seconds": prefill,
        "cycles": cycles,
        "calls": logs,
    }


def written(tmp_path, rows, name="m.jsonl"):
    file = tmp_path / name
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return file


def measured(tmp_path, rows):
    return read_measured([written(tmp_path, rows)])


def prediction(name, speedup, rung="replay", draft=DRAFT, without=None, calls=None, text_tokens=None):
    low, high = speedup * 0.98, speedup * 1.02
    return Prediction(name, "vertical", rung, speedup, low, high, 2.0, draft, without or {}, calls or {}, text_tokens)


RUN = MeasuredRun("", (), True, "t", 0, 0, 0, None, PROMPT, TOKENS, 1.0, 0.0, {}, {}, {}, frozenset(), TOKENS, [])


def timed(name, draft, seconds):
    """A method with decoding seconds by repeat and prompt."""
    runs = [
        {(0, r): dataclasses.replace(RUN, seconds=float(s), repeat=r) for r, s in enumerate(of_prompt)}
        for of_prompt in np.atleast_2d(seconds).T
    ]
    return MeasuredMethod(name, draft, {p: OnePrompt(of_prompt) for p, of_prompt in enumerate(runs)})


def test_errors_are_shares_of_the_measured_ratio_of_totals(tmp_path):
    """One prompt with 40 tokens, one with 10: seconds and tokens are added up first, and prefill does not count."""
    rows = [row("autoregressive", 0, 4.0), row("autoregressive", 1, 2.0, tokens=10)]
    rows += [row("x", 0, 2.0), row("x", 1, 0.5, tokens=10), row("y", 0, 3.0), row("y", 1, 3.0, tokens=10)]
    predictions = [prediction("x", 2.64), prediction("y", 0.9), prediction("x", 1.2, "iid"), prediction("z", 1.0)]
    found = ladder(predictions, measured(tmp_path, rows))
    assert [each["measured"]["speedup"] for each in found["cascades"]] == pytest.approx([2.4, 1.0])
    assert found["cascades"][0]["error"] == pytest.approx({"replay": 0.1, "iid": -0.5})
    assert found["rungs"]["replay"]["median_absolute"] == pytest.approx(0.1)
    assert found["rungs"]["replay"]["median_signed"] == pytest.approx(0.0, abs=1e-12)
    assert found["rungs"]["iid"]["max_absolute"] == pytest.approx(0.5)
    assert found["best_rungs"] == ["replay", "iid"]
    assert (found["not_measured"], found["not_predicted"]) == (["z"], [])


def calibrated():
    spec = calibrations.calibration(flat(ALPHAS), loop_seconds=LOOP)
    return calibration_of(Cascade.from_json(spec, needs_draft=False))


def real(prompts=4, target=1.0, drafter=1.0, loop=1.0, baseline=1.0):
    """Rows whose times are the calibrated ones times some factors: 20 cycles, each reviewing three drafted tokens."""
    rows = []
    for prompt in range(prompts):
        calls = {
            "t": (4, 20, target * 20 * call_seconds("t", 4, HELD)),
            "a": (3, 20, drafter * 20 * call_seconds("a", 3, HELD)),
            "mag": (1, 40, 40 * PROPOSE),
        }
        own = loop * (20 * LOOP["per_cycle"] + 20 * LOOP["per_review"] + 40 * LOOP["per_proposal"])
        rows.append(row("x", prompt, sum(spent for _, _, spent in calls.values()) + own, calls, cycles=20))
        alone = baseline * TOKENS * call_seconds("t", 1, HELD)
        calls = {"t": (1, TOKENS, alone)}
        rows.append(row("autoregressive", prompt, alone + TOKENS * LOOP["per_cycle"], calls))
    return rows


def remains(tmp_path, factor=1.0, **changes):
    """Parts of the remainder for a prediction that is the calibrated speedup of these calls times a factor."""
    ideal = Speedups(measured(tmp_path, real()), "autoregressive", 2, 0).point("x")
    found = ladder([prediction("x", factor * ideal)], measured(tmp_path, real(**changes)), calibrated())
    return found["cascades"][0]["remainder"]["replay"]


def test_nothing_remains_where_the_stopwatch_agrees(tmp_path):
    parts = remains(tmp_path)
    for key in ("total", "acceptance", "loop", "call_times"):
        assert parts[key] == pytest.approx(0.0, abs=1e-5)
    assert parts["drift a"] == parts["drift t, baseline"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"factor": 1.1}, "acceptance"),
        ({"loop": 2.0}, "loop"),
        ({"drafter": 1.5}, "call_times"),
        ({"target": 1.1}, "call_times"),
        ({"baseline": 0.9}, "call_times"),
    ],
)
def test_each_cause_shows_in_its_own_part_and_the_parts_add_up(changes, part, tmp_path):
    parts = remains(tmp_path, **changes)
    assert sum(parts[key] for key in ("acceptance", "loop", "call_times")) == pytest.approx(parts["total"])
    assert abs(parts["total"]) > 0.01
    assert parts[part] == pytest.approx(parts["total"], abs=1e-4)


def test_drifts_name_the_model(tmp_path):
    parts = remains(tmp_path, drafter=1.5)
    assert (parts["drift a"], parts["drift t"]) == (pytest.approx(1.5), pytest.approx(1.0))


def test_what_a_replay_counts_is_told_by_what_changes_without_it(tmp_path):
    predictions = [prediction("x", 2.0, without={"loop": 2.2, "last_cycles": None})]
    found = ladder(predictions, measured(tmp_path, real()))
    worth = found["cascades"][0]["remainder"]["replay"]["log_change_without"]
    assert worth == {"loop": pytest.approx(math.log(1.1)), "last_cycles": None}


def test_regret_is_what_the_choice_gives_up(tmp_path):
    rows = [row(*each) for p in range(5) for each in (("autoregressive", p, 4.0), ("x", p, 2.0), ("y", p, 1.9))]
    found = ladder([prediction("x", 2.3), prediction("y", 2.2)], measured(tmp_path, rows))["regret"]["replay"]
    assert (found["chosen"], found["best"], found["is_best"]) == ("x", "y", False)
    assert found["regret"] == found["low"] == found["high"] == pytest.approx(0.05)
    assert found["regret_across_halves"] == pytest.approx(0.05)
    right = ladder([prediction("x", 2.3), prediction("y", 2.4)], measured(tmp_path, rows))["regret"]["replay"]
    assert (right["regret"], right["is_best"]) == (0.0, True)


def test_the_winners_curse_does_not_show_across_halves(tmp_path):
    """Twenty equally good cascades: the best measured one seems better than the choice, across halves it does not."""
    generator = np.random.default_rng(11)
    names = [f"c{i}" for i in range(20)]
    rows = [row("autoregressive", p, 4.0) for p in range(16)]
    rows += [row(name, p, 2.0 * math.exp(0.1 * generator.standard_normal())) for name in names for p in range(16)]
    found = ladder([prediction(name, 2 + 0.01 * i) for i, name in enumerate(names)], measured(tmp_path, rows))
    regret = found["regret"]["replay"]
    assert regret["regret"] > 0.03
    assert abs(regret["regret_across_halves"]) < 0.02


def test_the_interval_of_the_regret_holds_none_where_all_are_equally_good():
    """Five equally good cascades; the winner's curse leaves 0 outside in less than a fifth of 100 repetitions."""
    held = 0
    for seed in range(100):
        generator = np.random.default_rng((3, seed))
        noise = 0.1 * generator.standard_normal((5, 30))
        methods = {f"c{i}": timed(f"c{i}", DRAFT, 2.0 * np.exp(noise[i])) for i in range(5)}
        methods["autoregressive"] = timed("autoregressive", (), np.full(30, 4.0))
        speedups = Speedups(methods, "autoregressive", 300, seed)
        found = regrets({"autoregressive": 1.0} | {f"c{i}": 2.0 - 0.01 * i for i in range(5)}, speedups, seed)
        assert found["low"] <= found["regret"] + 1e-12
        held += found["low"] <= 0 <= found["high"]
    assert held >= 80


@pytest.mark.parametrize(("base_sigma", "base_repeats"), [(0.02, 1), (0.06, 2)])
def test_the_noise_floor_is_what_perfect_predictions_are_off_by(base_sigma, base_repeats):
    """Eight cascades of known speed, one under two names; the stopwatch is off by 2 % a text, the baseline's by more.

    With the baseline measured once its noise is as great as theirs. Leaving it out would give 0.7 and 0.4 of the truth.
    """
    errors, floors = [], []
    for seed in range(200):
        generator = np.random.default_rng((5, seed))
        length, speeds = generator.uniform(1, 3, 16), generator.uniform(1, 3, 8)
        noise = generator.standard_normal((9, 16))
        base = 4 * length * np.exp(base_sigma * generator.standard_normal((base_repeats, 16)))
        methods = {"autoregressive": timed("autoregressive", (), base)}
        for i, speed in enumerate([*speeds, speeds[0]]):
            seconds = 4 * length / speed * np.exp(0.02 * noise[i])
            methods[f"c{i}"] = timed(f"c{i}", (Step("a", tokens=i % 8 + 1),), seconds)
        speedups = Speedups(methods, "autoregressive", 1, 0)
        errors += [abs(speed / speedups.point(f"c{i}") - 1) for i, speed in enumerate(speeds)]
        found = noise_floor(speedups)
        assert (found["pairs"], found["baseline_pairs"]) == (1, base_repeats - 1)
        floors.append(found["expected_error"])
    assert np.mean(floors) == pytest.approx(np.median(errors), rel=0.12)


def test_averaged_repeats_are_less_noisy():
    """Four repeats of all leave half of the error of one."""
    generator = np.random.default_rng(8)

    def floor(repeats):
        seconds = 2 * np.exp(0.05 * generator.standard_normal((2, repeats, 200)))
        methods = {"autoregressive": timed("autoregressive", (), seconds[0]), "x": timed("x", DRAFT, seconds[1])}
        return noise_floor(Speedups(methods, "autoregressive", 1, 0))

    four = floor(4)
    assert (four["repeats"], four["pairs"], four["baseline_pairs"]) == (4, 6, 6)
    assert four["standard_error"] == pytest.approx(0.05 / math.sqrt(200), rel=0.15)
    assert four["expected_error"] == pytest.approx(0.6745 * 0.05 * math.sqrt(2 / 200) / 2, rel=0.15)
    assert floor(1)["expected_error"] is None


def test_intervals_are_over_prompts(tmp_path):
    """Speedups 1 and 3 on two kinds of prompts: resampled totals lie between, a single prompt has no spread."""
    rows = [row(*each) for p in range(30) for each in (("autoregressive", p, 3.0), ("x", p, 3.0 if p % 2 else 1.0))]
    low, high = Speedups(measured(tmp_path, rows), "autoregressive", 2000, 0).interval("x")
    assert 1.2 < low < 1.5 < high < 2.0
    alike = [row(*each) for p in range(30) for each in (("autoregressive", p, 3.0), ("x", p, 1.5))]
    assert Speedups(measured(tmp_path, alike), "autoregressive", 50, 0).interval("x") == pytest.approx((2.0, 2.0))


def test_rows_of_another_file_have_a_baseline_of_their_own(tmp_path):
    """The machine was half as fast when the second file was measured."""
    first = [row("autoregressive", 0, 4.0), row("x", 0, 2.0)]
    second = [row("autoregressive", 0, 8.0), row("y", 0, 2.0)]
    files = [written(tmp_path, first, "a.jsonl"), written(tmp_path, second, "b.jsonl")]
    found = Speedups(read_measured(files), "autoregressive", 2, 0)
    assert (found.point("x"), found.point("y")) == (2.0, 4.0)
    alone = written(tmp_path, second[1:], "c.jsonl")
    with pytest.raises(InputError, match="no rows of 'autoregressive' in the file with those of 'y'"):
        Speedups(read_measured([files[0], alone]), "autoregressive", 2, 0)


def test_a_name_stands_for_one_draft(tmp_path):
    with pytest.raises(InputError, match="'x' ran another draft than the predicted one"):
        ladder([prediction("x", 2.0, draft=(Step("a", tokens=3),))], measured(tmp_path, real()))
    other = row("x", 9, 1.0) | {"settings": {"draft": []}}
    with pytest.raises(InputError, match="rows of 'x' tell of different drafts"):
        measured(tmp_path, [*real(), other])


def test_calls_that_were_made_stand_beside_those_predicted(tmp_path):
    predicted = {"t": {4: 0.25, 2: 0.25}, "a": {3: 0.5}, "mag": {1: 2.0}}
    found = ladder([prediction("x", 2.0, calls=predicted)], measured(tmp_path, real()))
    calls = found["cascades"][0]["remainder"]["replay"]["calls"]
    assert calls["t"] == {
        "measured_per_token": 20 / TOKENS,
        "predicted_per_token": 0.5,
        "measured_size": 4,
        "predicted_size": 3,
    }
    assert (calls["mag"]["measured_per_token"], calls["mag"]["predicted_per_token"]) == (1.0, 2.0)


def test_first_calls_after_the_target_are_expected_to_take_their_own_time(tmp_path):
    """One call a cycle takes the cold time, whatever the mean of a few in a row is."""
    spec = calibrations.calibration(flat(ALPHAS), loop_seconds=LOOP)
    table = spec["meta"]["calibration"]["seconds"]["a"]
    table["first_call"] = [[1.5 * value for value in row] for row in table["median"]]
    table["following_calls"] = [[0.5 * value for value in row] for row in table["median"]]
    known = calibration_of(Cascade.from_json(spec, needs_draft=False))
    found = ladder([prediction("x", 2.0)], measured(tmp_path, real(drafter=1.5)), known)
    assert found["cascades"][0]["remainder"]["replay"]["drift a"] == pytest.approx(1.0)


def test_parts_are_summed_up_over_cascades(tmp_path):
    ideal = Speedups(measured(tmp_path, real()), "autoregressive", 2, 0).point("x")
    found = ladder([prediction("x", 1.1 * ideal)], measured(tmp_path, real()), calibrated())
    assert found["remainder"]["replay"]["acceptance"]["median"] == pytest.approx(math.log(1.1), abs=1e-4)
    assert found["remainder"]["replay"]["loop"]["median_absolute"] == pytest.approx(0.0, abs=1e-4)
    assert re.search(r"\| replay \| +\+9\.5 % \(9\.5 %\)", markdown(found))  # a share of the logarithm


def test_not_to_draft_is_a_choice_too(tmp_path):
    rows = [row(*each) for p in range(4) for each in (("autoregressive", p, 4.0), ("x", p, 5.0))]
    found = ladder([prediction("x", 0.9)], measured(tmp_path, rows))["regret"]["replay"]
    assert (found["chosen"], found["best"], found["regret"]) == ("autoregressive", "autoregressive", 0.0)
    wrong = ladder([prediction("x", 1.1)], measured(tmp_path, rows))["regret"]["replay"]
    assert (wrong["chosen"], wrong["regret"]) == ("x", pytest.approx(0.2))


def test_one_cascade_under_two_names_or_in_two_files_tells_the_noise(tmp_path):
    again = [{"by": "a", "rounds": 1, "draft": [{"by": "mag", "tokens": 1}] * 2}]
    other = [{"by": "a", "rounds": 1, "draft": [{"by": "mag", "tokens": 3}]}]
    rows = [row(*each) for p in range(4) for each in (("autoregressive", p, 4.0), ("x", p, 2.0))]

    def floor(draft, name="x again", file=False):
        more = [row(name, p, 2.1 + 0.01 * p) | {"settings": {"draft": draft}} for p in range(4)]
        if file:
            more += [row("autoregressive", p, 4.0) for p in range(4)]
        files = [written(tmp_path, rows if file else rows + more, "a.jsonl")]
        files += [written(tmp_path, more, "b.jsonl")] if file else []
        return ladder([prediction("x", 2.0)], read_measured(files))

    found = floor(again)["noise"]
    assert found["median_log_ratio"] == pytest.approx(math.log(8.46 / 8))
    assert found["between"][0]["names"] == ["x, file 0, repeat 0", "x again, file 0, repeat 0"]
    same = [step.to_json() for step in DRAFT]
    for alike in (floor(same), floor(again, file=True), floor(same, "x", file=True)):
        assert alike["noise"]["pairs"] == 1
        assert alike["noise"]["standard_error"] == found["standard_error"] > 0
    assert "(1 pair of measurements of one cascade)" in markdown(floor(again))
    none = floor(other)
    assert (none["noise"]["pairs"], none["noise"]["expected_error"]) == (0, None)
    assert "Noise floor" not in markdown(none)


def test_predictions_are_held_against_autoregressive_decoding_alone(tmp_path):
    rows = [row(*each) for each in (("autoregressive", 0, 4.0), ("x", 0, 2.0), ("y", 0, 2.0))]
    with pytest.raises(InputError, match=r"^baseline: got 'y', which drafts \[.*mag.*expected autoregressive"):
        ladder([prediction("x", 2.0)], measured(tmp_path, rows), baseline="y")
    rows[2]["settings"] = {"drafter": "a"}
    with pytest.raises(InputError, match=r"^baseline: got 'y', another program, expected autoregressive"):
        ladder([prediction("x", 2.0)], measured(tmp_path, rows), baseline="y")


@pytest.mark.parametrize(("tokens", "warned"), [(64.0, True), (48.0, False), (33.0, False), (31.0, True)])
def test_texts_of_another_length_are_warned_of(tokens, warned, tmp_path):
    rows = [row(*each) for p in range(2) for each in (("autoregressive", p, 4.0), ("x", p, 2.0))]
    found = ladder([prediction("x", 2.0, text_tokens=tokens), prediction("x", 2.0, "iid")], measured(tmp_path, rows))
    lengths = {"measured": 40.0, "predicted": {"replay": tokens}, "of_another_length": ["replay"] if warned else []}
    assert found["text_tokens"] == lengths
    warning = f"Different lengths of text: {tokens:.1f} tokens a prompt predicted by replay, 40.0 measured."
    assert (warning in markdown(found)) == warned


def test_the_rest_is_split_against_the_baseline_of_its_own_file(tmp_path):
    """The machine was half as fast when another file was measured; that leaves nothing to explain in this one."""
    slow = [each | {"method": each["method"].replace("x", "y")} for each in real(target=2.0, drafter=2.0, baseline=2.0)]
    files = [written(tmp_path, real(), "a.jsonl"), written(tmp_path, slow, "b.jsonl")]
    ideal = Speedups(measured(tmp_path, real()), "autoregressive", 2, 0).point("x")
    found = ladder([prediction("x", ideal)], read_measured(files), calibrated())
    parts = found["cascades"][0]["remainder"]["replay"]
    assert [parts[key] for key in ("total", "acceptance", "loop", "call_times")] == pytest.approx([0] * 4, abs=1e-5)


def test_a_torn_last_row_is_reported_and_left_out(tmp_path, capsys):
    file = written(tmp_path, real())
    whole = file.read_text()
    file.write_text(whole + '{"method": "x", "settings": {}')  # ends like a row
    assert len(read_measured([file])["x"].prompts) == 4
    assert "left out a torn last row of 30 bytes" in capsys.readouterr().err
    file.write_text(whole + json.dumps(row("x", 4, 1.0)))  # a whole row without its line end
    assert len(read_measured([file])["x"].prompts) == 5
    assert capsys.readouterr().err == ""
    file.write_text('{"method": "x", "settings": {}\n' + whole)
    with pytest.raises(InputError, match="malformed JSON at line 1"):
        read_measured([file])


def test_the_command_writes_everything(tmp_path, capsys, monkeypatch):
    predicted = tmp_path / "p.jsonl"
    fields = {"family": "vertical", "rung": "replay", "low": 1.9, "high": 2.3, "tokens_per_cycle": 2.0}
    fields |= {"tokens": 800, "prompts": 10}
    line = {"name": "x", "speedup": 2.1, "draft": [step.to_json() for step in DRAFT], **fields}
    predicted.write_text(json.dumps(line) + "\n")
    file = written(tmp_path, real())
    file.write_text(file.read_text() + '{"method": "x", "id"')
    known = calibrations.write(tmp_path / "c.json", calibrations.calibration(flat(ALPHAS), loop_seconds=LOOP))
    out, text = tmp_path / "l.json", tmp_path / "l.md"
    status, printed, _ = run(
        command,
        capsys,
        monkeypatch,
        *("ladder", "--predicted", predicted, "--measured", file, "--calibration", known),
        *("--out", out, "--markdown", text, "--json"),
    )
    found = json.loads(out.read_text())
    assert (status, json.loads(printed.splitlines()[-1])) == (0, found)
    assert text.read_text() == markdown(found)
    assert re.search(r"\| x +\| vertical +\|", text.read_text())
    assert found["cascades"][0]["predicted"]["replay"]["speedup"] == 2.1
    assert found["text_tokens"] == {"measured": 40.0, "predicted": {"replay": 80.0}, "of_another_length": ["replay"]}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([row("autoregressive", 0, 4.0)], "no method has the name of a predicted cascade"),
        ([row("x", 0, 4.0)], "no measured rows of 'autoregressive'"),
        ([row("autoregressive", 0, 4.0), row("x", 1, 4.0)], "no prompt that every method has run"),
        ([row("x", 0, 4.0), row("x", 0, 4.0)], "line 2.repeat: 0 of prompt 0 is there twice"),
        ([row("x", 0, -0.1)], "line 1.seconds: expected more than the prefill's"),
        ([row("x", True, 4.0)], "line 1.id"),
        ([{"note": 1}], "no row with a `method`"),
    ],
)
def test_bad_rows_are_refused(rows, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        ladder([prediction("x", 2.0)], measured(tmp_path, rows))


def test_swapped_files_are_told(tmp_path):
    runs = written(tmp_path, [row("autoregressive", 0, 4.0)], "measured.jsonl")
    fields = {"family": "vertical", "rung": "replay", "low": 1.9, "high": 2.3, "tokens_per_cycle": 2.0}
    guesses = written(tmp_path, [{"name": "x", "speedup": 2.0, "draft": [], **fields}], "predicted.jsonl")
    with pytest.raises(
        InputError, match=r"measured\.jsonl, line 1: a measured row, expected a prediction: are predictions"
    ):
        read_predictions([runs])
    with pytest.raises(
        InputError, match=r"predicted\.jsonl, line 1: a prediction, expected a measured row: are the two"
    ):
        read_measured([guesses])
