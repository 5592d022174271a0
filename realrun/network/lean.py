"""A small Llama-like drafter without the overhead of a general library: the same model in fewer, larger operations.

A call of transformers costs about a third of a millisecond a layer before any arithmetic. That is nothing to a large
model and most of the call of a drafter of one layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu
from transformers import LlamaForCausalLM, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from realrun.network.cached_model import CachedModel
from realrun.network.kv_cache import GRAIN
from realrun.network.limits import Limits
from realrun.network.packed import PackedLinear, can_pack

_NONE = Limits()

Product = Callable[[Tensor], Tensor]
Maker = Callable[[Sequence[nn.Linear]], Product]
"""Makes one product of several layers that read the same states, their results side by side."""


def is_lean(network: PreTrainedModel) -> TypeGuard[LlamaForCausalLM]:
    """Whether `LeanModel` computes what this network does: Llama's layers, with the usual rotary positions."""
    config = network.config
    return (
        type(network) is LlamaForCausalLM
        and not config.attention_bias
        and not config.mlp_bias
        and config.hidden_act == "silu"
        and getattr(network.model.rotary_emb, "rope_type", "") == "default"
        and getattr(config, "pretraining_tp", 1) in (1, None)
    )


class LeanModel(CachedModel):
    """A Llama-like model whose products over one input are one product, and whose cache is one tensor a layer.

    Args:
        network: As `is_lean` wants it. It stays as it is, for whoever needs the model in transformers' form.
        output_ids: As for `CachedModel`.
        limits: As for `CachedModel`.
        packed: Whether to pack the weights where that helps.
    """

    network: LlamaForCausalLM

    def __init__(
        self,
        network: LlamaForCausalLM,
        output_ids: Tensor | None = None,
        limits: Limits | int = _NONE,
        packed: bool = True,
    ) -> None:
        super().__init__(network, output_ids, limits)
        model = network.model
        self._packs = packed and can_pack(network)
        make = _packed if self._packs else _plain
        self._layers = [_Layer(layer, make) for layer in model.layers]
        self._head = make([network.lm_head])
        self._embedding = model.embed_tokens.weight
        self._norm, self._epsilon = model.norm.weight, model.norm.variance_epsilon
        self._frequencies = model.rotary_emb.inv_freq.float()
        self._scaling = model.rotary_emb.attention_scaling
        self._turns = self._embedding.new_empty(2, 0, 2 * len(self._frequencies))

    def afresh(self) -> LeanModel:
        """The same model with a cache that holds nothing yet, and no buffers."""
        fresh = LeanModel(self.network, self.output_ids, self.limits, self._packs)
        fresh.settings = self.settings
        return fresh

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on; the buffers stay and are written over."""
        self._length = min(self._length, length)

    def cached_tokens(self) -> tuple[int, set[int]]:
        """One count serves all layers."""
        return self._length, {self._length}

    def _forward(self, ids: Tensor, keep: int) -> Tensor:
        start, end = self._length, self._length + ids.shape[1]
        if end > self._turns.shape[1]:
            self._grow(end)
        turns = self._turns[:, start:end, None]
        mask = None if ids.shape[1] == 1 else self._mask(start, end)
        states = self._embedding[ids[0]]
        for layer in self._layers:
            states = layer(states, turns, mask, start)
        return self._head(_normed(states[-keep:], self._norm, self._epsilon))

    def _mask(self, start: int, end: int) -> Tensor:
        """True where a token sees another, for each head of a group one after the other."""
        seen = torch.ones(end - start, end, dtype=torch.bool, device=self._embedding.device).tril(start)
        return seen.repeat(self._layers[0].groups, 1)

    def _grow(self, length: int) -> None:
        room = -(-length // GRAIN) * GRAIN
        angles = torch.arange(room, device=self._frequencies.device)[:, None].float() * self._frequencies
        angles = torch.cat((angles, angles), -1)
        turns = (torch.stack((angles.cos(), angles.sin())) * self._scaling).to(self._embedding.dtype)
        for layer in self._layers:
            layer.grow(room, self._length)
        self._turns = turns  # last, for it tells that all have grown: memory may end in the middle


class _Layer:
    """One layer with its keys and values, shape (2, key heads, room, width)."""

    def __init__(self, layer: nn.Module, make: Maker) -> None:
        assert isinstance(layer, LlamaDecoderLayer)
        attention, mlp = layer.self_attn, layer.mlp
        self.width: int = attention.head_dim
        self.groups: int = attention.num_key_value_groups
        self._inner = attention.q_proj.out_features
        self._heads = (self._inner + 2 * attention.k_proj.out_features) // self.width
        self._scale = attention.scaling
        self._read = make([attention.q_proj, attention.k_proj, attention.v_proj])
        self._write = make([attention.o_proj])
        self._up = make([mlp.gate_proj, mlp.up_proj])
        self._down = make([mlp.down_proj])
        self._before, self._after = layer.input_layernorm, layer.post_attention_layernorm
        queries = self._inner // self.width
        self._cache = layer.input_layernorm.weight.new_empty(2, queries // self.groups, 0, self.width)
        self._queries = queries

    def __call__(self, states: Tensor, turns: Tensor, mask: Tensor | None, start: int) -> Tensor:
        count, keys = len(states), self._cache.shape[1]
        read = self._read(_normed(states, self._before.weight, self._before.variance_epsilon))
        heads = read.view(count, self._heads, self.width)
        turned = self._queries + keys
        left, right = heads[:, :turned].chunk(2, -1)
        rotated = torch.addcmul(heads[:, :turned] * turns[0], torch.cat((-right, left), -1), turns[1])
        self._cache[0, :, start : start + count] = rotated[:, self._queries :].transpose(0, 1)
        self._cache[1, :, start : start + count] = heads[:, turned:].transpose(0, 1)
        held = self._cache[:, None, :, : start + count]
        rows = rotated[:, : self._queries].transpose(0, 1).reshape(1, keys, self.groups * count, self.width)
        seen = scaled_dot_product_attention(rows, held[0], held[1], attn_mask=mask, scale=self._scale)
        seen = seen.reshape(self._queries, count, self.width).transpose(0, 1).reshape(count, self._inner)
        states = states + self._write(seen)
        gate, up = self._up(_normed(states, self._after.weight, self._after.variance_epsilon)).chunk(2, -1)
        return states + self._down(silu(gate) * up)

    def grow(self, room: int, held: int) -> None:
        """Make room for so many tokens, the first of which are held."""
        grown = self._cache.new_empty(*self._cache.shape[:2], room, self.width)
        grown[:, :, :held] = self._cache[:, :, :held]
        self._cache = grown


def _normed(states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return rms_norm(states, weight.shape, weight, epsilon)


def _plain(layers: Sequence[nn.Linear]) -> Product:
    weight = torch.cat([layer.weight.detach() for layer in layers]) if len(layers) > 1 else layers[0].weight.detach()
    return lambda states: linear(states, weight)


def _packed(layers: Sequence[nn.Linear]) -> Product:
    weight = torch.cat([layer.weight.detach() for layer in layers])
    ready = torch.ops.mkldnn._reorder_linear_weight(weight, None)
    return PackedLinear(ready, None, weight.shape[1], weight.shape[0])
