"""A neural model with a KV cache that follows one growing and shrinking token sequence."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from transformers import DynamicCache, PreTrainedModel

from realrun.record import CallLog


class CachedModel:
    """Greedy predictions of a decoder-only model over a sequence that drafting extends and reviews cut back.

    The cache holds keys and values of the first `length` tokens of the sequence. Whoever cuts the sequence calls
    `rollback`; everything not yet seen is caught up on in the next call, so a call's q counts the tokens fed to it.

    Args:
        model: A decoder-only transformers model whose cache can be cropped.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.log = CallLog()
        self._model = model
        self._cache = DynamicCache()
        self._length = 0

    @property
    def length(self) -> int:
        """Number of leading tokens of the sequence that the cache holds."""
        return self._length

    @property
    def vocabulary(self) -> int:
        """Number of token ids that the model can read."""
        return int(self._model.config.vocab_size)

    def prefill(self, prompt: Sequence[int]) -> None:
        """Start on a new sequence and read all of the prompt but its last token, which the first call will feed."""
        self._cache = DynamicCache()
        self._length = 0
        started = time.perf_counter()
        if len(prompt) > 1:
            self._forward(prompt[:-1], keep=1)
        self.log.prefill_seconds += time.perf_counter() - started

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on."""
        surplus = self._length - length
        if surplus > 0:
            self._cache.crop(-surplus)
            self._length = length

    def propose(self, sequence: Sequence[int]) -> int:
        """The greedy next token after the sequence."""
        return self.predict(sequence, 1)[0]

    def predict(self, sequence: Sequence[int], positions: int) -> list[int]:
        """Greedy next tokens after each of the last `positions` prefixes of the sequence, in order, in one call."""
        return self.logits(sequence, positions).argmax(dim=-1).tolist()

    def logits(self, sequence: Sequence[int], positions: int) -> torch.Tensor:
        """Logits after the last `positions` prefixes of the sequence, in one call, shape (positions, vocabulary)."""
        self.rollback(len(sequence) - positions)
        fresh = sequence[self._length :]
        started = time.perf_counter()
        logits = self._forward(fresh, keep=positions)
        self.log.count(len(fresh), time.perf_counter() - started)
        return logits

    def _forward(self, tokens: Sequence[int], keep: int) -> torch.Tensor:
        """Feed tokens after the cached ones; logits after the last `keep` of them, shape (keep, vocabulary)."""
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor([tokens], device=self._model.device),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=keep,
            )
        self._length += len(tokens)
        return output.logits[0]
