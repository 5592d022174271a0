"""What a call of a decoder must read and multiply, from its shapes alone: weights, keys and values, products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from analysis.model import InputError
from realrun.roofline.formats import WeightFormat

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")


@dataclass(frozen=True)
class AttentionWork:
    """Attention of one layer.

    Attributes:
        queries: Values of all query heads of a token.
        held: Values of all keys and values that the layer holds of a token.
        window: Greatest number of tokens, its own among them, that a token sees; None for all.
    """

    queries: int
    held: int
    window: int | None = None

    def seen(self, held: int, q: int) -> int:
        """Tokens seen by `q` tokens after `held` ones, summed over the `q`."""
        if self.window is None:
            return q * held + q * (q + 1) // 2
        return sum(min(held + i, self.window) for i in range(1, q + 1))

    def read(self, held: int) -> int:
        """Tokens held before a call that some token of it sees."""
        return held if self.window is None else min(held, self.window - 1)


@dataclass(frozen=True)
class DecoderWork:
    """Shapes of all that a call computes with; embeddings and positions, which it only looks up, are left out.

    Attributes:
        matrices: How many matrices there are by (outputs, inputs); the output layer is one of them.
        vectors: Values of norms and biases.
        attention: One entry for each layer.
    """

    matrices: Mapping[tuple[int, int], int]
    vectors: int
    attention: tuple[AttentionWork, ...]

    @property
    def weights(self) -> int:
        """Number of weights, each of which a call reads once."""
        return self._linear + self.vectors

    @property
    def _linear(self) -> int:
        return sum(rows * columns * number for (rows, columns), number in self.matrices.items())

    def weight_bytes(self, form: WeightFormat) -> int:
        """Bytes of all weights in a format."""
        matrices = sum(form.matrix_bytes(*shape) * number for shape, number in self.matrices.items())
        return matrices + self.vectors * form.vector_bytes

    def held_bytes(self, form: WeightFormat, held: int) -> int:
        """Bytes of keys and values that a call after `held` tokens must read."""
        return form.held_bytes * sum(layer.held * layer.read(held) for layer in self.attention)

    def linear_products(self, q: int) -> int:
        """Multiply-accumulates of a call on `q` tokens with matrices; every token's logits are wanted."""
        return q * self._linear

    def attention_products(self, q: int, held: int) -> int:
        """Multiply-accumulates of attention in a call on `q` tokens after `held` ones: with keys, and with values."""
        return sum(2 * layer.queries * layer.seen(held, q) for layer in self.attention)


def work_of(network: PreTrainedModel) -> DecoderWork:
    """The shapes of a decoder, which may be on torch's device ``meta``.

    Raises:
        InputError: for an encoder-decoder, a mixture of experts, or keys and values of another kind, of which a call
            reads what these shapes do not tell.
    """
    config = network.config.get_text_config(decoder=True)
    _demand_plain(network, config)
    output = network.get_output_embeddings()
    matrices: Counter[tuple[int, int]] = Counter()
    vectors, seen = 0, set()
    for module in network.modules():
        for weight in module.parameters(recurse=False):
            if id(weight) in seen or (isinstance(module, nn.Embedding) and weight is not output.weight):
                continue
            seen.add(id(weight))
            if weight.dim() == 1:
                vectors += weight.numel()
            elif weight.dim() == 2:
                rows, columns = weight.shape[::-1] if isinstance(module, Conv1D) else weight.shape
                matrices[rows, columns] += 1
            else:
                raise InputError("model", f"has a weight of {weight.dim()} dimensions, expected at most 2")
    return DecoderWork(matrices, vectors, tuple(_attention(config)))


def _demand_plain(network: PreTrainedModel, config: PreTrainedConfig) -> None:
    if network.config.is_encoder_decoder:
        raise InputError("model", "is an encoder-decoder, expected a decoder")
    if any((getattr(config, key, None) or 0) > 1 for key in _EXPERTS):
        raise InputError("model", "is a mixture of experts, of which a call reads a part that its tokens choose")
    for key in ("kv_lora_rank", "num_kv_shared_layers"):
        if getattr(config, key, None):
            raise InputError("model", f"has {key} {getattr(config, key)}, expected keys and values of every layer")


def _attention(config: Any) -> Iterator[AttentionWork]:
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"] * layers
    for kind in kinds:
        yield AttentionWork(heads * width, 2 * key_heads * width, window if kind == "sliding_attention" else None)
