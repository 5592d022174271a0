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
RESULTS = ROOT / "results"
README = (RESULTS / "README.md").read_text()
ROUNDS = {"cpu": 5, "cpu_int8": 5}
"""Folders of the rounds from calibration to the stopwatch, with their number of rungs."""

each_round = pytest.mark.parametrize("folder", ROUNDS)


def rows(name, folder="cpu"):
    return [json.loads(line) for line in read_text(RESULTS / folder / name).splitlines()]


def predicted(folder):
    return [path.name for p in ("predicted*.jsonl", "replay*.jsonl") for path in sorted((RESULTS / folder).glob(p))]


def measured(folder):
    return sorted((RESULTS / folder).glob("measured*.jsonl.gz"))


@each_round
def test_no_row_carries_a_text_and_no_measured_prompt_was_calibrated_on(folder):
    calibration = json.loads((RESULTS / folder / "calibration.json").read_text())
    calibrated = set(calibration["meta"]["calibration"]["prompts"]["ids"])
    for name in (*measured(folder), "bench.jsonl.gz"):
        for row in rows(name, folder):
            assert "text" not in row
            assert isinstance(row["tokens"], int)
            assert row["id"] not in calibrated


@each_round
def test_every_cascade_of_the_list_was_predicted_by_every_rung_and_measured_on_the_same_prompts(folder):
    listed = {row["name"] for row in rows("cascades.jsonl", folder)}
    by_method = {}
    for run in read_runs(*measured(folder)):
        by_method.setdefault(run.method, set()).add(run.prompt)
    assert set(by_method) == listed
    assert len(set(map(frozenset, by_method.values()))) == 1
    rungs = Counter(row["rung"] for name in predicted(folder) for row in rows(name, folder))
    assert set(rungs) >= {"iid", "iid+t(q)", "fits", "replay"}
    assert len(rungs) == ROUNDS[folder]
    assert set(rungs.values()) == {len(listed)}


def test_the_prompts_of_one_round_were_not_measured_in_another():
    ids = [{row["id"] for name in measured(folder) for row in rows(name, folder)} for folder in ROUNDS]
    assert not ids[0] & ids[1]


@each_round
def test_the_ladder_follows_from_the_rows(folder):
    predictions = read_predictions([RESULTS / folder / name for name in predicted(folder)])
    calibration = read_calibration(RESULTS / folder / "calibration.json")
    joined = ladder(predictions, read_measured(measured(folder)), calibration)
    kept = json.loads((RESULTS / folder / "ladder.json").read_text())
    for rung, found in joined["rungs"].items():
        for key in ("median_absolute", "max_absolute", "within_5_percent"):
            assert found[key] == pytest.approx(kept["rungs"][rung][key])
        assert joined["regret"][rung]["regret"] == pytest.approx(kept["regret"][rung]["regret"])


def test_the_page_shows_the_ladders_as_they_are():
    shown = [line for line in README.splitlines() if line.startswith(("| iid", "| fits", "| replay", "| rung"))]
    texts = {folder: (RESULTS / folder / "ladder.md").read_text() for folder in ROUNDS}
    lines = {folder: [line for line in text.splitlines() if line.startswith("|")] for folder, text in texts.items()}
    assert len(shown) == sum(2 * (rungs + 1) for rungs in ROUNDS.values())
    for folder, rungs in ROUNDS.items():
        assert sum(line in lines[folder] for line in shown) >= 2 * rungs


@pytest.mark.parametrize(
    ("folder", "name"), [("cpu", "lossless_float32.jsonl"), ("cpu_int8", "lossless_int8.jsonl.gz")]
)
def test_the_page_counts_the_texts_that_were_compared(folder, name):
    found = Counter(row["category"] for row in rows(name, folder))
    assert f"{found['identical']} of {found.total()} texts" in README.replace("\n", " ")


FIDELITY = sorted((RESULTS / "cpu_int8").glob("fidelity*.jsonl.gz"))


def test_rows_of_formats_carry_no_text():
    for row in (row for path in FIDELITY for row in rows(path)):
        assert not {"text", "prompt", "turns", "choices"} & set(row)


def test_the_page_shows_what_formats_change_as_the_rows_say_it():
    lines = set(README.splitlines())
    assert [path.name.partition("_")[2].partition(".")[0] for path in FIDELITY] == ["laws", "mmlu"]
    for path in FIDELITY:
        found = rows(path)
        shown = [line for line in markdown(summarise(found), found[0]["reference"]).splitlines() if line[:1] == "|"]
        assert len(shown) >= 3
        assert set(shown) <= lines


CLOCK = {
    "ours, best cascade": "horizontal[copy 6, d2 2]",
    "ours, Max-Gram alone": "maxgram",
    "**llama.cpp, the strongest baseline**": "llama.cpp[2 threads, passive]",
    "llama.cpp with its own n-gram drafts": "llama.cpp-ngram[simple 3, 2-grams, 2 threads, passive]",
    "ours, speculative": "speculative",
    "ours, autoregressive": "autoregressive",
    "transformers, prompt lookup": "hf-prompt-lookup[6]",
    "transformers, assisted": "hf-assisted[d2 20, threshold 0.4]",
    "transformers, autoregressive": "hf-autoregressive",
}


def test_the_clock_is_that_of_the_bench_and_the_front_page_has_its_numbers():
    bench = json.loads(read_text(RESULTS / "cpu_int8" / "bench.json.gz").splitlines()[-1])
    shown = [
        line.strip("| ").split(" | ")
        for line in README.splitlines()
        if line.startswith(tuple(f"| {k} |" for k in CLOCK))
    ]
    assert [cells[0] for cells in shown] == list(CLOCK)
    for name, *_, decode, interval, whole in shown:
        found = bench["methods"][CLOCK[name]]
        low, high = found["decode_ci95"]
        assert decode == f"{found['decode_tokens_per_second']:.0f}"
        assert interval == f"{low:.0f} to {high:.0f}"
        assert whole == f"{found['tokens_per_second']:.0f}"
    assert bench["strongest"]["baseline"] == CLOCK["**llama.cpp, the strongest baseline**"]
    ratio = bench["strongest"]["cascades"][CLOCK["ours, best cascade"]]
    front = (ROOT / "README.md").read_text().replace("\n", " ")
    assert f"{ratio['ratio']:.2f} times as fast as llama.cpp" in front
    for name in ("ours, autoregressive", "ours, best cascade", "transformers, autoregressive"):
        assert f" {bench['methods'][CLOCK[name]]['decode_tokens_per_second']:.0f}" in front
