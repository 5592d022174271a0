"""``python -m realrun lossless``: greedy texts held against the target's own, and how differences are classed."""

import json
from functools import partial

import pytest
import tiny
import torch
from command_line import run_realrun

from realrun.network.cached_model import CachedModel
from realrun.runs import lossless
from realrun.runs.lossless import compare, unit_in_last_place
from realrun.runs.prompts import read_prompts, shipped_prompts


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs ``python -m realrun lossless``."""
    return partial(run_realrun, capfd, monkeypatch, "lossless")


def write_spec(folder, name, draft, target, drafter, **rest):
    models = {"t": {"load": target}, "a": {"load": drafter}, "mag": {"load": "maxgram"}}
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"target": "t", "models": models, "draft": draft, **rest}))
    return path


@pytest.fixture(scope="module")
def tinies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return tiny.save(folder / "target"), tiny.save(folder / "drafter", seed=1)


@pytest.fixture
def files(tmp_path, tinies):
    mag = {"by": "mag", "tokens": 3}
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "x", "prompt": "abc abc"}\n{"id": 2, "prompt": "hello"}\n')
    return [
        write_spec(tmp_path, "flat", [mag], *tinies),
        write_spec(tmp_path, "deep", [{"by": "a", "rounds": 2, "draft": [mag]}, mag], *tinies),
        "--prompts",
        prompts,
        "--max-new-tokens",
        20,
    ]


def test_texts_of_a_right_engine_are_identical(run, files, tmp_path):
    out = tmp_path / "rows.jsonl"
    code, said, _ = run(*files, "--out", out, "--json")
    assert code == 0
    summary = json.loads(said.splitlines()[-1])
    assert {key: summary[key] for key in ("prompts", "texts", "identical", "near_tie", "divergent")} == {
        "prompts": 2,
        "texts": 4,
        "identical": 4,
        "near_tie": 0,
        "divergent": 0,
    }
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["id"], row["cascade"]) for row in rows] == [("x", "flat"), ("x", "deep"), (2, "flat"), (2, "deep")]
    assert not any("text" in row or "prompt" in row for row in rows)


@pytest.mark.parametrize("left", [1, 2, 3, 4])
def test_a_run_goes_on_with_the_rows_that_a_killed_one_left(run, files, tmp_path, left):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "rows.jsonl"
    _, expected, _ = run(*files, "--out", whole, "--json")
    lines = whole.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:left]) + ("" if left == 4 else lines[left][:20]))
    code, said, err = run(*files, "--out", out, "--json")
    assert code == 0
    assert said == expected
    assert out.read_text() == whole.read_text()
    assert f"goes on after {left} of 4 rows" in err
    code, _, err = run(*files, "--out", out, "--dtype", "bfloat16")
    assert code == 2
    assert "rows.jsonl, line 1: request is " in err.splitlines()[-1]


def test_an_engine_that_takes_anything_is_divergent(run, monkeypatch, files, tmp_path):
    monkeypatch.setattr("realrun.engine.review._agreed", lambda tokens, choices: len(tokens))
    code, said, _ = run(*files, "--out", tmp_path / "rows.jsonl", "--json")
    assert code == 1
    summary = json.loads(said)
    assert summary["divergent"] == len(summary["differences"]) > 0
    assert {difference["category"] for difference in summary["differences"]} == {"divergent"}
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    wrong = [row for row in rows if row["category"] == "divergent"]
    assert all(row["margin"] > 1e-4 and row["expected"] != row["found"] for row in wrong)


def test_a_target_loaded_in_a_type_of_its_own_is_judged_by_that(run, monkeypatch, files, tmp_path, tinies):
    seen = []

    def spy(expected, found, dtype, logits_at):
        seen.append((dtype, logits_at(0)))
        return compare(expected, found, dtype, logits_at)

    monkeypatch.setattr(lossless, "compare", spy)
    target = {"name": tinies[0], "dtype": "bfloat16"}
    half = write_spec(tmp_path, "half", [{"by": "mag", "tokens": 3}], target, "skip:1")
    code, said, _ = run(half, *files[2:], "--out", tmp_path / "rows.jsonl", "--json")
    assert code == 0
    assert json.loads(said)["dtype"] == "bfloat16"
    network = tiny.network()
    for parameter in network.parameters():
        parameter.data = parameter.data.bfloat16().float()
    ids = tiny.tokenizer()("abc abc")["input_ids"]
    assert {dtype for dtype, _ in seen} == {torch.bfloat16}
    torch.testing.assert_close(seen[0][1], CachedModel(network).uncached_logits(ids, ids))


def test_bad_input_is_one_line(run, files, tmp_path, tinies):
    lossy = write_spec(tmp_path, "lossy", [{"by": "a", "tokens": 1}], *tinies, lenience=2)
    for arguments, message in (
        (["--dtype", "float8"], "--dtype: got 'float8'"),
        (["--max-new-tokens", "0"], "--max-new-tokens: got '0'"),
        ([lossy], "lossy, lenience: got 2, expected 1"),
    ):
        code, _, err = run(*arguments, *files[:2], "--prompts", files[3], "--out", tmp_path / "o.jsonl")
        assert code == 2
        assert err.splitlines()[-1].startswith(f"error: {message}")
        assert not (tmp_path / "o.jsonl").exists()


LOGITS = torch.tensor([20.0, 19.99995, 19.8, 0.0])


@pytest.mark.parametrize(
    ("expected", "found", "dtype", "category", "position"),
    [
        ([0, 1], [0, 1], torch.float32, "identical", None),
        ([3, 0], [3, 1], torch.float32, "near-tie", 1),
        ([3, 0], [3, 2], torch.float32, "divergent", 1),
        ([3, 0], [3, 2], torch.bfloat16, "near-tie", 1),
        ([2, 0], [3, 0], torch.bfloat16, "divergent", 0),
        ([3, 0], [3], torch.float32, "divergent", 1),
        ([3], [3, 0], torch.float32, "divergent", 1),
    ],
)
def test_differences_are_classed_by_their_margin(expected, found, dtype, category, position):
    comparison = compare(expected, found, dtype, lambda position: LOGITS)
    assert (comparison.category, comparison.position) == (category, position)
    if category == "near-tie" and dtype == torch.bfloat16:
        assert comparison.margin == pytest.approx(0.2, abs=1e-6)
        assert comparison.ulps == pytest.approx(0.2 / 0.125, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("value", [1.0, 20.0, -3.5, 0.75])
def test_a_unit_in_the_last_place_is_the_distance_to_the_next_number(value, dtype):
    number = torch.tensor(value, dtype=dtype)
    following = torch.nextafter(number.abs(), torch.tensor(float("inf"), dtype=dtype))
    assert unit_in_last_place(value, dtype) == float(following) - abs(value)


def test_the_shipped_cascades_are_eight_different_ones():
    cascades = lossless.shipped_cascades("smollm2-135m")
    assert len({cascade.canonical() for cascade in cascades.values()}) == 8


@pytest.mark.slow
def test_smollm2_in_float32_decodes_72_prompts_by_8_cascades_exactly(run, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    texts = [prompt.text for prompt in read_prompts(shipped_prompts())]
    texts += [f"{text} Answer in one sentence." for text in texts]
    prompts.write_text("".join(json.dumps({"id": i, "prompt": text}) + "\n" for i, text in enumerate(texts)))
    out = tmp_path / "rows.jsonl"
    code, said, _ = run("--prompts", prompts, "--max-new-tokens", 32, "--out", out, "--json")
    summary = json.loads(said.splitlines()[-1])
    assert code == 0
    assert summary["divergent"] == 0
    assert summary["texts"] == 72 * 8
