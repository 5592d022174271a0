"""The lean forward pass computes what transformers' does."""

import pytest
import tiny
import torch
from test_cached_model import PROMPT, TOLERANCE, assert_close, walk

from realrun.network.cached_model import check_cache
from realrun.network.kv_cache import GRAIN
from realrun.network.lean import LeanModel, is_lean
from realrun.network.packed import can_pack


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("heads", [1, 2])
def test_after_any_growth_and_rollback_logits_are_those_of_a_fresh_call_of_transformers(seed, heads):
    model = LeanModel(tiny.network(num_key_value_heads=heads))
    for sequence, logits in walk(model, seed):
        for back, found in enumerate(logits.flip(0)):
            assert_close(found, model.uncached_logits(PROMPT, sequence[: len(sequence) - back]))
        check_cache(model, PROMPT, sequence, TOLERANCE)


def test_a_cache_that_forgets_nothing_is_found_out():
    """Negative control: a model that does not roll back gives other logits."""
    model = LeanModel(tiny.network())
    model.prefill(PROMPT)
    model.logits([*PROMPT, 9, 8], 1)
    model.rollback = lambda length: None
    with pytest.raises(AssertionError, match="logits differ"):
        check_cache(model, PROMPT, [*PROMPT, 7, 8, 6], TOLERANCE)


def test_text_longer_than_the_first_buffers_is_read_right():
    model = LeanModel(tiny.network(max_position_embeddings=4 * GRAIN))
    text = [3 + i % 20 for i in range(GRAIN + 40)]
    model.prefill(text[:10])
    model.logits(text[: GRAIN - 2], 1)
    check_cache(model, text[:10], text[: GRAIN + 3], TOLERANCE)
    model.prefill(text)
    check_cache(model, text, text, TOLERANCE)


def test_a_new_prompt_leaves_nothing_of_a_call_that_was_interrupted(monkeypatch):
    model = LeanModel(tiny.network(max_position_embeddings=4 * GRAIN))
    text = [3 + i % 20 for i in range(GRAIN + 40)]
    model.prefill(PROMPT)
    layer, model._layers[1] = model._layers[1], interrupt
    with pytest.raises(KeyboardInterrupt):
        model.logits([*PROMPT, 5, 6], 2)
    model._layers[1] = layer
    model.prefill([6, 5, 4])
    check_cache(model, [6, 5, 4], [6, 5, 4, 9], TOLERANCE)
    with monkeypatch.context() as patch:  # where memory ends before all layers have grown
        patch.setattr(layer, "grow", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.prefill(text)
    model.prefill(text)
    check_cache(model, text, text, TOLERANCE)


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_columns_cut_short_and_packed_weights_are_still_those_of_the_model():
    network = tiny.network().to(torch.bfloat16)
    if not can_pack(network):
        pytest.skip("this CPU has no bfloat16 products to pack for")
    packed, plain = LeanModel(network), LeanModel(network, packed=False)
    for model in (packed, plain):
        model.prefill(PROMPT)
    found, expected = (model.logits([*PROMPT, 5, 6], 3).float() for model in (packed, plain))
    assert_close(found, expected, 0.02)


def test_a_fresh_model_holds_nothing_and_computes_the_same():
    model = LeanModel(tiny.network(), limits=77)
    model.prefill(PROMPT)
    other = model.afresh()
    assert (other.length, other.context) == (0, 77)
    assert_close(other.logits(PROMPT, 1), model.logits(PROMPT, 1))


@pytest.mark.parametrize("kind", sorted(set(tiny.CONFIGS) - {"llama"}))
def test_other_architectures_are_not_taken_for_llama(kind):
    assert not is_lean(tiny.network(kind))


def test_llama_with_other_positions_or_biases_is_not_taken_for_the_plain_one():
    assert is_lean(tiny.network())
    scaled = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
    for change in ({"attention_bias": True}, {"mlp_bias": True}, {"hidden_act": "gelu"}, {"rope_parameters": scaled}):
        assert not is_lean(tiny.network(**change))
