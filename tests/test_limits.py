"""Limits of a text: positions of encoder and decoder, and rotary positions that change with its length."""

import pytest
import tiny
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, Gemma3TextConfig, PhimoeConfig

from analysis.model import Advice, Cascade, InputError
from realrun.api import generate, load
from realrun.bench.transformers_decoders import only_settings
from realrun.loading.ensemble import load_ensemble
from realrun.network.cached_model import CachedModel, check_cache
from realrun.network.limits import Limits, limits_of

SWITCH = 24
FACTORS = {"short_factor": [1.0] * 4, "long_factor": [1.0, 4.0, 16.0, 32.0]}
LONGROPE = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": SWITCH, **FACTORS}
LONGROPE["partial_rotary_factor"] = 1.0  # which Phi-3 wants to be told
DRAFTERS = {"skip": "skip:2", "mag": "maxgram"}
VERTICAL = [{"by": "skip", "rounds": 2, "draft": [{"by": "mag", "tokens": 3}]}, {"by": "skip", "tokens": 2}]
LLAMA = {"rope_parameters": LONGROPE}
PHI = {**LLAMA, "original_max_position_embeddings": SWITCH}


def prompt_of(tokens):
    return [2 + 7 * i * i % 25 for i in range(tokens)]


def theirs(folder_or_network, prompt, tokens):
    """What transformers generates, without the prompt of a decoder-only model or the start token of another."""
    network = folder_or_network
    ids = torch.tensor([prompt])
    options = {"max_new_tokens": tokens, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    found = network.generate(ids, attention_mask=torch.ones_like(ids), **options)[0].tolist()
    return found[1:] if network.config.is_encoder_decoder else found[len(prompt) :]


def phimoe():
    shape = {**tiny._GROUPED, "num_local_experts": 2}
    rope = {**LONGROPE, "short_mscale": 1.0, "long_mscale": 1.3}
    return PhimoeConfig(**shape, rope_parameters=rope, original_max_position_embeddings=SWITCH)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A cascade of a kind with its target's rotary positions changing, loaded on first use."""
    found = {}

    def model(kind):
        if kind not in found:
            tiny.CONFIGS["phimoe"] = phimoe
            changes = {"phi3": PHI, "llama": LLAMA, "phimoe": {}}[kind]
            folder = tiny.save(tmp_path_factory.mktemp(kind), kind, **changes)
            if kind == "llama":
                with pytest.warns(Advice, match=r"has longrope positions, which change beyond 24 tokens: .* at 128"):
                    found[kind] = load(folder, drafters=DRAFTERS, draft=VERTICAL)
            else:
                found[kind] = load(folder, drafters=DRAFTERS, draft=VERTICAL)
            del tiny.CONFIGS["phimoe"]
        return found[kind]

    return model


@pytest.mark.parametrize("kind", ["phi3", "phimoe"])
@pytest.mark.parametrize("tokens", [6, SWITCH - 3, SWITCH - 1, SWITCH, SWITCH + 1, 40])
def test_longrope_text_is_what_transformers_generates_below_across_and_above_the_switch(loaded, kind, tokens):
    models, prompt = loaded(kind), prompt_of(tokens)
    expected = theirs(models.ensemble.target.network, prompt, 30)
    for cascade in (models, models.with_draft([])):
        assert generate(cascade, prompt, 30, eos=()).tokens == expected


def test_the_switch_of_phi3_changes_the_text(loaded):
    """A negative control: with the short positions throughout, the text is another one."""
    models, prompt = loaded("phi3"), prompt_of(SWITCH + 1)
    network = models.ensemble.target.network
    always_short = CachedModel(network, limits=128)
    always_short.prefill(prompt)
    found = always_short.logits(prompt, 1)[0]
    with pytest.raises(AssertionError):
        torch.testing.assert_close(found, models.ensemble.target.uncached_logits(prompt, prompt))


def test_a_prompt_read_in_parts_has_the_positions_of_its_whole_length(loaded, monkeypatch):
    monkeypatch.setattr("realrun.network.cached_model.PREFILL", 8)
    models, prompt = loaded("phi3"), prompt_of(40)
    expected = theirs(models.ensemble.target.network, prompt, 8)
    assert generate(models, prompt, 8, eos=()).tokens == expected


def test_a_cut_below_the_switch_and_growth_beyond_it_leave_no_trace(loaded):
    network = loaded("phi3").ensemble.target.network
    model = CachedModel(network, limits=limits_of(network))
    text = prompt_of(40)
    model.prefill(text[:20])
    for length in (22, 30, 23, 40, 21, 24, 25):
        model.rollback(min(length - 1, model.length))
        check_cache(model, text[:20], text[:length], 1e-4)
    across = model.logits(text[:28], 8)
    alone = [model.uncached_logits(text[:20], text[:end]) for end in range(21, 29)]
    torch.testing.assert_close(across, torch.stack(alone), rtol=0, atol=1e-4 * float(across.abs().max()))


def test_where_transformers_does_not_read_anew_the_text_ends_at_the_switch(loaded):
    models = loaded("llama")
    for tokens in (6, SWITCH - 3):
        prompt = prompt_of(tokens)
        expected = theirs(models.ensemble.target.network, prompt, SWITCH - tokens)
        found = generate(models, prompt, 30, eos=())
        assert (found.tokens, found.finish) == (expected, "context")
    prompt = prompt_of(SWITCH + 1)
    expected = theirs(models.ensemble.target.network, prompt, 30)
    assert generate(models, prompt, 30, eos=()).tokens == expected
    with pytest.raises(InputError, match="prompt: has 24 tokens, after which the target's positions change"):
        generate(models, prompt_of(SWITCH), 1)


def test_rotary_positions_of_every_kind_of_layer_count():
    rope = {"full_attention": LONGROPE, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}
    config = Gemma3TextConfig(**tiny._GROUPED, head_dim=8, sliding_window_pattern=2, rope_parameters=rope)
    tiny.CONFIGS["gemma3-longrope"] = lambda: config
    try:
        network = tiny.network("gemma3-longrope")
    finally:
        del tiny.CONFIGS["gemma3-longrope"]
    assert limits_of(network) == Limits(128, switch=SWITCH)


@pytest.mark.parametrize("rope", ["dynamic", "linear", "yarn", "llama3"])
def test_other_rotary_positions_do_not_change_within_the_context(tmp_path, rope):
    more = {"original_max_position_embeddings": 32, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    parameters = {"rope_type": rope, "rope_theta": 1e4, "factor": 4.0} | (more if rope in ("yarn", "llama3") else {})
    folder = tiny.save(tmp_path, rope_parameters=parameters)
    models = load(folder, drafters=DRAFTERS, draft=VERTICAL)
    assert models.ensemble.limits == Limits(128)
    expected = theirs(models.ensemble.target.network, prompt_of(6), 122)
    assert generate(models, prompt_of(6), 200, eos=()).tokens == expected


def test_a_drafter_whose_positions_change_leaves_the_text_the_targets(tmp_path):
    target, drafter = tiny.save(tmp_path / "t"), tiny.save(tmp_path / "d", "phi3", 1, **PHI)
    draft = [{"by": "d", "tokens": 4}]
    models = load(target, drafters={"d": drafter}, draft=draft)
    found = generate(models, prompt_of(15), 40, eos=())
    assert found.tokens == generate(models.with_draft([]), prompt_of(15), 40, eos=()).tokens
    assert max(found.generation.calls["d"].q) > SWITCH  # it was read anew


PAIRS = {
    "bart": {},
    "mbart": {"scale_embedding": True},
    "marian": {"decoder_vocab_size": tiny.VOCABULARY},
    "pegasus": {},
    "m2m_100": {},
    "blenderbot-small": {},
}


def save_pair(folder, kind, **changes):
    settings = tiny._BART | {"max_position_embeddings": 32} | PAIRS.get(kind, {}) | changes
    torch.manual_seed(3)
    network = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(kind, **settings)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
    network.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", PAIRS)
def test_prompt_and_text_of_an_encoder_decoder_have_positions_of_their_own(tmp_path, kind):
    folder = save_pair(tmp_path, kind)
    models = load(folder, drafters={"mag": "maxgram"}, draft=[{"by": "mag", "tokens": 3}])
    for tokens in (5, 30, 32):
        prompt = prompt_of(tokens)
        expected = theirs(models.ensemble.target.network, prompt, 31)
        found = generate(models, prompt, 40, eos=())
        assert (found.tokens, found.finish) == (expected, "context")
    with pytest.raises(InputError, match="prompt: has 33 tokens, expected at most the 32 positions of the encoder"):
        generate(models, prompt_of(33), 1)


def test_an_encoder_may_read_more_than_its_decoder_writes(tmp_path):
    sizes = {"max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 16, "attention_window": 16}
    folder = save_pair(tmp_path, "led", **sizes)
    models = load(folder)
    assert models.ensemble.limits == Limits(16, 64)
    prompt = prompt_of(60)
    assert generate(models, prompt, 99, eos=()).tokens == theirs(models.ensemble.target.network, prompt, 15)


@pytest.mark.parametrize(
    ("settings", "start"),
    [({"decoder_start_token_id": 5}, 5), ({"decoder_start_token_id": None, "bos_token_id": 7}, 7)],
)
def test_the_decoder_starts_where_the_generation_settings_say(tmp_path, settings, start):
    folder = save_pair(tmp_path, "bart")
    network = AutoModelForSeq2SeqLM.from_pretrained(folder)
    network.generation_config.update(**settings)
    network.generation_config.save_pretrained(folder)
    models = load(folder)
    assert models.ensemble.target._start_token == start
    expected = theirs(AutoModelForSeq2SeqLM.from_pretrained(folder), prompt_of(6), 12)
    assert generate(models, prompt_of(6), 12, eos=()).tokens == expected


@pytest.mark.parametrize(
    "settings", [{"decoder_start_token_id": 5}, {"decoder_start_token_id": None, "bos_token_id": 7}]
)
def test_rules_and_transformers_decoders_start_where_the_generation_settings_say(tmp_path, settings):
    folder = save_pair(tmp_path, "bart")
    network = AutoModelForSeq2SeqLM.from_pretrained(folder)
    network.generation_config.update(**settings, repetition_penalty=50.0)
    network.generation_config.save_pretrained(folder)
    models = load(folder)
    target = models.ensemble.target
    prompt = prompt_of(6)
    expected = theirs(AutoModelForSeq2SeqLM.from_pretrained(folder), prompt, 12)
    assert generate(models, prompt, 12, eos=()).tokens == expected
    start = settings["decoder_start_token_id"] or settings["bos_token_id"]
    assert target._decoder_tokens(prompt, [*prompt, 3]) == [start, 3]
    with only_settings(target.network):
        assert target.network.generation_config.decoder_start_token_id == start


def test_an_encoder_decoder_without_a_start_is_refused(tmp_path):
    folder = save_pair(tmp_path, "bart", decoder_start_token_id=None, bos_token_id=None)
    with pytest.raises(InputError, match="is an encoder-decoder model without a decoder_start_token_id"):
        load_ensemble(Cascade.from_json({"target": "t", "models": {"t": {"load": folder}}, "draft": []}), torch.float32)


def test_the_context_of_mpt_is_that_of_its_biases():
    shape = {"vocab_size": tiny.VOCABULARY, "d_model": 16, "n_heads": 2, "n_layers": 2, "max_seq_len": 32}
    network = AutoModelForCausalLM.from_config(AutoConfig.for_model("mpt", **shape))
    assert limits_of(network) == Limits(32)


def test_limits_are_those_of_the_prompt():
    plain, pair, switched = Limits(100), Limits(16, 64), Limits(100, switch=20)
    assert [plain.after(n) for n in (1, 99, 100)] == [100] * 3
    assert [pair.after(n) for n in (1, 64, 65)] == [16, 79, 0]
    assert [switched.after(n) for n in (1, 20, 21)] == [20, 20, 100]
    assert [limits.context for limits in (plain, pair, switched, Limits(100, switch=20, renews=True))] == [
        100,
        16,
        20,
        100,
    ]
    assert [limits.most for limits in (plain, pair, switched)] == [100, 79, 100]
    assert [limits.problem(n) is None for limits, n in ((plain, 99), (plain, 100), (pair, 64), (switched, 20))] == [
        True,
        False,
        True,
        False,
    ]
