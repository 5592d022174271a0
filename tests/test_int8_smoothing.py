"""Outliers move into weights without changing what a model computes, and 8 bits hold it better then."""

import pytest
import tiny
import torch

from realrun.network.int8_linear import why_unavailable
from realrun.network.int8_model import Int8Model
from realrun.network.int8_smoothing import Smoothing

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason="torch has no int8 products here")

TEXTS = [[2 + (i * i + k) % 24 for i in range(30)] for k in range(4)]
TEXT = [3 + (i * i + i // 7) % 24 for i in range(40)]
OUTLIER = 64.0
KINDS = ("llama", "mistral", "qwen2", "qwen3")


def with_outliers(kind):
    """A model in which one column of what each layer reads is 64 times as great, by the same function."""
    network = tiny.network(kind, scale=4.0)
    with torch.no_grad():
        for layer in network.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            for norm, readers in (
                (layer.input_layernorm, (attention.q_proj, attention.k_proj, attention.v_proj)),
                (layer.post_attention_layernorm, (mlp.gate_proj, mlp.up_proj)),
            ):
                norm.weight[1] *= OUTLIER
                for reader in readers:
                    reader.weight[:, 1] /= OUTLIER
            mlp.up_proj.weight[2] *= OUTLIER
            if mlp.up_proj.bias is not None:
                mlp.up_proj.bias[2] *= OUTLIER
            mlp.down_proj.weight[:, 2] /= OUTLIER
    return network


def divergence(network, smoothing):
    with torch.inference_mode():
        expected = network(input_ids=torch.tensor([TEXT])).logits[0].log_softmax(-1)
    model = Int8Model(network, smoothing=smoothing)
    model.prefill(TEXT[:1])
    found = model.logits(TEXT, len(TEXT)).log_softmax(-1)
    return float((expected.exp() * (expected - found)).sum(-1).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_with_outliers_is_held_much_better(kind):
    network = with_outliers(kind)
    plain, smooth = divergence(network, None), divergence(network, Smoothing.of(network, TEXTS))
    assert smooth < plain / 4
    assert smooth < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_still_has_the_same_logits_in_whatever_call(kind):
    network = with_outliers(kind)
    model = Int8Model(network, smoothing=Smoothing.of(network, TEXTS))
    model.prefill(TEXT[:1])
    alone = torch.cat([model.logits(TEXT[:end], 1) for end in range(1, len(TEXT) + 1)])
    for count in (2, 8, 17):
        for start in range(1, len(TEXT) - count, 5):
            assert torch.equal(model.logits(TEXT[: start + count], count), alone[start : start + count])


def test_factors_are_coarse_and_greatest_where_the_outliers_are():
    network = with_outliers("llama")
    found = Smoothing.of(network, TEXTS)
    for factors, column in ((found.read[0], 1), (found.up[0], 1), (found.down[0], 2)):
        quarters = 4 * factors.log2()
        torch.testing.assert_close(quarters, quarters.round(), rtol=0, atol=1e-4)
        assert int(factors.argmax()) == column
    assert bool((found.head > 0).all())


def test_no_smoothing_is_a_factor_of_one_and_no_hook_is_left():
    network = tiny.network("llama")
    Smoothing.of(network, [TEXT[:1]])
    assert not any(module._forward_pre_hooks for module in network.modules())
    none = Smoothing.none(network)
    for factors in (*none.read, *none.up, *none.down, none.head):
        assert bool((factors == 1).all())
