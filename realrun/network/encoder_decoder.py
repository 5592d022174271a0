"""An encoder-decoder model, such as T5, that follows one growing and shrinking token sequence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from realrun.network.cached_model import CachedModel
from realrun.network.kv_cache import growing_cache
from realrun.network.limits import Limits

_NONE = Limits()


class CachedEncoderDecoder(CachedModel):
    """A cached model whose encoder reads the prompt, once, and whose decoder follows what comes after it.

    The sequence is the same as for a decoder-only model: prompt, then text. The prompt counts as held from `prefill`
    on, but for its last token, in whose place the decoder reads its start token.

    Args:
        network: A transformers model with an encoder and a decoder, and a token that `start_token` finds.
        output_ids: As for `CachedModel`.
        limits: Likewise.
    """

    _cache: EncoderDecoderCache

    def __init__(
        self, network: PreTrainedModel, output_ids: Tensor | None = None, limits: Limits | int = _NONE
    ) -> None:
        super().__init__(network, output_ids, limits)
        self._cache = EncoderDecoderCache(growing_cache(), DynamicCache())
        first = start_token(network)
        assert first is not None
        self._start_token = first
        self._first = 0
        self._encoded = torch.empty(0)

    def uncached_logits(self, prompt: Sequence[int], sequence: Sequence[int]) -> Tensor:
        """Logits after the whole sequence, prompt included, by one call without a cache: slow and obviously right."""
        text = [self._start_token, *sequence[len(prompt) :]]
        with torch.inference_mode():
            output = self.network(input_ids=self._ids(prompt), decoder_input_ids=self._ids(text), use_cache=False)
            logits = output.logits[0, -1:]
            return self._changed(logits, prompt, sequence)[0]

    def cached_tokens(self) -> tuple[int, set[int]]:
        """How many tokens each layer of the decoder should hold now, and the numbers that some layer does hold."""
        length, held = super().cached_tokens()
        return length - self._first, held

    def _growing(self) -> Cache:
        growing: Cache = self._cache.self_attention_cache
        return growing

    def _start(self, prompt: Sequence[int]) -> None:
        self._cache = EncoderDecoderCache(growing_cache(), DynamicCache())
        self._encoded = self.network.get_encoder()(input_ids=self._ids(prompt)).last_hidden_state
        self._first = self._length = len(prompt) - 1

    def _decoder_tokens(self, prompt: Sequence[int], sequence: Sequence[int]) -> Sequence[int]:
        return [self._start_token, *sequence[len(prompt) :]]

    def _read(self, tokens: Sequence[int], keep: int) -> Tensor:
        if self._length == self._first:
            tokens = [self._start_token, *tokens[1:]]
        return super()._read(tokens, keep)

    def _forward(self, ids: Tensor, keep: int) -> Tensor:
        output = self.network(
            encoder_outputs=BaseModelOutput(last_hidden_state=self._encoded),
            decoder_input_ids=ids,
            past_key_values=self._cache,
            use_cache=True,
        )
        logits: Tensor = output.logits
        return logits[0, -keep:]


def start_token(network: PreTrainedModel) -> int | None:
    """What the decoder reads first, as transformers chooses it; None where nothing says."""
    settings = [network.generation_config, network.config]
    names = ("decoder_start_token_id", "bos_token_id")
    found = (getattr(place, name, None) for place in settings if place is not None for name in names)
    return next((token for token in found if type(token) is int), None)
