"""Speed of decoding alone, the strongest baseline, and compiled transformers as far as they go everywhere."""

import dataclasses
import json
from functools import partial

import pytest
import tiny
import torch
from command_line import run_realrun

from analysis.model import Cascade
from realrun.bench.compiled_decoder import Compiled
from realrun.bench.plan import surroundings
from realrun.bench.strongest import against_strongest, decode_speeds, decoding, speed_summary
from realrun.bench.transformers_decoders import Plain
from realrun.loading.ensemble import load_ensemble
from realrun.runs.measure import CascadeMethod

MAG = {"by": "mag", "tokens": 3}


def row(method, i, tokens, seconds, first=1):
    """A text whose first review took a second, and the rest of it so many."""
    log = [[first, 1.0]] + ([[tokens - first, seconds]] if tokens > first else [])
    return {"method": method, "id": i, "tokens": [0] * tokens, "cycle_log": log}


def test_the_first_review_counts_neither_by_its_tokens_nor_by_its_time():
    assert decoding(row("a", 0, 11, 2.0)) == (10, 2.0)
    assert decoding(row("a", 0, 11, 2.0, first=3)) == (8, 2.0)
    assert decoding({"tokens": [0] * 9, "cycle_log": [], "decoding": [8, 0.5]}) == (8, 0.5)


def test_a_first_review_whose_tokens_were_cut_leaves_none():
    assert decoding({"tokens": [0, 0], "cycle_log": [[5, 1.0]]}) == (0, 0)


def test_speeds_are_medians_of_repeats_without_texts_that_end_at_once():
    rows = [row("a", 0, 11, seconds) for seconds in (1.0, 2.0, 5.0)] + [row("a", 1, 1, 0.0), row("a", 2, 5, 2.0)]
    assert decode_speeds(rows) == {0: 5.0, 2: 2.0}
    found = speed_summary(rows, seed=0)
    assert found["decode_tokens_per_second"] == 3.5
    assert found["decode_ci95"] == [2.0, 5.0]
    assert speed_summary([row("a", 1, 1, 0.0)], 0) == {"decode_tokens_per_second": None, "decode_ci95": None}


def test_the_strongest_has_the_greatest_median_and_ratios_are_by_prompt():
    seconds = {"mine": (1.0, 1.0, 5.0), "slow": (4.0, 4.0, 0.1), "fast": (2.0, 2.0, 2.0)}
    rows = [row(name, i, 11, taken) for name, values in seconds.items() for i, taken in enumerate(values)]
    found = against_strongest(rows, ["mine"], ["slow", "fast"], seed=0)
    assert (found["baseline"], found["decode_tokens_per_second"]) == ("fast", 5.0)
    assert found["cascades"] == {
        "mine": {"ratio": 2.0, "ci95": [pytest.approx(0.4), 2.0], "faster_on": 2, "prompts": 3}
    }


def test_texts_of_other_lengths_do_not_tip_the_ratio():
    rows = [row("mine", i, 101, 10.0) for i in range(3)] + [row("other", i, 3, 0.2) for i in range(3)]
    found = against_strongest(rows, ["mine"], ["other"], seed=0)
    assert found["cascades"]["mine"]["ratio"] == pytest.approx(1.0)


def test_without_baselines_or_decoding_none_is_the_strongest():
    assert against_strongest([row("mine", 0, 11, 1.0)], ["mine"], [], 0) is None
    assert against_strongest([row("other", 0, 1, 0.0)], ["mine"], ["other"], 0) is None
    rows = [row("mine", 0, 1, 0.0), row("other", 0, 11, 1.0)]
    assert against_strongest(rows, ["mine"], ["other"], 0)["cascades"] == {}


@pytest.fixture(scope="module")
def cascade(tmp_path_factory):
    load = tiny.save(tmp_path_factory.mktemp("compiled"))
    models = {"t": {"load": load}, "mag": {"load": "maxgram"}}
    return Cascade.from_json({"target": "t", "models": models, "draft": [MAG]})


@pytest.fixture(scope="module")
def ensemble(cascade):
    return load_ensemble(cascade, torch.float32)


@pytest.fixture
def around(cascade, ensemble):
    return surroundings(cascade, ensemble)


def test_with_a_static_cache_the_text_is_the_same_prompt_after_prompt(around, cascade, ensemble):
    method, alone = Compiled(around, 100, "eager"), CascadeMethod("alone", cascade.with_draft(()), ensemble)
    for prompt in ([3, 7, 4, 9, 3, 7, 4, 20], [5, 6, 7, 8, 9], [5, 6], [3, 7, 4, 9, 3, 7, 4, 20]):
        expected, outcome = alone.run(prompt, 40).generation, method.run(prompt, 40)
        found = outcome.generation
        assert (found.tokens, found.finish) == (expected.tokens, expected.finish)
        assert found.cycles == len(found.tokens)
        assert outcome.drafted == 0
        log = found.calls["t"]
        assert log.q == {1: len(found.tokens) - 1}
        assert 0 < log.seconds + log.prefill_seconds <= found.seconds


def test_it_does_compile_what_follows_the_prompt(around):
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    torch._dynamo.reset()
    method = Compiled(around, 64, backend)
    assert method.problem([5, 6, 7]) is None
    assert compiled
    count = len(compiled)
    method.run([5, 6, 7, 8, 9], 20)
    assert len(compiled) == count, "other prompts compile nothing more"


def test_what_cannot_be_compiled_is_said_in_one_line(around):
    torch._dynamo.reset()
    found = Compiled(around, 64, "no-such-backend").problem([5, 6, 7])
    assert found
    assert "\n" not in found


def test_encoder_decoder_models_are_not_compiled(tmp_path):
    cascade = Cascade.from_json({"target": "t", "models": {"t": {"load": tiny.save(tmp_path, "t5")}}, "draft": []})
    around = surroundings(cascade, load_ensemble(cascade, torch.float32))
    assert Compiled(around, 64).problem([5, 6]) == "'t' has an encoder"


@pytest.fixture
def run(monkeypatch, capfd, tmp_path, cascade):
    """Runs ``python -m realrun bench`` on the cascade."""
    (tmp_path / "mine.json").write_text(json.dumps(cascade.to_json()))
    lines = [{"id": i, "prompt": text} for i, text in enumerate(["hello world", "the dog the"])]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    common = ["--prompts", tmp_path / "prompts.jsonl", "--max-new-tokens", 12, "--memory-prompt", 20]
    return partial(run_realrun, capfd, monkeypatch, "bench", tmp_path / "mine.json", *common)


def test_where_nothing_compiles_the_bench_says_so_and_measures_the_others(run, monkeypatch):
    monkeypatch.setattr(Compiled, "problem", lambda self, prompt: "no C++ compiler")
    result = run("--baseline", "hf-compiled", "hf-autoregressive", "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["unavailable"] == {"hf-compiled": "no C++ compiler"}
    assert list(summary["methods"]) == ["mine", "hf-autoregressive"]
    assert summary["strongest"]["baseline"] == "hf-autoregressive"
    assert "hf-compiled: not available: no C++ compiler" in result.stderr.splitlines()


def test_compiled_transformers_are_measured_beside_the_others(run, monkeypatch):
    monkeypatch.setattr(Compiled, "_compilation", property(partial(eagerly, Compiled._compilation)))
    result = run("--baseline", "hf-compiled", "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["methods"]["hf-compiled"]["equal_tokens"]["equal"] == 2
    assert summary["methods"]["hf-compiled"]["memory"] is None
    assert summary["unavailable"] == {}


def eagerly(compilation, method):
    """What a machine without a compiler can do too."""
    return compilation.fget(dataclasses.replace(method, backend="eager"))


def test_it_is_transformers_own_loop(around):
    prompt = [3, 7, 4, 9, 3, 7, 4, 20]
    found = Compiled(around, 64, "eager").run(prompt, 20).generation.tokens
    assert found == Plain(around).run(prompt, 20).generation.tokens
