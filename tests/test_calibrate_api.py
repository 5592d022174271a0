"""``realrun.calibrate``: from models and prompts to the value that `analysis.predict` takes."""

import json

import pytest
import tiny

import realrun
from analysis import predict, read_calibration
from analysis.model import InputError
from analysis.model.records.traces import read_traces
from realrun.runs.prompts import Prompt

QUICK = {"max_new_tokens": 12, "turns": 1}
TEXTS = ["abc abc", "hello world"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("tiny") / "t")


@pytest.fixture(scope="module")
def models(folder):
    draft = [{"by": "s", "tokens": 2}, {"by": "mag", "tokens": 2}]
    return realrun.load(folder, drafters={"s": "skip:2", "mag": "maxgram"}, draft=draft)


def test_the_public_names_show_on_tab_and_are_there():
    assert dir(realrun) == sorted(["Completion", "LoadedCascade", "calibrate", "generate", "load"])
    assert all(callable(getattr(realrun, name)) for name in dir(realrun))


def test_loaded_models_are_calibrated_and_predicted(models, tmp_path):
    found = realrun.calibrate(models, TEXTS, **QUICK, traces=tmp_path / "t.gz")
    assert found.drafters == ("s", "mag")
    assert [(row.id, row.tokens <= 12) for row in found.by_prompt] == [(0, True), (1, True)]
    assert (found.notes["dtype"], found.notes["device"]) == ("float32", "cpu")
    rows = predict(
        found, [[], [{"by": "s", "tokens": 2}], [{"by": "s", "rounds": 1, "draft": [{"by": "mag", "tokens": 2}]}]]
    )
    assert [row["rung"] for row in rows[:3]] == ["iid", "iid+t(q)", "fits"]
    assert all(row["low"] <= row["speedup"] <= row["high"] for row in rows)
    assert rows[0]["speedup"] == 1
    recorded = read_traces(found.traces.file)
    agreed = [trace.agree["target", "mag"].count("1") for trace in recorded.traces]
    assert agreed == [row.agree["target", "mag"][0] for row in found.by_prompt]

    found.write(tmp_path / "c.json")
    assert read_calibration(tmp_path / "c.json").to_json() == json.loads(json.dumps(found.to_json()))
    assert predict(tmp_path / "c.json", [[{"by": "s", "tokens": 2}]]) == rows[3:6]


def test_what_load_takes_is_loaded_with_all_its_drafters_and_prompts_have_ids(folder):
    pairs = [("x", "abc abc"), Prompt("y", "hello world", "greeting")]
    found = realrun.calibrate(folder, pairs, drafters={"mag": "maxgram"}, temperature=[0.7], **QUICK)
    assert found.notes["policy"] == {"temperature": 0.7}
    assert [(row.id, row.category) for row in found.by_prompt] == [("x", None), ("y", "greeting")]
    assert found.traces is None
    assert 0 <= found.iid["target"]["mag"] <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens: got 0, expected a whole number in 1..1000000"),
        ({"turns": 1.0}, "turns: got 1.0, expected a whole number in 1..10000"),
        ({"follow_every": True}, "follow_every: got True, expected"),
        ({"seed": -1}, "seed: got -1, expected"),
        ({"temperature": -1.0}, "temperature: got -1.0, expected"),
        ({"temperature": []}, "temperature: got none"),
        ({"temperature": 1.0, "traces": "t.gz"}, "traces: given with a temperature"),
        ({"dtype": "int8"}, "dtype: given beside loaded models"),
        ({"drafters": {"x": "maxgram"}}, "drafters: given beside loaded models"),
        ({"prompts": ["one"]}, "prompts: got 1, expected at least 2"),
        ({"prompts": ["one", ""]}, r"prompts\[1\]: got '', expected a text"),
        ({"prompts": [("a", "x"), ("a", "y")]}, "prompts: the id 'a' is there twice"),
        ({"prompts": "nowhere.jsonl"}, "nowhere.jsonl"),
    ],
)
def test_bad_arguments_are_named(models, options, message):
    with pytest.raises(InputError, match=message):
        realrun.calibrate(models, **{"prompts": TEXTS} | options)


def test_a_target_without_drafters_is_refused(folder):
    with pytest.raises(InputError, match="models: no drafter is loaded"):
        realrun.calibrate(realrun.load(folder), TEXTS)
    with pytest.raises(InputError, match="expected at least one drafter"):
        realrun.calibrate(folder, TEXTS)


def test_models_in_use_are_refused(models):
    with models.held(), pytest.raises(InputError, match="models: are busy with another text"):
        realrun.calibrate(models, TEXTS, **QUICK)


def test_a_lossy_cascade_is_refused(folder):
    with pytest.raises(InputError, match="lenience: got 2, expected 1"):
        realrun.calibrate(
            {"target": "t", "models": {"t": {"load": folder}, "m": {"load": "maxgram"}}, "lenience": 2}, TEXTS
        )
