"""A Llama-like model in 8-bit integers, whose result for a token does not depend on the tokens beside it.

Weights are quantised for each output channel, activations for each token, products are integers (`Int8Linear`), and so
are those of attention (`realrun.network.int8_cache`). What is left works row by row (`realrun.network.int8_rows`). So a
review of n tokens gives, to the bit, the logits that n calls on one token give, and greedy text written by a cascade is
the text of autoregressive decoding. The quantised model is another model than the one it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import silu
from transformers import (
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)

from realrun.network.cached_model import CachedModel
from realrun.network.int8_cache import Heads, IntegerCache, LayerCache
from realrun.network.int8_linear import Int8Embedding, Int8Linear, array_of, why_unavailable
from realrun.network.int8_rows import LONGEST, WIDEST_HEAD, Floats, added, gated, normed, split
from realrun.network.kv_cache import GRAIN
from realrun.network.limits import Limits

ARCHITECTURES = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
_ROTARY = ("default", "linear", "llama3", "yarn")
_NONE = Limits()
_STRIDE = 32
"""Numbers that torch computes at a time."""
_SHARED = 32_768
"""So many numbers are shared out to threads."""
_KEPT = 64
"""Buffers for calls on so many tokens are kept."""


def why_not_int8(network: PreTrainedModel) -> str | None:
    """Why a model cannot be run with 8-bit weights; None where it can."""
    if network.device.type != "cpu":
        return f"is on {network.device.type}, expected cpu for int8 weights"
    if type(network) not in ARCHITECTURES:
        known = ", ".join(kind.__name__ for kind in ARCHITECTURES)
        return f"is a {type(network).__name__}, expected one of {known} for int8 weights"
    config: Any = network.config
    model: Any = network.model
    rotary = model.rotary_emb
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
        self._turns = self.weights.turns(0)
        self._rows: dict[int, Rows] = {}

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
        start, count = self._length, ids.shape[1]
        end, weights = start + count, self.weights
        if end > self._turns.shape[1]:
            self._turns = weights.turns(-(-end // GRAIN) * GRAIN)
        rows = self._rows.get(count) or Rows(count, weights)
        if count <= _KEPT:
            self._rows[count] = rows
        states: Floats = weights.embedding(ids[0]).numpy()
        for layer, cache in zip(weights.layers, self._held.layers(start, end), strict=True):
            layer(states, rows, cache, self._turns, start)
        return weights.head(states[-keep:])


class Rows:
    """Buffers for what the layers of a model hand from one step to the next, in a call on so many tokens.

    Args:
        count: Number of tokens.
        weights: Of the model.
    """

    def __init__(self, count: int, weights: Int8Weights) -> None:
        heads = weights.heads
        self.unit, self.unit_array = _both(count, weights.width)
        self.read, self.read_array = _both(count, heads.queries * heads.width)
        self.inner, self.inner_array = _both(count, weights.inner)
        self.queries, self.queries_array = _both(heads.keys, heads.groups * count, heads.width)
        self.query_steps = np.empty((heads.keys, heads.groups * count), np.float32)
        self.scales, self.scales_array = _both(count, 1)
        self.peaks = np.empty((count, 1), np.float32)


class Int8Weights:
    """What a model is made of, quantised.

    Args:
        network: As for `Int8Model`.

    Attributes:
        heads: Of each layer.
        width: Of the states between layers.
        inner: Width inside a layer's gated part.
        embedding: Of tokens.
        layers: In order.
        head: Output layer, with the norm before it.
    """

    def __init__(self, network: PreTrainedModel) -> None:
        config: Any = network.config
        model: Any = network.model
        keys = config.num_key_value_heads
        self.heads = Heads(keys, config.num_attention_heads // keys, _width(config))
        self.width: int = config.hidden_size
        self.inner: int = config.intermediate_size
        self.embedding = Int8Embedding(model.embed_tokens.weight)
        self.layers = [Int8Layer(layer, self.heads, _window(config, i)) for i, layer in enumerate(model.layers)]
        self.head = Int8Head(network.lm_head, model.norm)
        self._frequencies = model.rotary_emb.inv_freq.float()
        self._scaling = float(model.rotary_emb.attention_scaling)

    def turns(self, length: int) -> Floats:
        """Cosines and sines of positions 0..length - 1, shape (2, length, width of a head / 2)."""
        angles = torch.arange(length)[:, None].float() * self._frequencies
        return array_of(torch.stack((angles.cos(), angles.sin())) * self._scaling)


class Int8Head:
    """The output layer of a model, with the norm before it.

    Args:
        layer: The layer.
        norm: The norm.
    """

    def __init__(self, layer: Any, norm: Any) -> None:
        self._layer = Int8Linear(layer.weight, layer.bias)
        self._gain, self._epsilon = array_of(norm.weight), np.float32(norm.variance_epsilon)

    def __call__(self, states: Floats) -> Tensor:
        """Logits, shape (tokens, columns), of states of shape (tokens, width)."""
        unit, scales = np.empty_like(states), np.empty((len(states), 1), np.float32)
        normed(states, self._gain, self._epsilon, unit, scales)
        logits = self._layer(torch.from_numpy(unit)).mul_(torch.from_numpy(scales))
        return logits.add_(torch.from_numpy(self._layer.bias)) if len(self._layer.bias) else logits


class Int8Layer:
    """One decoder layer.

    Args:
        layer: Of one of `ARCHITECTURES`.
        heads: How its attention divides.
        window: How many tokens, itself included, a token sees; 0 for all before it.
    """

    def __init__(self, layer: Any, heads: Heads, window: int) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        before, after = layer.input_layernorm, layer.post_attention_layernorm
        self._window = window
        self._gains, self._head_epsilon = _head_gains(attention, heads)
        scale = 1.0 if len(self._gains) else attention.scaling  # of queries
        read = (attention.q_proj, attention.k_proj, attention.v_proj)
        scales = (scale, 1.0, 1.0)
        self._read = _side_by_side(read, scales)
        self._write = Int8Linear(attention.o_proj.weight, attention.o_proj.bias)
        self._up = _side_by_side((mlp.gate_proj, mlp.up_proj), (1.0, 1.0))
        self._down = Int8Linear(mlp.down_proj.weight, mlp.down_proj.bias)
        self._before, self._after = array_of(before.weight), array_of(after.weight)
        self._epsilon = np.float32(before.variance_epsilon)

    def __call__(self, states: Floats, rows: Rows, cache: LayerCache, turns: Floats, start: int) -> None:
        """Take the layer into the states of some tokens, shape (tokens, width of the model).

        Args:
            states: Written over.
            rows: Buffers for so many tokens.
            cache: The layer's part; keys and values of these tokens are written to it.
            turns: Cosines and sines, as `split` takes them.
            start: Position of the first token.
        """
        scales = rows.scales_array
        normed(states, self._before, self._epsilon, rows.unit_array, scales)
        products, bias = self._read(rows.unit).numpy(), self._read.bias
        queries, steps = rows.queries_array, rows.query_steps
        kept = (cache.states, cache.steps, cache.tops)
        split(products, scales, bias, self._gains, self._head_epsilon, turns, start, queries, steps, *kept)
        cache.read(rows.queries, steps, start, self._window, rows.read_array, rows.peaks)
        added(states, self._write(rows.read).numpy(), rows.peaks, self._write.bias)
        normed(states, self._after, self._epsilon, rows.unit_array, scales)
        both, bias = self._up(rows.unit), self._up.bias
        width = rows.inner.shape[1]
        gates = both[:, :width] * rows.scales
        if len(bias):
            gates += torch.from_numpy(bias[:width])
        gated(_activated(gates).numpy(), both.numpy(), scales, bias, rows.inner_array, rows.peaks)
        added(states, self._down(rows.inner).numpy(), rows.peaks, self._down.bias)


def _activated(gates: Tensor) -> Tensor:
    """Gates after their activation, in place, whatever stands in other rows.

    torch computes the exponential of the last few numbers of a thread's share otherwise than that of the rest. Where
    that could fall within the rows of several tokens, they are taken one by one.
    """
    if gates.shape[1] % _STRIDE == 0 and gates.numel() < _SHARED:
        return silu(gates, inplace=True)
    for row in gates:
        silu(row, inplace=True)
    return gates


def _side_by_side(layers: Sequence[Any], factors: Sequence[float]) -> Int8Linear:
    """One layer for several that read the same states, the results of each times a factor."""
    weight = torch.cat([layer.weight.detach().float() * f for layer, f in zip(layers, factors, strict=True)])
    if layers[0].bias is None:
        return Int8Linear(weight)
    bias = torch.cat([layer.bias.detach().float() * f for layer, f in zip(layers, factors, strict=True)])
    return Int8Linear(weight, bias)


def _both(*shape: int) -> tuple[Tensor, Floats]:
    """A buffer as torch and as NumPy see it."""
    buffer = torch.empty(shape)
    return buffer, buffer.numpy()


def _head_gains(attention: Any, heads: Heads) -> tuple[Floats, np.float32]:
    """Weights of norms over each query and key head (Qwen3's), scaled as queries are, with their epsilon; or empty."""
    norms = [attention.q_norm, attention.k_norm] if hasattr(attention, "q_norm") else []
    if not norms:
        return np.empty((0, heads.width), np.float32), np.float32(0)
    query, key = (norm.weight.detach().float() for norm in norms)
    gains = torch.cat(((query * attention.scaling).expand(heads.queries, -1), key.expand(heads.keys, -1)))
    return array_of(gains), np.float32(norms[0].variance_epsilon)


def _width(config: PreTrainedConfig) -> int:
    width: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return width


def _window(config: PreTrainedConfig, layer: int) -> int:
    """How many tokens, itself included, a token of a layer sees; 0 for all before it."""
    kinds = getattr(config, "layer_types", None)
    window: int | None = getattr(config, "sliding_window", None)
    slides = kinds[layer] == "sliding_attention" if kinds else isinstance(config, MistralConfig)
    return window or 0 if slides else 0
