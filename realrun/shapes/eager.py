"""Calls of a network through our engine's cached model, at any number of tokens held."""

from __future__ import annotations

from torch import Tensor
from transformers import PreTrainedModel

from realrun.loading.transformers_models import cached
from realrun.network.int8_model import Int8Model


class EagerCalls:
    """Calls as decoding makes them: the cache grows in place and is cut back.

    Args:
        network: A decoder, or an encoder and a decoder.
        held: Greatest number of tokens held before a call.
        q: Greatest number of tokens of a call.
        encoded: Tokens that the encoder reads; of no account for a decoder.
        in_int8: Whether to quantise the network, which is then as `why_not_int8` wants it.
    """

    mode = "eager"

    def __init__(self, network: PreTrainedModel, held: int, q: int, encoded: int, in_int8: bool = False) -> None:
        self._model = Int8Model(network) if in_int8 else cached(network)
        vocabulary = self._model.vocabulary
        self._before = encoded - 1 if network.config.is_encoder_decoder else 0  # tokens that count as held at first
        self._text = [(7 * i) % vocabulary for i in range(self._before + held + q)]
        self._model.prefill(self._text[: self._before + 1])
        self._model.logits(self._text[: self._before + held + 1], 1)

    def hold(self, tokens: int) -> None:
        """Cut back to so many tokens, or read those that are missing, so that no call has to."""
        wanted = self._before + tokens
        self._model.rollback(wanted)
        if self._model.length < wanted:
            self._model.logits(self._text[:wanted], 1)

    def call(self, tokens: int, q: int) -> Tensor:
        """Logits of one call on q tokens after `tokens` held ones, every position judged; shape (q, columns)."""
        return self._model.logits(self._text[: self._before + tokens + q], q)
