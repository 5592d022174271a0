"""Calls of a network compiled by torch, with caches of a fixed size, as a server would compile them."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache, EncoderDecoderCache, StaticLayer
from transformers.modeling_outputs import BaseModelOutput


class CompiledCalls:
    """Calls through `torch.compile`, one graph a q.

    The cache has the size of the longest sequence, and every call attends to all of it behind a mask; so the time of a
    call does not depend on how much is held. That is the price of a graph that need not be compiled anew.

    Args:
        network: A decoder, or an encoder and a decoder; its linear layers not packed.
        held: Greatest number of tokens held before a call.
        q: Greatest number of tokens of a call.
        encoded: Tokens that the encoder reads; of no account for a decoder.
        backend: Of `torch.compile`.
    """

    mode = "compiled"

    def __init__(self, network: PreTrainedModel, held: int, q: int, encoded: int, backend: str = "inductor") -> None:
        self._device = network.device
        network.set_attn_implementation("sdpa")  # the engine's own attention serves a growing cache
        config = network.config
        layers = config.num_decoder_layers if config.is_encoder_decoder else config.num_hidden_layers
        self._layers = [StaticLayer(held + q) for _ in range(layers)]
        self._static = Cache(layers=[*self._layers])
        self._cache: Cache | EncoderDecoderCache = self._static
        self._options: dict[str, object] = {}
        if config.is_encoder_decoder:
            self._cache = EncoderDecoderCache(self._static, DynamicCache())
            with torch.inference_mode():
                states = network.get_encoder()(input_ids=self._ids(encoded)).last_hidden_state
            self._options["encoder_outputs"] = BaseModelOutput(last_hidden_state=states)
        self._key = "decoder_input_ids" if config.is_encoder_decoder else "input_ids"
        with torch.inference_mode():
            network(**{self._key: self._ids(held)}, past_key_values=self._cache, use_cache=True, **self._options)
        mode = "reduce-overhead" if backend == "inductor" and self._device.type == "cuda" else None
        torch._dynamo.reset()
        self._network = torch.compile(network, dynamic=False, backend=backend, mode=mode)

    @torch.inference_mode()  # on CUDA the lengths are made in it, and outside it they could not be changed
    def hold(self, tokens: int) -> None:
        """Have the cache say that it holds so many tokens; needed before every call, which adds its own."""
        for layer in self._layers:
            layer.cumulative_length.fill_(tokens)

    def call(self, tokens: int, q: int) -> Tensor:
        """Logits of one call on q tokens after `tokens` held ones, every position judged; shape (q, columns)."""
        with torch.inference_mode(), torch._dynamo.config.patch(recompile_limit=128):
            logits: Tensor = self._network(
                **{self._key: self._ids(q)}, past_key_values=self._cache, use_cache=True, **self._options
            ).logits
        return logits[0]

    def _ids(self, count: int) -> Tensor:
        return torch.arange(count, device=self._device).mul(7).remainder(1000)[None]
