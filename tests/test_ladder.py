"""The ladder on measured rows that are made up: every error, its parts and its regret are known."""

import json
import math

import calibrations
import numpy as np
import pytest
from calibrations import ALPHAS, PROPOSE, call_seconds, flat
from command_line import run

from analysis.commands import ladder as command
from analysis.ladder import ladder, markdown, read_measured
from analysis.ladder.join import Prediction
from analysis.ladder.measured import Speedups
from analysis.model import Cascade, InputError, Step
from analysis.model.calibration import calibration_of

LOOP = {"per_cycle": 2e-3, "per_review": 1e-3, "per_drafted_token": 5e-4}
TOKENS, PROMPT = 40, 20
HELD = PROMPT + TOKENS / 2
DRAFT = (Step("a", rounds=1, draft=(Step("mag", tokens=2),)),)


def row(method, prompt, seconds, calls=None, repeat=0, tokens=TOKENS, cycles=TOKENS, prefill=0.5):
    """A measured row; calls are (q, number, seconds) by model."""
    logs = {
        model: {"calls": n, "q": {str(q): n}, "seconds": spent, "prefill_seconds": 0.0}
        for model, (q, n, spent) in (calls or {}).items()
    }
    settings = {"draft": [method]}
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


def prediction(name, speedup, rung="replay", draft=DRAFT, without=None):
    return Prediction(name, "vertical", rung, speedup, speedup * 0.98, speedup * 1.02, 2.0, draft, without or {})


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
        own = loop * (20 * LOOP["per_cycle"] + 20 * LOOP["per_review"] + 40 * LOOP["per_drafted_token"])
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


def test_the_noise_floor_is_between_repeats_and_between_names(tmp_path):
    rows = [row("autoregressive", p, 4.0, repeat=r) for p in range(3) for r in range(2)]
    rows += [row("x", p, 2.0 * 1.02**r, repeat=r) for p in range(3) for r in range(2)]
    again = [each | {"method": "x again", "seconds": each["seconds"] + 0.1} for each in rows if each["method"] == "x"]
    found = ladder([prediction("x", 2.0)], measured(tmp_path, rows + again))["noise"]
    assert found["repeats"] == 2
    assert found["between_repeats"] == pytest.approx((math.log(1.02) + math.log(2.14 / 2.1)) / 2)
    assert found["between_names"] == {"x / x again": pytest.approx(math.log(4.24 / 4.04))}
    assert found["expected_error"] == pytest.approx(found["between_repeats"] / 2)


def test_intervals_are_over_prompts(tmp_path):
    """Speedups 1 and 3 on two kinds of prompts: resampled totals lie between, a single prompt has no spread."""
    rows = [row(*each) for p in range(30) for each in (("autoregressive", p, 3.0), ("x", p, 3.0 if p % 2 else 1.0))]
    low, high = Speedups(measured(tmp_path, rows), "autoregressive", 2000, 0).interval("x")
    assert 1.2 < low < 1.5 < high < 2.0
    alike = [row(*each) for p in range(30) for each in (("autoregressive", p, 3.0), ("x", p, 1.5))]
    assert Speedups(measured(tmp_path, alike), "autoregressive", 50, 0).interval("x") == pytest.approx((2.0, 2.0))


def test_the_command_writes_everything(tmp_path, capsys, monkeypatch):
    predicted = tmp_path / "p.jsonl"
    fields = {"family": "vertical", "rung": "replay", "low": 1.9, "high": 2.3, "tokens_per_cycle": 2.0}
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
    assert "| x | vertical |" in text.read_text()
    assert found["cascades"][0]["predicted"]["replay"]["speedup"] == 2.1


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
