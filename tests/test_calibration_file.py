"""The calibration file: every part has an attribute, and writing what was read gives the same document."""

import json
from dataclasses import replace
from pathlib import Path

import calibrations
import pytest
from calibrations import ALPHAS, flat

from analysis import predict
from analysis.model import Cascade, InputError
from analysis.model.records.calibration import calibration_of, read_calibration
from analysis.model.records.named import read_named_drafts
from analysis.model.records.traces import read_traces
from simulate.replay import Replay

KEPT = Path(__file__).parent.parent / "results" / "cpu"


@pytest.mark.parametrize("name", ["calibration.json", "calibration_t1.json"])
def test_writing_what_was_read_gives_the_same_document(name):
    known = read_calibration(KEPT / name)
    document = json.loads((KEPT / name).read_text())
    assert json.loads(json.dumps(known.to_json(), allow_nan=False)) == document
    assert calibration_of(Cascade.from_json(known.to_json())) == known


def test_what_the_file_says_has_attributes():
    known = read_calibration(KEPT / "calibration.json")
    assert known.iid["t"]["d1"] == pytest.approx(0.4577, abs=1e-4)
    assert known.iid_errors["t"]["d1"] == pytest.approx(0.0167, abs=1e-4)
    assert known.by_type["t"]["d1"].inner == "copy"
    assert len(known.by_prompt) == 153
    assert known.by_prompt[0].id == "gsm8k-190"
    accepted, examined = known.by_prompt[0].agree["t", "d1"]
    assert 0 <= accepted <= examined == known.by_prompt[0].tokens
    assert known.parameters["t"] == 134_515_008
    assert known.match.by == "copy"
    places = sum(n for n, _ in known.match.by_length.values())
    assert known.match.found == pytest.approx(1 - known.match.by_length[0][0] / places)
    assert known.traces.file == "calibration.traces.jsonl.gz"
    assert known.notes["dtype"] == "bfloat16"


def test_reading_leaves_the_measured_seconds_as_they_are():
    document = json.loads((KEPT / "calibration.json").read_text())["meta"]["calibration"]["seconds"]
    known = read_calibration(KEPT / "calibration.json")
    for name, table in known.times.items():
        assert [list(row) for row in table.seconds] == document[name]["median"]
        assert table != known.smoothed.networks[name].median


def test_theory_predicts_from_the_kept_file_what_was_predicted():
    rows = [json.loads(line) for line in (KEPT / "predicted.jsonl").read_text().splitlines()]
    cascades = read_named_drafts(KEPT / "cascades.jsonl", read_calibration(KEPT / "calibration.json").cascade)[:6]
    found = predict(KEPT / "calibration.json", cascades)
    wanted = {(row["name"], row["rung"]): row for row in rows}
    assert len(found) == 18
    for row in found:
        kept = wanted[row["name"], row["rung"]]
        for key in ("speedup", "low", "high", "tokens_per_cycle"):
            assert row[key] == pytest.approx(kept[key], rel=1e-9), (row["name"], row["rung"], key)


def test_replay_predicts_from_the_kept_file_what_was_predicted():
    known = replace(read_calibration(KEPT / "calibration.json"), max_new_tokens=48)
    rows = {row["name"]: row for row in map(json.loads, (KEPT / "replay.jsonl").read_text().splitlines())}
    replay = Replay(read_traces(KEPT / "calibration.traces.jsonl.gz").cut(48), known, 0)
    named = {each.name: each for each in read_named_drafts(KEPT / "cascades.jsonl", known.cascade)}
    for name in list(named)[1:8:3]:
        found = replay.prediction(named[name], "replay")
        for key in ("speedup", "low", "high", "tokens_per_cycle"):
            assert found[key] == pytest.approx(rows[name][key], rel=1e-9), (name, key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, r"meta\.calibration\.schema: got 2, expected 1"),
        (
            {"acceptance_iid": {"t": {"a": 1.5}}},
            r"meta\.calibration\.acceptance_iid\.t\.a: got 1\.5, expected .*\[0, 1\]",
        ),
        ({"by_type": {"t": {"a": {"accepted": 0.5}}}}, r"meta\.calibration\.by_type\.t\.a\.inner"),
        ({"by_type": {"mag": {"a": {"inner": "mag"}}}}, r"meta\.calibration\.by_type\.mag\.a: no such `acceptance`"),
        ({"by_prompt": [{"agree": {"t": {"a": [3, 2]}}}]}, r"by_prompt\[0\]\.agree\.t\.a\.accepted: got 3, expected"),
        ({"parameters": {"t": 0}}, r"meta\.calibration\.parameters\.t: got 0, expected"),
        ({"traces": {"sha256": "0"}}, r"meta\.calibration\.traces\.file: got null"),
        ({"match": {"by": "mag", "found": 2}}, r"meta\.calibration\.match\.by_length"),
    ],
)
def test_every_part_is_read_and_refused_by_field(change, message):
    spec = calibrations.calibration(flat(ALPHAS))
    spec["meta"]["calibration"] |= change
    with pytest.raises(InputError, match=message):
        calibration_of(Cascade.from_json(spec, needs_draft=False))
