"""Loading models: options of `load` are validated, unfit models refused by name, fit ones decode rightly."""

import json
import shutil
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertLMHeadModel,
    Lfm2Config,
    Lfm2ForCausalLM,
    OpenAIGPTConfig,
    OpenAIGPTLMHeadModel,
    RecurrentGemmaConfig,
    RecurrentGemmaForCausalLM,
)

from analysis.model import Advice, Cascade, InputError
from realrun.engine.cascade import CascadeDecoder
from realrun.loading import embedded, trial
from realrun.loading.ensemble import DTYPES, load_ensemble
from realrun.loading.formats import FLOATS
from realrun.network import device
from realrun.network.cached_model import CachedModel, check_cache
from realrun.network.encoder_decoder import CachedEncoderDecoder
from realrun.network.packed import PackedLinear, can_pack

PROMPT = [3, 7, 4, 9, 3, 7, 4]
VERTICAL = [{"by": "a", "rounds": 2, "draft": [{"by": "mag", "tokens": 3}]}, {"by": "a", "tokens": 2}]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folder of a saved tiny model, by architecture and seed; saved on first use."""
    root = tmp_path_factory.mktemp("models")

    def folder(kind="llama", seed=0):
        place = root / f"{kind}-{seed}"
        return str(place) if place.is_dir() else tiny.save(place, kind, seed)

    return folder


def spec(target, drafter="skip:2", mag="maxgram", draft=VERTICAL):
    models = {"t": {"load": target}, "a": {"load": drafter}, "mag": {"load": mag}}
    return Cascade.from_json({"target": "t", "models": models, "draft": draft})


def decode(ensemble, cascade, tokens=40):
    return CascadeDecoder(cascade, ensemble.only(cascade), ensemble.context).generate(PROMPT, tokens)


@pytest.mark.parametrize("kind", tiny.ENCODER_DECODERS)
def test_cascades_of_encoder_decoders_give_what_transformers_generates(folders, kind):
    cascade = spec(folders(kind), folders(kind, 1))
    ensemble = load_ensemble(cascade, torch.float32)
    assert isinstance(ensemble.models["t"], CachedEncoderDecoder)
    options = {"max_new_tokens": 40, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    expected = ensemble.models["t"].network.generate(torch.tensor([PROMPT]), **options)[0, 1:].tolist()
    assert decode(ensemble, cascade).tokens == expected


def test_an_encoder_decoder_target_takes_a_decoder_only_drafter_of_the_same_vocabulary(folders):
    cascade = spec(folders("t5"), folders("gpt2"))
    ensemble = load_ensemble(cascade, torch.float32)
    assert decode(ensemble, cascade).tokens == decode(ensemble, cascade.with_draft(())).tokens


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt", "gemma2", "t5", "flan-t5", "bart"])
def test_a_narrow_head_says_only_its_tokens_with_the_logits_of_the_whole_head(folders, kind):
    drafter = folders(kind, 1)
    wide, narrow = (
        load_ensemble(spec(folders(kind), load), torch.float32).models["a"]
        for load in (drafter, {"name": drafter, "head": 11})
    )
    assert narrow.output_ids.tolist() == list(range(11))
    assert wide.output_ids is None
    for model in (wide, narrow):
        model.prefill(PROMPT)
    text = [*PROMPT, 20, 21]
    torch.testing.assert_close(narrow.logits(text, 3), wide.logits(text, 3)[:, :11])


@pytest.mark.parametrize("drafter", ["skip:2", "saved"])
def test_a_cascade_with_a_narrow_drafter_loses_nothing(folders, drafter):
    drafter = {"name": folders(seed=1) if drafter == "saved" else drafter, "head": 11}
    cascade = spec(folders(), drafter)
    ensemble = load_ensemble(cascade, torch.float32)
    assert ensemble.models["t"].network.get_output_embeddings().out_features == tiny.VOCABULARY
    generation = decode(ensemble, cascade)
    assert generation.tokens == decode(ensemble, cascade.with_draft(())).tokens
    assert generation.pairs["t", "a"].examined


@pytest.mark.parametrize("name", FLOATS)
def test_weights_have_the_type_asked_for_and_each_models_own_where_it_says(folders, name):
    cascade = spec(folders(), {"name": folders(seed=1), "dtype": name})
    models = load_ensemble(cascade, torch.float32).models
    assert models["t"].network.dtype == torch.float32
    assert models["a"].network.dtype == DTYPES[name]
    models = load_ensemble(spec(folders(), folders(seed=1)), DTYPES[name]).models
    assert {models[by].network.dtype for by in "ta"} == {DTYPES[name]}


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_decoding_in_half_precision_follows_the_target_up_to_rounding(folders, kind, name):
    cascade = spec(folders(kind), folders(kind, 1))
    ensemble = load_ensemble(cascade, DTYPES[name])
    tokens = decode(ensemble, cascade).tokens
    for i in range(len(tokens)):
        logits = ensemble.models["t"].uncached_logits(PROMPT, [*PROMPT, *tokens[:i]]).float()
        assert logits[tokens[i]] >= logits.max() - 0.05 * logits.abs().max()


def linears(model):
    return {type(layer) for layer in model.network.modules() if "Linear" in type(layer).__name__}


def test_half_precision_is_packed_unless_told_otherwise_and_skipped_layers_share_it(folders):
    models = load_ensemble(spec(folders()), torch.bfloat16).models
    if not can_pack(tiny.network().bfloat16()):
        pytest.skip("oneDNN does not compute bfloat16 on this machine")
    assert linears(models["t"]) == linears(models["a"]) == {PackedLinear}
    own = {id(layer) for layer in models["t"].network.modules() if isinstance(layer, PackedLinear)}
    assert all(id(layer) in own for layer in models["a"].network.modules() if isinstance(layer, PackedLinear))
    models = load_ensemble(spec({"name": folders(), "packed": False}), torch.bfloat16).models
    assert linears(models["t"]) == linears(models["a"]) == {torch.nn.Linear}


def test_a_drafter_with_more_rows_than_the_tokenizer_proposes_none_of_them(folders, tmp_path):
    drafter = tiny.network(seed=1)
    drafter.resize_token_embeddings(tiny.VOCABULARY + 7)
    with torch.no_grad():
        drafter.lm_head.weight[tiny.VOCABULARY :] = 100 * drafter.lm_head.weight[:7]
    drafter.save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    cascade = spec(folders(), str(tmp_path))
    ensemble = load_ensemble(cascade, torch.float32)
    assert decode(ensemble, cascade).tokens == decode(ensemble, cascade.with_draft(())).tokens


def test_loaded_models_pass_the_check_of_their_cache(folders):
    for kind in ("gemma3", "t5"):
        model = load_ensemble(spec(folders(kind), draft=[]), torch.float32).models["t"]
        model.prefill(PROMPT)
        check_cache(model, PROMPT, [*PROMPT, 5], 1e-4)


SMALL = {"vocab_size": tiny.VOCABULARY, "hidden_size": 16, "num_attention_heads": 2}
UNFIT = {
    "bidirectional": lambda: BertLMHeadModel(BertConfig(**SMALL, num_hidden_layers=2, intermediate_size=32)),
    "no cache": (
        lambda: OpenAIGPTLMHeadModel(OpenAIGPTConfig(vocab_size=tiny.VOCABULARY, n_embd=16, n_layer=1, n_head=2))
    ),
    "convolutions": lambda: Lfm2ForCausalLM(
        Lfm2Config(**SMALL, num_hidden_layers=2, num_key_value_heads=1, layer_types=["conv", "full_attention"])
    ),
    "recurrent": lambda: RecurrentGemmaForCausalLM(RecurrentGemmaConfig(**SMALL, num_hidden_layers=3)),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_models_without_a_cache_that_can_be_cut_back_are_refused_by_name(tmp_path, kind):
    UNFIT[kind]().save_pretrained(tmp_path / kind)
    tiny.tokenizer().save_pretrained(tmp_path / kind)
    with pytest.raises(InputError, match=rf"models.t.load: .*{kind}.* (cannot be rolled back|key-value cache)"):
        load_ensemble(spec(str(tmp_path / kind), draft=[]), torch.float32)


class Recurrent(CachedModel):
    """Carries a state from call to call that a rollback does not undo."""

    calls = 0

    def _forward(self, ids, keep):
        self.calls += 1
        return super()._forward(ids, keep) + self.calls * torch.arange(tiny.VOCABULARY)


class Oblivious(CachedModel):
    """Takes a cache but never fills it."""

    def _forward(self, ids, keep):
        return self.network(input_ids=ids, use_cache=False).logits[0, -keep:]


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [(Recurrent, "cannot be rolled back: logits differ by"), (Oblivious, "back: it keeps no key-value cache")],
)
def test_a_model_that_is_not_what_its_cache_says_is_found_by_the_trial(folders, monkeypatch, unfit, reason):
    monkeypatch.setattr("realrun.loading.transformers_models.CachedModel", unfit)
    with pytest.raises(InputError, match=f"models.t.load: .* {reason}"):
        load_ensemble(spec(folders(), draft=[]), torch.float32)


@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_no_causal_model_looks_ahead(kind):
    assert not trial.looks_ahead(tiny.network(kind), PROMPT)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_drafter_of_shorter_context_neither_shortens_nor_changes_the_text(folders, tmp_path, kind):
    drafter = tiny.save(tmp_path, kind, 1, max_position_embeddings=40)
    cascade = spec(folders(kind), drafter)
    ensemble = load_ensemble(cascade, torch.float32)
    assert (ensemble.context, ensemble.shared_context) == (128, 40)
    for draft in (VERTICAL, VERTICAL[1:]):
        generation = decode(
            ensemble, cascade.with_draft(Cascade.from_json(cascade.to_json() | {"draft": draft}).draft), 999
        )
        assert generation.tokens == decode(ensemble, cascade.with_draft(()), 999).tokens
        assert len(generation.tokens) == 128 - len(PROMPT)
        assert generation.pairs["t", "a"].examined


def altered(folder, tmp_path, change):
    """A copy of a saved model whose tensors `change` has changed in place."""
    shutil.copytree(folder, tmp_path / "altered")
    file = tmp_path / "altered" / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})
    return str(tmp_path / "altered")


def lose_a_layer(tensors):
    for name in [name for name in tensors if ".layers.1." in name]:
        del tensors[name]


def cut_a_matrix(tensors):
    tensors["model.layers.1.mlp.up_proj.weight"] = tensors["model.layers.1.mlp.up_proj.weight"][:, :8].contiguous()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lose_a_layer, r"altered' lacks weights: model\.layers\.1\.input_layernorm\.weight and 8 more$"),
        (cut_a_matrix, r"altered' has weights of another shape .*: model\.layers\.1\.mlp\.up_proj\.weight$"),
    ],
)
@pytest.mark.parametrize("role", ["t", "a"])
def test_weights_that_do_not_determine_the_model_are_refused_by_name(folders, tmp_path, capfd, role, change, message):
    loads = {"t": folders(), "a": folders(seed=1)}
    loads[role] = altered(loads[role], tmp_path, change)
    with pytest.raises(InputError, match=rf"models.{role}.load: .*{message}"):
        load_ensemble(spec(loads["t"], loads["a"]), torch.float32)
    assert capfd.readouterr().err == ""


def test_tied_weights_are_not_missing(tmp_path):
    folder = tiny.save(tmp_path, tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    load_ensemble(spec(folder, draft=[]), torch.float32)


def cut_short(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:3000])


def write_tokenizer(text):
    return lambda folder: (folder / "tokenizer.json").write_text(text)


def write_config(**changes):
    def write(folder):
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(config))

    return write


DAMAGED = {
    "truncated weights": (cut_short, "cannot be loaded: "),
    "a configuration of no model": (write_config(model_type="abacus"), "cannot be loaded: "),
    "a size that is no number": (write_config(hidden_size="wide"), "cannot be loaded: "),
    "a size that does not fit": (write_config(num_attention_heads=3), "cannot be loaded: "),
    "half a tokenizer": (write_tokenizer('{"a":'), "has no tokenizer that can be loaded: "),
    "no tokenizer": (write_tokenizer('{"version": "1.0", "model": 3}'), "has no tokenizer that can be loaded: "),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_one_line_with_the_models_name(tmp_path, damage):
    spoil, message = DAMAGED[damage]
    folder = tiny.save(tmp_path / "damaged")
    spoil(Path(folder))
    with pytest.raises(InputError, match=rf"^models\.t\.load: '.*damaged' {message}.+$"):
        load_ensemble(spec(folder, draft=[]), torch.float32)


def test_a_damaged_copy_of_the_embedded_model_is_to_be_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv(embedded.CACHE_VARIABLE, str(tmp_path))
    folder = tmp_path / f"{embedded.NAME}-v1"
    tiny.save(folder)
    cut_short(folder)
    with pytest.raises(InputError, match=rf"load: 'smollm2-135m' cannot be loaded: .* \(delete the folder {folder} to"):
        load_ensemble(spec(embedded.NAME, draft=[]), torch.float32)


def resized(folder, rows):
    network = tiny.network(seed=1)
    network.resize_token_embeddings(rows)
    network.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("role", ["t", "a"])
def test_an_embedding_too_small_for_the_tokenizer_is_told(folders, tmp_path, role):
    loads = {"t": folders(), "a": folders(seed=1)} | {role: resized(tmp_path, tiny.VOCABULARY - 3)}
    cascade = spec(loads["t"], loads["a"])
    with pytest.warns(Advice, match=rf"models.{role}.load: .* has an embedding of 26 rows, too few for 3 pieces of"):
        ensemble = load_ensemble(cascade, torch.float32)
    assert decode(ensemble, cascade).tokens == decode(ensemble, cascade.with_draft(())).tokens
    ensemble.demand_room("prompt", [25])
    if role == "t":
        with pytest.raises(InputError, match="prompt: has the token 'z', id 27, expected ids below the target's 26"):
            ensemble.demand_room("prompt", [3, 27, 4])


def test_a_token_added_beyond_the_embedding_is_refused_in_a_prompt_alone(tmp_path, folders):
    pad = tiny.tokenizer()
    pad.add_special_tokens({"pad_token": "[PAD]"})
    shutil.copytree(folders(), tmp_path / "padded")
    pad.save_pretrained(tmp_path / "padded")
    cascade = spec(str(tmp_path / "padded"))
    ensemble = load_ensemble(cascade, torch.float32)
    assert decode(ensemble, cascade).tokens
    with pytest.raises(InputError, match=r"^p: has the token '\[PAD\]', id 29, expected ids below the target's 29 emb"):
        ensemble.demand_room("p", pad("abc[PAD]")["input_ids"])


def test_embeddings_padded_differently_go_together(folders, tmp_path):
    """Also where the target then says tokens that the drafter has no row for."""
    target = resized(tmp_path, tiny.VOCABULARY + 7)
    cascade = spec(target, folders())
    ensemble = load_ensemble(cascade, torch.float32)
    with torch.no_grad():
        head = ensemble.models["t"].network.lm_head.weight
        head[tiny.VOCABULARY + 2] = 1.5 * head[3]
    tokens = decode(ensemble, cascade).tokens
    assert tokens == decode(ensemble, cascade.with_draft(())).tokens
    assert max(tokens) >= tiny.VOCABULARY


def test_layers_are_run_in_the_order_given(folders):
    orders = ([0, 2], [2, 0])
    models = [
        load_ensemble(spec(folders(), {"name": "skip:2", "layers": order}), torch.float32).models["a"]
        for order in orders
    ]
    for model, order in zip(models, orders, strict=True):
        whole = load_ensemble(spec(folders(), draft=[]), torch.float32).models["t"].network
        whole.model.layers = torch.nn.ModuleList([whole.model.layers[i] for i in order])
        whole.config.num_hidden_layers = 2
        expected = whole(input_ids=torch.tensor([PROMPT]), use_cache=False).logits[0, -1]
        torch.testing.assert_close(model.uncached_logits(PROMPT, PROMPT), expected)
    assert not torch.allclose(*(model.uncached_logits(PROMPT, PROMPT) for model in models))


def test_a_drafter_with_another_vocabulary_is_refused_with_a_piece_that_differs(folders, tmp_path):
    pieces = [*tiny.PIECES[:5], "é", *tiny.PIECES[6:]]
    other = tiny.save(tmp_path / "other", pieces=pieces)
    with pytest.raises(InputError, match=r"other' has a vocabulary different .*'d' is none here and 5 there"):
        load_ensemble(spec(folders(), other), torch.float32)


BAD = [
    ("t", {"dtype": "int8"}, "t.load.dtype: got 'int8', expected float32 or bfloat16 or float16"),
    ("t", {"revision": "main"}, "t.load.revision: unknown option of"),
    ("t", {"packed": 1}, "t.load.packed: got 1, expected true or false"),
    ("t", {"gguf": ""}, "t.load.gguf: got '', expected a text"),
    ("t", {"gguf": "../x.gguf"}, "t.load.gguf: got '../x.gguf', expected a file inside the folder"),
    ("t", {"gguf": "none.gguf"}, "t.load: .* cannot be loaded"),
    ("t", {"trust_remote_code": True}, "t.load.trust_remote_code: unknown option of"),
    ("t", {"head": 5}, "t.load.head: an option of drafters"),
    ("a", {"head": 0}, r"a.load.head: got 0, expected a whole number in 1\.\.29"),
    ("a", {"head": 30}, r"a.load.head: got 30, expected a whole number in 1\.\.29"),
    ("a", {"name": "skip:1", "head": True}, "a.load.head: got True, expected a whole number"),
    ("a", {"name": "skip:1", "dtype": "float32"}, "a.load.dtype: unknown option of skip:1"),
    ("a", {"name": "skip:2", "layers": [0, 0]}, r"a.load.layers: got \[0, 0\], expected 2 different numbers in 0\.\.2"),
    ("a", {"name": "skip:2", "layers": None}, "a.load.layers: got None, expected 2 different numbers"),
    ("mag", {"name": "maxgram", "match": "last"}, "mag.load.match: got 'last', expected recent or leftmost"),
    ("mag", {"name": "maxgram", "min_match": 0}, r"min_match: got 0, expected a whole number in 1\.\.1024"),
    ("mag", {"name": "maxgram", "min_match": 3, "max_match": 2}, r"max_match: got 2, .* number in 3\.\.1024"),
    ("mag", {"name": "maxgram", "max_match": 1.5}, "max_match: got 1.5, expected a whole number"),
    ("mag", {"name": "maxgram", "candidates": "2"}, "candidates: got '2', expected a whole number"),
    ("mag", {"name": "maxgram", "variant": "paper"}, "variant: got 'paper', expected ours or authors"),
    ("mag", {"name": "maxgram", "variant": "authors", "match": "recent"}, "match: got 'recent', expected leftmost"),
    ("mag", {"name": "maxgram", "bigram": 3}, "bigram: got 3, expected a file name or null"),
]


@pytest.mark.parametrize(("model", "options", "message"), BAD, ids=[f"{m} {o}" for m, o, _ in BAD])
def test_every_option_is_refused_by_field_value_and_range(folders, model, options, message):
    loads = {"t": folders(), "a": folders(seed=1), "mag": "maxgram"}
    loads[model] = {"name": loads[model]} | options
    with pytest.raises(InputError, match=f"models.*{message}"):
        load_ensemble(spec(loads["t"], loads["a"], loads["mag"]), torch.float32)


def test_the_embedded_model_has_no_versions():
    with pytest.raises(InputError, match=r"revision: unknown option of smollm2-135m"):
        load_ensemble(spec({"name": "smollm2-135m", "revision": "main"}, draft=[]), torch.float32)


@pytest.mark.parametrize("device", ["tpu", "meta", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(folders, device):
    with pytest.raises(InputError, match=f"device: got '{device}'"):
        load_ensemble(spec(folders(), draft=[]), torch.float32, device=device)


def test_the_options_of_max_gram_reach_it(folders):
    options = {"match": "leftmost", "min_match": 2, "max_match": 5, "candidates": 3, "variant": "authors"}
    mag = load_ensemble(spec(folders(), mag={"name": "maxgram", **options}), torch.float32).models["mag"]
    assert (mag._leftmost, mag._min_match, mag._max_match, mag._candidates, mag._doubled) == (True, 2, 5, 3, True)


def test_a_processor_is_called_what_the_system_calls_it(monkeypatch, tmp_path):
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(device, "_PROCESSORS", file)
    monkeypatch.setattr("platform.processor", lambda: "")
    assert device.make_of(torch.device("cpu")) == "unknown"
    file.write_text("processor\t: 0\nmodel name\t: Some: CPU\nmodel name\t: Another\n")
    assert device.make_of(torch.device("cpu")) == "Some: CPU"
