"""What is typed for an engine is what the engine's own parser takes, where it is installed."""

from __future__ import annotations

import argparse
import json
import mmap
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
from transformers.generation.candidate_generator import AssistedCandidateGenerator
from transformers.generation.candidate_generator import PromptLookupCandidateGenerator as Lookup

from analysis import Cascade, InputError
from analysis.engines.settings import Speculation, settings_for, speculation_of
from analysis.engines.settings.typed import PLACEHOLDER, as_table

KINDS = ("model", "ngram", "suffix", "eagle", "eagle3", "mtp", "medusa", "mlp")
WEIGHTS = "org/a drafter"
PLANS = {
    **{kind: Speculation(kind, 3) for kind in KINDS},
    **{f"{k} named": Speculation(k, 3, model=WEIGHTS) for k in KINDS if k not in ("ngram", "suffix", "mtp")},
    **{f"{kind} sure": Speculation(kind, 3, confidence=0.4) for kind in KINDS if kind != "ngram"},
    "match": Speculation("ngram", 5, match_min=2, match_max=4),
    "long match": Speculation("ngram", 5, match_min=6),
    "chain": Speculation("ngram", 8, match_min=3, otherwise=Speculation("eagle3", 2)),
    "other chain": Speculation("eagle3", 2, otherwise=Speculation("ngram", 8)),
    "horizontal": Speculation("eagle3", 2, then=Speculation("ngram", 4)),
    "vertical": Speculation("model", 2, inner=Speculation("ngram", 4)),
    "plain": Speculation("model", 0),
}
VLLM, SGLANG, LLAMA, TRANSFORMERS = range(4)

VLLM_KEYS = {
    "method",
    "num_speculative_tokens",
    "model",
    "prompt_lookup_max",
    "prompt_lookup_min",
    "suffix_decoding_max_tree_depth",
    "suffix_decoding_max_cached_requests",
    "suffix_decoding_max_spec_factor",
    "suffix_decoding_min_token_prob",
}
"""Keys of vLLM's configuration reference for the methods used here."""


def typed(name, engine):
    return settings_for(PLANS[name])[engine]


def parsed_by_sglang(text):
    """By a parser of the names, types and choices that SGLang documents."""
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    choices = ["EAGLE", "EAGLE3", "NEXTN", "STANDALONE", "NGRAM"]
    parser.add_argument("--speculative-algorithm", choices=choices, required=True)
    parser.add_argument("--speculative-draft-model-path")
    for name in ("num-steps", "eagle-topk", "num-draft-tokens", "ngram-max-bfs-breadth"):
        parser.add_argument(f"--speculative-{name}", type=int)
    return vars(parser.parse_args(shlex.split(text)))


@pytest.mark.parametrize("name", PLANS)
def test_what_is_lost_is_said(name):
    plan = PLANS[name]
    for found in settings_for(plan):
        assert found.text or found.notes
        assert bool(found.text) == bool(found.values)
        if not found.is_complete:
            assert found.notes
        if plan.then or plan.inner:
            assert not found.is_complete
        if plan.tokens == 0:
            assert found.is_complete
            assert not found.text
        assert (PLACEHOLDER in found.text + " ".join(found.notes)) <= (plan.model is None)
        assert json.loads(json.dumps(found.to_json())) == found.to_json()


@pytest.mark.parametrize("name", PLANS)
def test_vllm_gets_json_of_its_own_keys(name):
    found = typed(name, VLLM)
    if not found.text:
        assert PLANS[name].tokens == 0
        return
    flag, value = shlex.split(found.text)
    assert flag == "--speculative-config"
    assert json.loads(value) == found.values
    assert set(found.values) <= VLLM_KEYS
    assert found.values["num_speculative_tokens"] == PLANS[name].tokens
    needs_model = PLANS[name].kind in ("model", "eagle", "eagle3", "medusa", "mlp")
    assert ("model" in found.values) == needs_model


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("model", "draft_model"),
        ("ngram", "ngram"),
        ("suffix", "suffix"),
        ("eagle3", "eagle3"),
        ("mlp", "mlp_speculator"),
    ],
)
def test_vllm_methods(kind, method):
    assert typed(kind, VLLM).values["method"] == method


def test_vllm_matches_and_thresholds():
    assert typed("match", VLLM).values["prompt_lookup_min"] == 2
    assert typed("match", VLLM).values["prompt_lookup_max"] == 4
    assert typed("long match", VLLM).values["prompt_lookup_max"] == 6
    assert typed("suffix sure", VLLM).values["suffix_decoding_min_token_prob"] == 0.4
    assert typed("suffix sure", VLLM).is_complete
    assert not typed("eagle3 sure", VLLM).is_complete


@pytest.mark.parametrize("name", PLANS)
def test_sglang_counts_the_token_that_a_draft_starts_from(name):
    found = typed(name, SGLANG)
    if not found.text:
        assert PLANS[name].tokens == 0 or PLANS[name].kind in ("suffix", "medusa", "mlp")
        return
    values = parsed_by_sglang(found.text)
    assert values["speculative_num_draft_tokens"] == PLANS[name].tokens + 1
    if PLANS[name].kind == "ngram":
        assert values["speculative_ngram_max_bfs_breadth"] == 1
    else:
        assert (values["speculative_num_steps"], values["speculative_eagle_topk"]) == (PLANS[name].tokens, 1)


def test_sglang_has_no_limits_of_a_match_any_more():
    found = typed("match", SGLANG)
    assert not found.is_complete
    assert "window" not in found.text
    assert typed("ngram", SGLANG).is_complete


def llama_flags():
    return {word for name in PLANS for word in shlex.split(typed(name, LLAMA).text) if word.startswith("-")}


def test_llama_cpp_flags_are_in_its_option_parser():
    """Searched in the library that xllamacpp builds from llama.cpp, where it is installed."""
    package = pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
    library = next(Path(package.__file__).parent.glob("*.so"))
    words = llama_flags() - {"-md"} | {"draft-simple", "draft-eagle3", "draft-mtp", "ngram-simple"}
    assert "--spec-draft-n-max" in words
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert {word for word in words if content.find(f"\0{word}\0".encode()) < 0} == set()
        assert content.find(b"\0--no-such-flag\0") < 0


def test_llama_cpp_flags_that_it_refuses_are_not_typed():
    assert not llama_flags() & {"--draft", "--draft-max", "--draft-min", "--draft-n", "--spec-ngram-size-n"}


def test_llama_cpp_can_chain():
    found = typed("chain", LLAMA)
    assert found.is_complete
    assert found.values["--spec-type"] == "ngram-simple,draft-eagle3"
    assert found.values["--spec-ngram-simple-size-n"] == 3
    assert found.values["--spec-draft-n-max"] == 2
    assert not typed("other chain", LLAMA).is_complete
    assert not any(typed("chain", engine).is_complete for engine in (VLLM, SGLANG, TRANSFORMERS))


def test_llama_cpp_threshold():
    assert typed("model sure", LLAMA).values["--spec-draft-p-min"] == 0.4
    assert typed("model", LLAMA).values["--spec-draft-p-min"] == 0.0


@pytest.mark.parametrize("name", PLANS)
def test_transformers_takes_every_attribute(name):
    found = typed(name, TRANSFORMERS)
    config = GenerationConfig()
    assert config.update(**found.values) == {}, "attributes that a GenerationConfig does not have"
    config.validate(strict=True)
    typed_in = GenerationConfig()
    exec(found.text, {"generation_config": typed_in, "assistant_model": SimpleNamespace(generation_config=typed_in)})
    assert typed_in.to_dict() == config.to_dict()


def tiny(seed):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    return LlamaForCausalLM(config).eval()


def generated(model, settings, **options):
    config = GenerationConfig(do_sample=False, max_new_tokens=24, eos_token_id=None, pad_token_id=0)
    config.update(**settings)
    prompt = torch.tensor([[3, 4, 5, 6, 3, 4, 5, 6, 3, 4]])
    return model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=config, **options).tolist()


def test_transformers_copies_as_told(monkeypatch):
    model, lengths = tiny(0), []

    def watched(self, input_ids, *args, **kwargs):
        found = original(self, input_ids, *args, **kwargs)
        lengths.append(found[0].shape[1] - input_ids.shape[1])
        return found

    original = Lookup.get_candidates
    monkeypatch.setattr(Lookup, "get_candidates", watched)
    assert generated(model, typed("ngram", TRANSFORMERS).values) == generated(model, {})
    assert max(lengths) == 3


@pytest.mark.parametrize("name", ["model", "model sure"])
def test_transformers_assistant_drafts_as_told(name, monkeypatch):
    model, assistant, seen = tiny(0), tiny(1), []

    def watched(self, *args, **kwargs):
        seen.append((self.num_assistant_tokens, self.assistant_confidence_threshold))
        return original(self, *args, **kwargs)

    original = AssistedCandidateGenerator.get_candidates
    monkeypatch.setattr(AssistedCandidateGenerator, "get_candidates", watched)
    assistant.generation_config.update(**typed(name, TRANSFORMERS).values)
    assert generated(model, {}, assistant_model=assistant) == generated(model, {})
    assert {tokens for tokens, _ in seen} == {3}
    assert seen[0][1] == (0.4 if name == "model sure" else 0.0)


def test_of_a_draft():
    draft = Cascade.horizontal((0.8, 0.1, 2), (0.4, 0, 4)).draft
    plan = speculation_of(draft, {"d1": Speculation("eagle3", 9, model="m"), "d2": "ngram"})
    assert plan == Speculation("eagle3", 2, model="m", then=Speculation("ngram", 4))
    inner = Cascade.vertical(0.8, 0.45, 0.1, 0, rounds=3, k=10).draft
    assert speculation_of(inner, {"d1": "model", "d2": "ngram"}) == Speculation(
        "model", 3, inner=Speculation("ngram", 10)
    )
    assert speculation_of((), {}).tokens == 0


def steps(*listed):
    models = {"t": {"cost": 1}, "a": {"cost": 0.1}, "b": {"cost": 0.0}}
    pairs = {"t": {"a": 0.5, "b": 0.5}, "a": {"b": 0.5}}
    spec = {"target": "t", "models": models, "acceptance": pairs, "draft": list(listed)}
    return Cascade.from_json(spec).draft


KIND_OF = {"a": "model", "b": "ngram"}


def test_of_steps_that_go_on():
    two = steps({"by": "a", "tokens": 2}, {"by": "a", "tokens": 1}, {"by": "b", "until": 7, "block": 3})
    assert speculation_of(two, KIND_OF) == Speculation("model", 3, then=Speculation("ngram", 6))
    reached = steps({"by": "a", "tokens": 4}, {"by": "b", "until": 3})
    assert speculation_of(reached, KIND_OF) == Speculation("model", 4)


@pytest.mark.parametrize(
    ("listed", "field"),
    [
        ([{"by": "a", "until": 4, "draft": [{"by": "b", "tokens": 2}]}], r"draft\[0\].until"),
        ([{"by": "a", "rounds": 2, "draft": [{"by": "b", "tokens": 2}]}, {"by": "b", "until": 9}], r"draft\[1\].until"),
        (
            [{"by": "a", "rounds": 2, "draft": [{"by": "b", "tokens": 2}]}, {"by": "b", "tokens": 1}],
            "draft: a vertical",
        ),
    ],
)
def test_drafts_that_no_engine_can_be_told(listed, field):
    with pytest.raises(InputError, match=field):
        speculation_of(steps(*listed), KIND_OF)


def test_a_drafter_without_a_kind_is_named():
    with pytest.raises(InputError, match=r"draft\[0\].by: got 'a'"):
        speculation_of(steps({"by": "a", "tokens": 1}), {"b": "ngram"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "lookahead", "tokens": 3}, "kind: got 'lookahead', expected one of model"),
        ({"kind": "ngram", "tokens": -1}, "tokens: got -1, expected a whole number in 1..4096"),
        ({"kind": "ngram", "tokens": False}, "tokens: got false"),
        (
            {"kind": "ngram", "tokens": 3, "match_min": 4, "match_max": 2},
            "match_max: got 2, expected at least match_min, 4",
        ),
        ({"kind": "eagle3", "tokens": 3, "match_min": 4}, "match_min: only an n-gram drafter has one"),
        ({"kind": "ngram", "tokens": 3, "confidence": 0.4}, "confidence: an n-gram drafter has none"),
        ({"kind": "model", "tokens": 3, "confidence": 0}, r"confidence: got 0, expected a number in \(0, 1\]"),
        ({"kind": "mtp", "tokens": 3, "model": "m"}, "model: a drafter of kind mtp has no weights of its own"),
        (
            {"kind": "model", "tokens": 3, "then": Speculation("ngram", 1), "inner": Speculation("ngram", 1)},
            "inner: only one of then, otherwise and inner is possible",
        ),
        ({"kind": "model", "tokens": 0, "then": Speculation("ngram", 1)}, "tokens: got 0, expected at least 1"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=f"^{message}"):
        Speculation(**arguments)


def test_table():
    text = as_table(settings_for(PLANS["chain"]))
    assert [line.split(" (")[0] for line in text.splitlines() if not line.startswith(" ")] == [
        "vLLM",
        "SGLang",
        "llama.cpp",
        "transformers",
    ]
