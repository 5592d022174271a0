"""A Llama-like model in 8-bit integers, whose result for a token does not depend on the tokens beside it.

Weights are quantised for each output channel, activations for each token, products are integers (`Int8Linear`), and so
are those of attention (`realrun.network.int8_attention`). What is left works row by row. So a review of n tokens gives,
to the bit, the logits that n calls on one token give, and greedy text written by a cascade is the text of
autoregressive decoding. The quantised model is another model than the one it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu
from transformers import (
    LlamaForCausalLM,
    MistralForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)

from realrun.network.cached_model import CachedModel
from realrun.network.int8_attention import (
    LONGEST,
    WIDEST_HEAD,
    Heads,
    IntegerCache,
    Slice,
    attended,
    visible,
)
from realrun.network.int8_linear import Int8Embedding, Int8Linear, NormedInt8Linear, why_unavailable
from realrun.network.kv_cache import GRAIN
from realrun.network.limits import Limits

ARCHITECTURES = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
_ROTARY = ("default", "linear", "llama3", "yarn")
_NONE = Limits()


def why_not_int8(network: PreTrainedModel) -> str | None:
    """Why a model cannot be run with 8-bit weights; None where it can."""
    if network.device.type != "cpu":
        return f"is on {network.device.type}, expected cpu for int8 weights"
    if type(network) not in ARCHITECTURES:
        known = ", ".join(kind.__name__ for kind in ARCHITECTURES)
        return f"is a {type(network).__name__}, expected one of {known} for int8 weights"
    config = network.config
    rotary = network.model.rotary_emb
    width = _width(config)
    if config.hidden_act != "silu":
        return f"has the activation {config.hidden_act!r}, expected 'silu' for int8 weights"
    if rotary.rope_type not in _ROTARY or 2 * len(rotary.inv_freq) != width:
        kinds = ", ".join(_ROTARY)
        return f"has {rotary.rope_type} positions, expected {kinds} over whole heads for int8 weights"
    if width > WIDEST_HEAD:
        return f"has heads of width {width}, expected {WIDEST_HEAD} at most for int8 weights"
    return why_unavailable()


class Int8Model(CachedModel):
    """A model of `ARCHITECTURES` in 8-bit integers.

    Args:
        network: One that `why_not_int8` has no objection to, in any floating-point type. It stays as it is, for whoever
            needs the model in transformers' form; its weights are copied.
        output_ids: As for `CachedModel`.
        limits: As for `CachedModel`; `LONGEST` tokens at most.
        weights: What another of these has made of the same network.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        output_ids: Tensor | None = None,
        limits: Limits | int = _NONE,
        weights: Int8Weights | None = None,
    ) -> None:
        whole = limits if isinstance(limits, Limits) else Limits(limits)
        super().__init__(network, output_ids, replace(whole, text=min(whole.text, LONGEST)))
        self.weights = weights or Int8Weights(network)
        self._held = IntegerCache(len(self.weights.layers), self.weights.heads)
        self._turns = torch.empty(0, 1, self.weights.heads.width // 2, dtype=torch.complex64)

    def afresh(self) -> Int8Model:
        """The same model with a cache that holds nothing yet, and no buffers."""
        fresh = Int8Model(self.network, self.output_ids, self.limits, self.weights)
        fresh.settings = self.settings
        return fresh

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on; the buffers stay and are written over."""
        self._length = min(self._length, length)

    def cached_tokens(self) -> tuple[int, set[int]]:
        """One count serves all layers."""
        return self._length, {self._length}

    def uncached_logits(self, prompt: Sequence[int], sequence: Sequence[int]) -> Tensor:
        """Logits after the whole sequence, prompt included, by one call that finds nothing held."""
        with torch.inference_mode():
            return self._changed(self.afresh()._forward(self._ids(sequence), 1), prompt, sequence)[0]

    def _forward(self, ids: Tensor, keep: int) -> Tensor:
        start, end = self._length, self._length + ids.shape[1]
        weights = self.weights
        if end > len(self._turns):
            self._turns = weights.turns(-(-end // GRAIN) * GRAIN)
        turns = self._turns[start:end]
        masks = {window: visible(start, end, window) for window in weights.windows}
        states = weights.embedding(ids[0])
        for layer, part in zip(weights.layers, self._held.slices(start, end), strict=True):
            states = layer(states, turns, part, masks[layer.window])
        return weights.head(states[-keep:])


class Int8Weights:
    """What a model is made of, quantised.

    Args:
        network: As for `Int8Model`.

    Attributes:
        heads: Of each layer.
        embedding: Of tokens.
        layers: In order.
        windows: Every window of a layer, once.
        head: Output layer, with the norm before it.
    """

    def __init__(self, network: PreTrainedModel) -> None:
        config, model = network.config, network.model
        keys = config.num_key_value_heads
        self.heads = Heads(keys, config.num_attention_heads // keys, _width(config))
        self.embedding = Int8Embedding(model.embed_tokens.weight)
        self.layers = [Int8Layer(layer, self.heads, _window(config, i)) for i, layer in enumerate(model.layers)]
        self.windows = {layer.window for layer in self.layers}
        head, norm = network.lm_head, model.norm
        self.head = NormedInt8Linear(head.weight, head.bias, norm.weight, norm.variance_epsilon)
        self._frequencies = model.rotary_emb.inv_freq.float()
        self._scaling = float(model.rotary_emb.attention_scaling)

    def turns(self, length: int) -> Tensor:
        """Rotations of positions 0..length - 1 as complex numbers, shape (length, 1, width / 2)."""
        angles = torch.arange(length)[:, None].float() * self._frequencies
        return torch.polar(torch.full_like(angles, self._scaling), angles)[:, None]


class Int8Layer:
    """One decoder layer.

    Args:
        layer: Of one of `ARCHITECTURES`.
        heads: How its attention divides.
        window: How many tokens, itself included, a token sees; None for all before it.
    """

    def __init__(self, layer: nn.Module, heads: Heads, window: int | None) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        before, after = layer.input_layernorm, layer.post_attention_layernorm
        self.window = window
        self._heads = heads
        self._gains, self._epsilon = _head_gains(attention, heads)
        scaled = attention.scaling if self._gains is None else 1.0
        projections = [
            (attention.q_proj, scaled, True),
            (attention.k_proj, 1.0, True),
            (attention.v_proj, 1.0, False),
        ]
        read = [_in_pairs(p.weight.detach().float() * s, heads.width, pairs) for p, s, pairs in projections]
        bias = None
        if attention.q_proj.bias is not None:
            bias = torch.cat([_in_pairs(p.bias.detach().float() * s, heads.width, q) for p, s, q in projections])
        self._read = NormedInt8Linear(torch.cat(read), bias, before.weight, before.variance_epsilon)
        self._write = Int8Linear(attention.o_proj.weight, attention.o_proj.bias)
        up = torch.cat((mlp.gate_proj.weight.detach(), mlp.up_proj.weight.detach()))
        up_bias = None if mlp.gate_proj.bias is None else torch.cat((mlp.gate_proj.bias, mlp.up_proj.bias)).detach()
        self._up = NormedInt8Linear(up, up_bias, after.weight, after.variance_epsilon)
        self._down = Int8Linear(mlp.down_proj.weight, mlp.down_proj.bias)

    def __call__(self, states: Tensor, turns: Tensor, part: Slice, mask: Tensor | None) -> Tensor:
        """States after the layer, shape (tokens, width of the model), of those before it."""
        heads = self._heads
        split = self._read(states).view(len(states), -1, heads.width)
        turned = split[:, : heads.queries + heads.keys]
        if self._gains is not None:
            turned.copy_(rms_norm(turned, (heads.width,), None, self._epsilon).mul_(self._gains))
        torch.view_as_complex(turned.unflatten(2, (-1, 2))).mul_(turns)
        states = _added(states, self._write, attended(split, heads, part, mask))
        gate, up = self._up(states).chunk(2, -1)
        return _added(states, self._down, silu(gate).mul_(up))


def _added(states: Tensor, linear: Int8Linear, inner: Tensor) -> Tensor:
    """States with a linear layer's result added to them."""
    products, scales = linear(inner)
    result = torch.addcmul(states, products, scales)
    return result if linear.bias is None else result.add_(linear.bias)


def _head_gains(attention: nn.Module, heads: Heads) -> tuple[Tensor | None, float]:
    """Weights of norms over each query and key head (Qwen3's), scaled as queries are, with their epsilon."""
    norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
    if norms[0] is None or norms[1] is None:
        return None, 0.0
    query, key = (_in_pairs(norm.weight.detach().float(), heads.width, True) for norm in norms)
    gains = torch.cat(((query * attention.scaling).expand(heads.queries, -1), key.expand(heads.keys, -1)))
    return gains, norms[0].variance_epsilon


def _in_pairs(rows: Tensor, width: int, pairs: bool) -> Tensor:
    """Rows of heads, where wanted in the order in which the two that one rotation turns are neighbours."""
    if not pairs:
        return rows
    return rows.view(-1, 2, width // 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)


def _width(config: PreTrainedConfig) -> int:
    width: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return width


def _window(config: PreTrainedConfig, layer: int) -> int | None:
    """How many tokens, itself included, a token of a layer sees; None for all before it."""
    kinds = getattr(config, "layer_types", None)
    window: int | None = getattr(config, "sliding_window", None)
    if kinds is not None and kinds[layer] != "sliding_attention":
        return None
    if kinds is None and type(config).__name__ != "MistralConfig":
        return None
    return window
