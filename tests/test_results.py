"""The rows kept with the source: they are what their page says, and the tables follow from them."""

import json
from collections import Counter
from pathlib import Path

import pytest

from analysis.ladder import ladder, read_measured, read_predictions
from analysis.model import read_text
from analysis.model.records.calibration import read_calibration
from analysis.model.records.runs import read_runs
from realrun.fidelity.summary import markdown, summarise

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "results" / "cpu"
README = (ROOT / "results" / "README.md").read_text()
PREDICTED = ("predicted.jsonl", "replay.jsonl", "replay_same.jsonl")
MEASURED = sorted(KEPT.glob("measured*.jsonl.gz"))


def rows(name):
    return [json.loads(line) for line in read_text(KEPT / name).splitlines()]


def test_no_row_carries_a_text_and_no_measured_prompt_was_calibrated_on():
    calibrated = set(json.loads((KEPT / "calibration.json").read_text())["meta"]["calibration"]["prompts"]["ids"])
    for name in (*MEASURED, "bench.jsonl.gz"):
        for row in rows(name):
            assert "text" not in row
            assert isinstance(row["tokens"], int)
            assert row["id"] not in calibrated


def test_every_cascade_of_the_list_was_predicted_by_every_rung_and_measured_on_the_same_prompts():
    listed = {row["name"] for row in rows("cascades.jsonl")}
    by_method = {}
    for run in read_runs(*MEASURED):
        by_method.setdefault(run.method, set()).add(run.prompt)
    assert set(by_method) == listed
    assert len(set(map(frozenset, by_method.values()))) == 1
    rungs = Counter(row["rung"] for name in PREDICTED for row in rows(name))
    assert set(rungs) == {"iid", "iid+t(q)", "fits", "replay", "replay, same prompts"}
    assert set(rungs.values()) == {len(listed)}


@pytest.fixture(scope="module")
def joined():
    """The ladder of the kept rows, joined anew."""
    predictions = read_predictions([KEPT / name for name in PREDICTED])
    calibration = read_calibration(KEPT / "calibration.json")
    return ladder(predictions, read_measured(MEASURED), calibration)


def test_the_ladder_follows_from_the_rows(joined):
    kept = json.loads((KEPT / "ladder.json").read_text())
    for rung, found in joined["rungs"].items():
        for key in ("median_absolute", "max_absolute", "within_5_percent"):
            assert found[key] == pytest.approx(kept["rungs"][rung][key])
        assert joined["regret"][rung]["regret"] == pytest.approx(kept["regret"][rung]["regret"])


def test_the_page_shows_the_ladder_as_it_is():
    lines = {line for line in (KEPT / "ladder.md").read_text().splitlines() if line.startswith("|")}
    shown = [line for line in README.splitlines() if line.startswith(("| iid", "| fits", "| replay", "| rung"))]
    assert len(shown) == 2 * 6
    assert set(shown) <= lines


def test_the_page_counts_the_texts_that_were_compared():
    found = Counter(row["category"] for row in rows("lossless_float32.jsonl"))
    assert f"{found['identical']} of {found.total()} texts" in README.replace("\n", " ")


FIDELITY = sorted(KEPT.glob("fidelity*.jsonl.gz"))


def test_rows_of_formats_carry_no_text():
    for row in (row for path in FIDELITY for row in rows(path)):
        assert not {"text", "prompt", "turns", "choices"} & set(row)


def test_the_page_shows_what_formats_change_as_the_rows_say_it():
    lines = set(README.splitlines())
    assert [path.name.partition("_")[2].partition(".")[0] for path in FIDELITY] == ["gsm8k", "laws", "mmlu"]
    for path in FIDELITY:
        found = rows(path)
        shown = [line for line in markdown(summarise(found), found[0]["reference"]).splitlines() if line[:1] == "|"]
        assert len(shown) >= 3
        assert set(shown) <= lines
