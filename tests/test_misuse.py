"""Warnings where a specification, or counts, were probably meant otherwise; none where they are ordinary."""

import copy
import json
import re
import warnings
from pathlib import Path

import pytest
from command_line import run

from analysis.commands import ewif as ewif_command
from analysis.commands import fit as fit_command
from analysis.fitting.plausible import read_plausible
from analysis.model import Advice, Cascade, InputError, advise_on, read_cascade
from analysis.model.misuse import looks_like_survival, suspicions
from simulate.commands import collect as collect_command

ROOT = Path(__file__).parent.parent
SPEC = {
    "target": "t",
    "models": {"t": {"cost": 1.0}, "d1": {"cost": 0.1}, "d2": {"cost": 0.02}, "mag": {"cost": 0.0}},
    "acceptance": {"t": {"d1": 0.8, "d2": 0.6, "mag": 0.4}, "d1": {"d2": 0.7, "mag": 0.45}, "d2": {"d1": 0.7}},
    "draft": [{"by": "d1", "rounds": 3, "draft": [{"by": "mag", "tokens": 10}]}, {"by": "mag", "tokens": 4}],
}
VLLM = [0.82, 0.65, 0.48, 0.33, 0.21]


def changed(path, value):
    spec = copy.deepcopy(SPEC)
    inner = spec
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = value
    return spec


MISTAKES = [
    (("models", "d1", "cost"), 20, "models.d1.cost: 20 a call is dearer than the target's 1; if 20 % of it is meant"),
    (("models", "d2", "cost"), 1.5, "models.d2.cost: 1.5 a call is dearer than the target's 1; if 1.5 % of it"),
    (("models", "d1", "cost"), 250, "models.d1.cost: 250 a call is dearer than the target's 1"),
    (("models", "d1", "cost"), {"fixed": 10, "per_token": 5}, "models.d1.cost: 15 a call is dearer"),
    (("models", "d1", "cost"), 0, "models.d1.cost: 0, but it reviews drafts"),
    (("models", "t", "cost"), 40.0, "models.d1.cost: 0.1 beside 40 of the target: costs are in one unit"),
    (
        ("draft",),
        [{"by": "d2", "rounds": 1, "draft": [{"by": "d1", "tokens": 2}]}],
        "draft[0].draft[0].by: 'd1' costs 0.1 a call, its reviewer 'd2' 0.02: a smaller model reviewing a larger one",
    ),
    (
        ("acceptance", "t", "d1"),
        {"per_position": VLLM},
        "acceptance.t.d1.per_position: falls like a survival curve, as serving engines print it; hazards are each "
        "position's acceptance given those before, which would be [0.82, 0.793, 0.738, 0.688, 0.636]",
    ),
    (
        ("acceptance", "t", "d1"),
        {"accepted": 0.8, "corrected": {"per_position": [0.8, 0.64, 0.512]}},
        "acceptance.t.d1.corrected.per_position: falls like a survival curve",
    ),
    (("uncertainty",), {"acceptance": {"t": {"d1": 0.4}}}, "uncertainty.acceptance.t.d1: 0.4 is a greater standard er"),
    (("uncertainty",), {"models": {"d1": {"cost": 0.5}}}, "uncertainty.models.d1.cost: 0.5 is a greater standard err"),
]


@pytest.mark.parametrize(("path", "value", "line"), MISTAKES)
def test_a_likely_mistake_is_one_line_of_advice(path, value, line):
    found = list(suspicions(Cascade.from_json(changed(path, value))))
    assert [each for each in found if each.startswith(line)], found
    assert len(found) == 1
    with pytest.warns(Advice, match=re.escape(line)):
        advise_on(Cascade.from_json(changed(path, value)))


ORDINARY = [
    ((), None),
    (("acceptance", "t", "d1"), {"per_position": [0.8, 0.78, 0.75, 0.7]}),
    (("acceptance", "t", "d1"), {"per_position": [0.26, 0.6, 0.74, 0.82, 0.85, 0.89]}),
    (("acceptance", "t", "d1"), {"per_position": [0.9, 0.5]}),
    (("acceptance", "t", "d1"), {"per_position": [0.3, 0.25, 0.22, 0.2]}),
    (("acceptance", "t", "d1"), {"per_position": [0.9, 0.8, 0.75, 0.72]}),
    (("acceptance", "t", "d1"), {"initial": 0.9, "decay": 0.8}),
    (("models",), {"t": {"cost": 40}, "d1": {"cost": 4}, "d2": {"cost": 0.9}, "mag": {"cost": 0.01}}),
    (("models", "t", "cost"), {"by_tokens": [1, 1.1, 1.3]}),
    (("models", "d1"), {"load": "smollm2-d1"}),
    (("uncertainty",), {"acceptance": {"t": {"d1": 0.1}}, "models": {"d1": {"cost": 0.05}}}),
]


@pytest.mark.parametrize(("path", "value"), ORDINARY)
def test_an_ordinary_specification_is_not_suspected(path, value):
    assert list(suspicions(Cascade.from_json(changed(path, value) if path else SPEC))) == []


def test_no_specification_that_comes_with_the_source_is_suspected():
    for name in ("calibration.json", "calibration_t1.json", "models.json"):
        with warnings.catch_warnings(record=True) as seen:
            read_cascade(ROOT / "results" / "cpu" / name, needs_draft=False)
        assert seen == [], name
    for text in re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        value = json.loads(text)
        if isinstance(value, dict) and "models" in value:
            assert list(suspicions(Cascade.from_json(value, needs_draft=False))) == []


def test_costs_that_were_measured_are_what_they_are():
    spec = changed(("models", "d1", "cost"), 3.6) | {"meta": {"calibration": {}}}
    assert list(suspicions(Cascade.from_json(spec))) == []


def test_a_survival_curve_is_told_from_hazards_of_any_alpha():
    for alpha in (0.3, 0.5, 0.7, 0.8, 0.9):
        assert looks_like_survival(tuple(alpha**j for j in range(1, 6)))
        assert not looks_like_survival((alpha,) * 5)
        assert not looks_like_survival(tuple(alpha * 0.98**j for j in range(5)))


def test_a_standard_error_no_probability_can_have_is_refused():
    with pytest.raises(InputError, match=r"^uncertainty\.acceptance\.t\.d1: got 2, expected a number in \[0, 0\.5\]$"):
        Cascade.from_json(changed(("uncertainty",), {"acceptance": {"t": {"d1": 2}}}))


def test_an_alpha_in_per_cent_is_refused_with_what_it_would_be():
    with pytest.raises(InputError, match=r"acceptance\.t\.d1: got 80, expected a number in \[0, 1\] \(80 % is 0\.8\)$"):
        Cascade.from_json(changed(("acceptance", "t", "d1"), 80))


def test_commands_say_it_in_one_line_on_stderr(tmp_path, capsys, monkeypatch):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(changed(("models", "d1", "cost"), 20)))
    status, out, error = run(ewif_command, capsys, monkeypatch, "ewif", path)
    assert status == 0
    assert out.startswith("EWIF")
    assert error.startswith("warning: models.d1.cost: 20 a call is dearer")
    assert error.count("\n") == 1


COUNTS = [
    ({"survival": [0.8, 0.79, 0.78, 0.77]}, "survival: behind 0.8 it hardly falls"),
    ({"survival": [0.7, 0.7, 0.7]}, "survival: behind 0.7 it hardly falls"),
    ({"rows": [{"examined": [1, 0.8, 0.6], "accepted": [0.8, 0.6, 0.4]}]}, "rows: no more than one token examined"),
    ({"rows": [{"examined": [100, 80], "accepted": [0.8, 0.75]}]}, "rows: accepted: at most 1 at every position"),
    (
        {"sequences": [{"offered": [4] * 120, "accepted": [2, 1, 3, 2] * 30}]},
        "sequences: every one of 120 drafts had a token accepted, though only 50% of all were",
    ),
]


@pytest.mark.parametrize(("counts", "line"), COUNTS)
def test_counts_that_were_probably_meant_otherwise_are_told(counts, line):
    with pytest.warns(Advice, match=re.escape(line)):
        read_plausible(counts)


@pytest.mark.parametrize(
    "counts",
    [
        {"survival": VLLM},
        {"survival": [0.26, 0.156, 0.115, 0.095, 0.081, 0.072]},
        {"survival": [1, 1, 1]},
        {"survival": [0.97, 0.95, 0.93]},
        {"survival": [0.7, 0, 0]},
        {"survival": [0.8]},
        {"rows": [{"examined": [100, 80], "accepted": [80, 60]}]},
        {"rows": [{"examined": [10.5, 8.4], "accepted": [8.4, 0.7]}]},
        {"rows": [{"examined": [1, 1], "accepted": [1, 0]}]},
        {"sequences": [{"offered": [4.0] * 120, "accepted": [4, 4, 3, 4] * 30}]},
        {"sequences": [{"offered": [0, 3], "accepted": [0, 2]}]},
        {"sequences": [{"offered": [1, 0], "accepted": [1, 0]}]},
        {"mean_length": 2.9, "draft_length": 3, "bonus_counted": True},
    ],
)
def test_ordinary_counts_are_not_suspected(counts):
    read_plausible(counts)


def test_rates_in_per_cent_and_rates_that_rise_are_refused_with_what_they_may_be(tmp_path, capsys, monkeypatch):
    path = tmp_path / "counts.json"
    for rates, end in (([80, 65], "(80 % is 0.8)"), ([0.5, 0.6], "survival never rises (acceptances given those befo")):
        path.write_text(json.dumps({"survival": rates}))
        status, _, error = run(fit_command, capsys, monkeypatch, "fit", path)
        assert status == 2
        assert end in error
        assert str(path) in error


def test_a_target_error_in_per_cent_is_told(tmp_path, capsys, monkeypatch):
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(SPEC) + "\n")
    options = ("--out", tmp_path / "runs.csv", "--target-error", "0.5", "--max-cycles", "1000", "--workers", "1")
    status, _, error = run(collect_command, capsys, monkeypatch, "collect", path, *options)
    assert status == 0
    assert "warning: target_error: 0.5 is a half-width of 50 % of EWIF; for 0.5 % write 0.005\n" in error


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--survival", *map(str, VLLM), "--draft-cost", "6"),
            "warning: --draft-cost: 6 a token is dearer than a call of the target; if 6 % of it is meant, write 0.06\n",
        ),
        (
            ("--hazards", *map(str, VLLM), "--draft-cost", ".06"),
            "warning: --hazards: fall like a survival curve, as serving engines print it; if that is what they are: "
            "--survival\n",
        ),
        (
            ("--survival", ".8", ".79", ".78", "--draft-cost", ".06"),
            "warning: --survival: hardly falls behind its first entry; if these are acceptances given those before: "
            "--hazards\n",
        ),
        (("--survival", *map(str, VLLM), "--draft-cost", ".06"), ""),
        (("--hazards", ".82", ".79", ".74", ".69", "--draft-cost", ".06"), ""),
        (("--alpha", ".8", "--draft-cost", "1", "--by-length", "3"), ""),
    ],
)
def test_a_drafter_in_options_is_looked_at_too(capsys, monkeypatch, options, line):
    status, _, error = run(ewif_command, capsys, monkeypatch, "ewif", *options)
    assert (status, error) == (0, line)
