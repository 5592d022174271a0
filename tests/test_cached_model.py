"""The cached model on every architecture: after any growth and rollback it finds what a fresh call would find."""

import contextlib
import random

import pytest
import tiny
import torch
from transformers import DynamicCache

from realrun.network.attention import NAME, group_heads
from realrun.network.cached_model import CachedModel, check_cache
from realrun.network.encoder_decoder import CachedEncoderDecoder
from realrun.network.kv_cache import GRAIN, GrowingLayer
from realrun.network.packed import PackedLinear, can_pack, pack

KINDS = [*tiny.CONFIGS, *tiny.ENCODER_DECODERS]
PROMPT = [3, 7, 4, 9, 3]
TOLERANCE = 1e-5
"""Greatest difference of two float32 logits, as a share of the greatest."""


def assert_close(found, expected, tolerance=TOLERANCE):
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * float(expected.abs().max()))


def cached(kind, seed=0, **options):
    wrap = CachedEncoderDecoder if kind in tiny.ENCODER_DECODERS else CachedModel
    return wrap(tiny.network(kind, seed), **options)


def walk(model, seed=0, steps=40):
    """Sequences after random growth and rollback, each read by a call on some of its last positions."""
    rng = random.Random(seed)
    sequence = list(PROMPT)
    model.prefill(PROMPT)
    for _ in range(steps):
        if rng.random() < 0.5 and len(sequence) > len(PROMPT):
            del sequence[rng.randrange(max(len(PROMPT), len(sequence) - 6), len(sequence)) :]
            model.rollback(len(sequence))
        sequence += [rng.randrange(2, tiny.VOCABULARY) for _ in range(rng.randrange(1, 4))]
        positions = rng.randrange(1, min(4, len(sequence) - len(PROMPT) + 2))
        yield sequence, model.logits(sequence, positions)


@pytest.mark.parametrize("kind", KINDS)
def test_after_any_growth_and_rollback_logits_are_those_of_a_fresh_call(kind):
    model = cached(kind)
    for sequence, logits in walk(model):
        assert model.length == len(sequence)
        for back, found in enumerate(logits.flip(0)):
            expected = model.uncached_logits(PROMPT, sequence[: len(sequence) - back])
            assert_close(found, expected)
        check_cache(model, PROMPT, sequence, TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_without_cache_is_what_transformers_generates_from(kind):
    model = cached(kind)
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    expected = model.network.generate(torch.tensor([PROMPT]), **options)[0].tolist()
    text = expected[1:] if kind in tiny.ENCODER_DECODERS else expected[len(PROMPT) :]
    sequence = list(PROMPT)
    while len(sequence) < len(PROMPT) + 12:
        sequence.append(int(model.uncached_logits(PROMPT, sequence).argmax()))
    assert sequence[len(PROMPT) :] == text


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_a_prompt_read_in_pieces_is_the_same_prompt(kind, monkeypatch):
    prompt = [3 + i % 20 for i in range(30)]
    whole = cached(kind)
    whole.prefill(prompt)
    assert_close(whole.logits(prompt, 1)[0], whole.uncached_logits(prompt, prompt))
    for size in (1, 4, 29, 30):
        monkeypatch.setattr("realrun.network.cached_model.PREFILL", size)
        pieces = cached(kind)
        pieces.prefill(prompt)
        assert pieces.length == 29
        assert_close(pieces.logits(prompt, 1), whole.logits(prompt, 1))


class Forgetful(CachedModel):
    """Loses one token too few when cut back."""

    def rollback(self, length):
        super().rollback(min(length + 1, self.length))
        self._length = min(self._length, length)


class Stale(CachedModel):
    """Keeps its cache and only says that it was cut back, then reads over the end."""

    def rollback(self, length):
        for layer in self._cache.layers:
            layer.keys = layer.keys.roll(1, dims=2)
        super().rollback(length)


@pytest.mark.parametrize(("wrong", "complaint"), [(Forgetful, "hold .* tokens, expected"), (Stale, "logits differ")])
def test_the_checker_finds_a_cache_that_is_not_cut_back_rightly(wrong, complaint):
    model = wrong(tiny.network())
    model.prefill(PROMPT)
    sequence = [*PROMPT, 5, 6, 7]
    model.logits(sequence, 1)
    del sequence[-2:]
    model.rollback(len(sequence))
    with pytest.raises(AssertionError, match=complaint):
        check_cache(model, PROMPT, [*sequence, 8, 9], TOLERANCE)


def test_calls_are_logged_by_the_tokens_they_catch_up_on():
    model = cached("llama")
    model.prefill(PROMPT)
    model.logits([*PROMPT, 5, 6], 2)
    model.logits([*PROMPT, 5, 6, 7], 1)
    model.rollback(len(PROMPT))
    model.logits([*PROMPT, 8], 2)
    assert model.log.q == {3: 1, 1: 1, 2: 1}
    assert model.log.seconds > 0
    assert model.log.prefill_seconds > 0


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_a_new_prompt_leaves_nothing_of_the_old_one(kind):
    model, fresh = cached(kind), cached(kind)
    for _ in walk(model, steps=3):
        pass
    for prompt in ([4], [6, 5, 4]):
        model.prefill(prompt)
        fresh.prefill(prompt)
        torch.testing.assert_close(model.logits([*prompt, 9], 2), fresh.logits([*prompt, 9], 2))
        check_cache(model, prompt, [*prompt, 9], TOLERANCE)


@contextlib.contextmanager
def interrupted_between_two_layers(model):
    """The first layer has read a call's tokens when the call ends, the second one has not."""
    stack = model.network.get_decoder()
    layers = stack.block if hasattr(stack, "block") else stack.layers

    def interrupt(*arguments):
        raise KeyboardInterrupt

    handle = layers[1].register_forward_pre_hook(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        handle.remove()


@pytest.mark.parametrize("kind", ["llama", "gemma3", "t5", "bart"])
def test_a_new_prompt_leaves_nothing_of_a_call_that_was_interrupted(kind):
    model, fresh = cached(kind), cached(kind)
    model.prefill(PROMPT)
    with interrupted_between_two_layers(model):
        model.logits([*PROMPT, 5, 6], 2)
    for prompt in ([4], [6, 5, 4]):
        model.prefill(prompt)
        fresh.prefill(prompt)
        torch.testing.assert_close(model.logits([*prompt, 9], 2), fresh.logits([*prompt, 9], 2))
        check_cache(model, prompt, [*prompt, 9], TOLERANCE)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_a_new_prompt_leaves_nothing_of_one_whose_reading_was_interrupted(kind):
    model = cached(kind)
    with interrupted_between_two_layers(model):
        model.prefill(PROMPT)
    model.prefill([6, 5, 4])
    check_cache(model, [6, 5, 4], [6, 5, 4, 9], TOLERANCE)


def test_buffers_that_could_not_grow_are_grown_by_the_next_call(monkeypatch):
    """Where memory ends between keys and values, both are still as they were."""
    layer, plain = GrowingLayer(), DynamicCache()
    states = torch.randn(2, 1, 2, GRAIN, 4)
    layer.update(*states)
    plain.update(*states, 0)
    grown, calls = GrowingLayer._grown, []

    def scarce(self, states, length):
        calls.append(length)
        if len(calls) == 2:
            raise MemoryError
        return grown(self, states, length)

    monkeypatch.setattr(GrowingLayer, "_grown", scarce)
    with pytest.raises(MemoryError):
        layer.update(*states[..., :3, :])
    for found, expected in zip(layer.update(*states[..., :3, :]), plain.update(*states[..., :3, :], 0), strict=True):
        assert torch.equal(found, expected)


def test_a_token_without_an_embedding_is_read_as_another_and_breaks_nothing():
    model = cached("llama")
    model.prefill(PROMPT)
    odd = model.logits([*PROMPT, tiny.VOCABULARY + 7, 5], 1)
    model.prefill(PROMPT)
    torch.testing.assert_close(odd, model.logits([*PROMPT, 0, 5], 1))


def test_growing_layers_hold_what_concatenating_layers_hold():
    torch.manual_seed(0)
    growing, plain = GrowingLayer(), DynamicCache()
    rng = random.Random(0)
    for _ in range(200):
        drop = rng.randrange(0, 1 + min(5, growing.get_seq_length()))
        growing.crop(-drop)
        if drop:
            plain.crop(-drop)
        keys, values = torch.randn(2, 1, 2, rng.randrange(1, 9), 4)
        found, expected = growing.update(keys, values), plain.update(keys, values, 0)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
        assert growing.get_seq_length() == plain.get_seq_length()
    assert growing.get_seq_length() > GRAIN
    assert growing.keys.shape[2] - growing.get_seq_length() < 2 * GRAIN


@pytest.mark.parametrize("most_rows", [0, 32])
@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen3", "gemma3", "phi3", "gpt_neox"])
def test_grouped_heads_change_no_logit(kind, most_rows, monkeypatch):
    monkeypatch.setattr("realrun.network.attention.MOST_ROWS", most_rows)
    model, grouped = cached(kind), cached(kind)
    group_heads(grouped.network)
    assert grouped.network.config._attn_implementation == NAME
    for (_, found), (_, expected) in zip(walk(grouped), walk(model), strict=True):
        assert_close(found, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_packed_weights_change_no_logit_of_a_model_in_half_precision(kind, dtype):
    model, packed = cached(kind), cached(kind)
    for each in (model, packed):
        each.network.to(dtype)
    if not can_pack(packed.network):
        pytest.skip("oneDNN does not compute this type on this machine")
    pack([packed.network])
    linears = [type(layer) for layer in packed.network.modules() if "Linear" in type(layer).__name__]
    assert set(linears) == {PackedLinear}
    for (_, found), (_, expected) in zip(walk(packed, steps=10), walk(model, steps=10), strict=True):
        assert found.dtype == dtype
        assert_close(found, expected, 0.02)


def test_models_in_float32_are_not_packed():
    assert not can_pack(tiny.network())


def test_models_that_share_weights_share_the_packed_ones():
    first = tiny.network("llama").bfloat16()
    if not can_pack(first):
        pytest.skip("oneDNN does not compute bfloat16 on this machine")
    second = tiny.network("llama", seed=1).bfloat16()
    second.model.layers[0].mlp.up_proj.weight = first.model.layers[2].mlp.up_proj.weight
    pack([first, second])
    assert second.model.layers[0].mlp.up_proj is first.model.layers[2].mlp.up_proj
    assert second.model.layers[1].mlp.up_proj is not first.model.layers[1].mlp.up_proj
