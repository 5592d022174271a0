"""How many weights a decoding call computes with, counted by hand for tiny architectures."""

import pytest
import tiny
import torch

from realrun.loading.drafters import SpreadHead
from realrun.network.head import narrow_head
from realrun.network.packed import PackedLinear, can_pack, pack
from realrun.network.parameters import multiplied_parameters
from realrun.network.skip import skip_layers

HEAD = tiny.VOCABULARY * 16
LLAMA_LAYER = 2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 32 + 2 * 16  # q o, k v, mlp, norms
GPT2_LAYER = 16 * 48 + 48 + 16 * 16 + 16 + 16 * 32 + 32 + 32 * 16 + 16 + 2 * 2 * 16  # with biases
T5_LAYER = 4 * 16 * 16 + 2 * 16 * 16 + 2 * 16 * 32 + 3 * 16  # q k v o; q o over the encoder; mlp; norms
BART_LAYER = 4 * 17 * 16 + 2 * 17 * 16 + 17 * 32 + 33 * 16 + 3 * 2 * 16

EXPECTED = {
    "llama": 3 * LLAMA_LAYER + 16 + HEAD,
    "gpt2": 3 * GPT2_LAYER + 2 * 16 + HEAD,
    "t5": 2 * T5_LAYER + 16 + HEAD,
    "bart": 2 * BART_LAYER + 2 * 16 + HEAD,
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_what_is_only_looked_up_and_what_only_the_prefill_reads_do_not_count(kind):
    assert multiplied_parameters(tiny.network(kind)) == EXPECTED[kind]


@pytest.mark.parametrize("tied", [True, False])
def test_an_output_layer_counts_once_whether_it_is_the_embedding_or_not(tied):
    network = tiny.network(tie_word_embeddings=tied)
    assert (network.lm_head.weight is network.model.embed_tokens.weight) == tied
    assert multiplied_parameters(network) == EXPECTED["llama"]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", EXPECTED)
def test_packing_changes_no_count(kind, tied):
    network = tiny.network(kind, tie_word_embeddings=tied).bfloat16()
    if not can_pack(network):
        pytest.skip("oneDNN does not compute bfloat16 on this machine")
    before = multiplied_parameters(network)
    pack([network])
    assert any(isinstance(module, PackedLinear) for module in network.modules())
    assert multiplied_parameters(network) == before == EXPECTED[kind]


@pytest.mark.parametrize("tied", [True, False])
def test_an_output_layer_cut_short_counts_with_the_columns_that_are_left(tied):
    network = tiny.network(tie_word_embeddings=tied)
    narrow_head(network, 11)
    assert multiplied_parameters(network) == EXPECTED["llama"] - (tiny.VOCABULARY - 11) * 16
    narrow = network.get_output_embeddings()
    network.set_output_embeddings(SpreadHead(narrow, torch.arange(11), tiny.VOCABULARY))
    assert multiplied_parameters(network) == EXPECTED["llama"] - (tiny.VOCABULARY - 11) * 16


def test_layers_left_out_do_not_count():
    assert multiplied_parameters(skip_layers(tiny.network(), 1)) == LLAMA_LAYER + 16 + HEAD
