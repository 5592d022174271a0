"""GGUF files: their rotary scaling is applied, and what transformers drops otherwise is refused or told by name."""

import gguf
import numpy as np
import pytest
import tiny
import torch
from gguf import RopeScalingType
from tiny_gguf import write_gguf

from analysis.model import Advice, InputError
from realrun.api import generate, load

PROMPT = [3, 7, 4, 9, 3, 7, 4, 20, 21, 11] * 3


def loaded(folder, name="model.gguf"):
    return load({"target": "t", "models": {"t": {"load": {"name": str(folder), "gguf": name}}}, "draft": []})


def text(models):
    return generate(models, PROMPT, 12, eos=()).tokens


@pytest.fixture(scope="module")
def llama():
    return tiny.network()


@pytest.fixture
def folder(tmp_path):
    tiny.tokenizer().save_pretrained(tmp_path)
    return tmp_path


def linear(writer):
    writer.add_rope_scaling_type(RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(8.0)


def linear_of_old(writer):
    writer.add_float32("llama.rope.scale_linear", 8.0)


def yarn(writer):
    writer.add_rope_scaling_type(RopeScalingType.YARN)
    writer.add_rope_scaling_factor(8.0)
    writer.add_rope_scaling_orig_ctx_len(16)


def yarn_with_betas(writer):
    yarn(writer)
    writer.add_rope_scaling_attn_factors(1.2)
    writer.add_rope_scaling_yarn_beta_fast(16.0)
    writer.add_rope_scaling_yarn_beta_slow(2.0)


YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 16}
SCALED = {
    "linear": (linear, {"rope_type": "linear", "factor": 8.0}),
    "linear without a type": (linear_of_old, {"rope_type": "linear", "factor": 8.0}),
    "yarn": (yarn, YARN),
    "yarn with more": (
        yarn_with_betas,
        YARN | {"beta_fast": 16.0, "beta_slow": 2.0, "attention_factor": 1.2 * (1 + 0.1 * np.log(8.0))},
    ),
    "none": (lambda writer: writer.add_rope_scaling_type(RopeScalingType.NONE), {"rope_type": "default"}),
}


@pytest.mark.parametrize("kind", SCALED)
def test_rope_scaling_of_a_file_is_that_of_the_same_weights_as_safetensors(folder, kind):
    change, rope = SCALED[kind]
    network = tiny.network(rope_parameters={"rope_theta": 10000.0, **rope})
    write_gguf(folder / "model.gguf", network, change)
    found = loaded(folder).ensemble.target.uncached_logits(PROMPT, PROMPT)
    with torch.inference_mode():
        expected = network(torch.tensor([PROMPT])).logits[0, -1]
        other = tiny.network()(torch.tensor([PROMPT])).logits[0, -1]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
    assert torch.allclose(expected, other, atol=1e-2) == (kind == "none")


def test_factors_of_rotary_frequencies_are_those_of_llama_3(folder):
    rope = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "original_max_position_embeddings": 16}
    network = tiny.network(rope_parameters=rope | {"low_freq_factor": 1.0, "high_freq_factor": 4.0})
    slowed = 10000.0 ** (-torch.arange(0, 8, 2) / 8) / network.model.rotary_emb.inv_freq
    assert slowed[-1] == 8
    write_gguf(folder / "model.gguf", network, tensors={"rope_freqs.weight": slowed.tolist()})
    models = load(
        {
            "target": "t",
            "models": {"t": {"load": str(folder / "model.gguf")}, "s": {"load": "skip:2"}},
            "draft": [{"by": "s", "tokens": 2}],
        }
    )
    with torch.inference_mode():
        expected = network(torch.tensor([PROMPT])).logits[0, -1]
    torch.testing.assert_close(models.ensemble.target.uncached_logits(PROMPT, PROMPT), expected, rtol=0, atol=1e-3)
    frequencies = models.ensemble.models["s"].network.model.rotary_emb.inv_freq
    torch.testing.assert_close(frequencies, network.model.rotary_emb.inv_freq)
    assert text(models) == text(models.with_draft([]))


DROPPED = {
    "attention.sliding_window 8": lambda w: w.add_sliding_window(8),
    "attn_logit_softcapping 30.0": lambda w: w.add_attn_logit_softcapping(30.0),
    "final_logit_softcapping 30.0": lambda w: w.add_final_logit_softcapping(30.0),
    "attention.scale 0.5": lambda w: w.add_attention_scale(0.5),
    "logit_scale 0.25": lambda w: w.add_logit_scale(0.25),
    "residual_scale 0.5": lambda w: w.add_residual_scale(0.5),
    "embedding_scale 12.0": lambda w: w.add_embedding_scale(12.0),
    "attention.causal False": lambda w: w.add_causal_attention(False),
    "expert_count 4": lambda w: w.add_expert_count(4),
    "expert_gating_func 2": lambda w: w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID),
    "expert_weights_scale 2.5": lambda w: w.add_expert_weights_scale(2.5),
    "rope.scaling.type 'longrope'": lambda w: w.add_rope_scaling_type(RopeScalingType.LONGROPE),
}


@pytest.mark.parametrize("key", DROPPED)
def test_keys_that_change_the_text_and_are_not_read_refuse_the_file(folder, llama, key):
    write_gguf(folder / "model.gguf", llama, DROPPED[key])
    with pytest.raises(InputError, match=f"models.t.load: .* has llama.{key}.*, which transformers does not read"):
        loaded(folder)


def test_keys_that_say_what_the_model_does_refuse_nothing(folder, llama):
    def change(writer):
        writer.add_rope_dimension_count(8)
        writer.add_attention_scale(8**-0.5)
        writer.add_sliding_window(0)
        writer.add_logit_scale(1.0)
        writer.add_causal_attention(True)
        writer.add_expert_count(0)

    write_gguf(folder / "model.gguf", llama, change)
    with torch.inference_mode():
        expected = llama(torch.tensor([PROMPT])).logits[0, -1]
    found = loaded(folder).ensemble.target.uncached_logits(PROMPT, PROMPT)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "change", "settings"),
    [
        ("phi3", lambda w: w.add_sliding_window(8), {"sliding_window": 8}),
        ("phi3", lambda w: w.add_sliding_window(0), {}),
        ("qwen2", yarn, {"rope_parameters": {"rope_theta": 10000.0, **YARN}}),
        ("qwen2", linear, {"rope_parameters": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 8.0}}),
    ],
    ids=["window", "no window", "yarn", "linear"],
)
def test_other_architectures_follow_their_files(folder, kind, change, settings):
    network = tiny.network(kind, **settings)
    write_gguf(folder / "model.gguf", network, change)
    with torch.inference_mode():
        expected = network(torch.tensor([PROMPT])).logits[0, -1]
    found = loaded(folder).ensemble.target.uncached_logits(PROMPT, PROMPT)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_frequencies_that_do_not_fit_and_long_and_short_factors_refuse_the_file(folder, llama):
    write_gguf(folder / "model.gguf", llama, tensors={"rope_freqs.weight": [1.0] * 3})
    with pytest.raises(InputError, match=r"has the tensor rope_freqs\.weight, which does not fit"):
        loaded(folder)
    write_gguf(folder / "model.gguf", llama, tensors={"rope_factors_long.weight": [1.0] * 4})
    with pytest.raises(InputError, match=r"has the tensor rope_factors_long\.weight"):
        loaded(folder)


def test_tensors_that_the_model_does_not_use_are_told(folder, llama):
    write_gguf(folder / "model.gguf", llama, tensors={"blk.1.attn_q.bias": [1.0] * 16})
    with pytest.warns(Advice, match=r"has a weight that the model does not use: blk\.1\.attn_q\.bias"):
        loaded(folder)


def test_a_file_of_a_thousand_million_layers_is_refused_at_once(folder, llama):
    def change(writer):
        writer.kv_data[0]["llama.block_count"].value = 10**9

    write_gguf(folder / "model.gguf", llama, change)
    with pytest.raises(InputError, match=r"has llama\.block_count 1000000000, expected 0 to 1000"):
        loaded(folder)


def test_a_file_alone_in_its_folder_brings_its_tokenizer(tmp_path, llama):
    write_gguf(tmp_path / "alone.gguf", llama, tokens=True)
    models = load(str(tmp_path / "alone.gguf"))
    assert len(models.ensemble.tokenizer) > tiny.VOCABULARY
    assert len(text(models)) == 12
    beyond = max(models.ensemble.tokenizer.get_vocab().values())
    with pytest.raises(InputError, match=rf"prompt: has the token '.+', id {beyond}, expected ids below the target's"):
        generate(models, [3, beyond], 1)


def test_a_folder_with_a_file_alone_says_how_to_name_it(tmp_path, llama):
    write_gguf(tmp_path / "alone.gguf", llama, tokens=True)
    with pytest.raises(InputError, match=r"has no config\.json but alone\.gguf, expected the option `gguf` to name"):
        load(str(tmp_path))


def test_a_file_takes_no_other_file_and_no_revision(tmp_path, llama):
    write_gguf(tmp_path / "alone.gguf", llama, tokens=True)
    for option in ("gguf", "revision"):
        name = {"name": str(tmp_path / "alone.gguf"), option: "x"}
        with pytest.raises(InputError, match=f"t.load.{option}: unknown option"):
            load({"target": "t", "models": {"t": {"load": name}}, "draft": []})
