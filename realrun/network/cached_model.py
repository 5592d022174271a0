"""A neural model with a KV cache that follows one growing and shrinking token sequence."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from realrun.engine.record import CallLog
from realrun.network.device import wait_for
from realrun.network.embedding import embedding_rows
from realrun.network.generation_settings import GenerationSettings, Rules
from realrun.network.kv_cache import growing_cache
from realrun.network.limits import Limits

PREFILL = 256
"""A prompt is read by so many tokens a call, so that the memory for it does not grow with its length."""
_NONE = Limits()


class CachedModel:
    """Next-token logits of a decoder-only model over a sequence that drafting extends and reviews cut back.

    The cache holds keys and values of the first `length` tokens of the sequence. Whoever cuts the sequence calls
    `rollback`; everything not yet seen is caught up on in the next call, so a call's q counts the tokens fed to it.

    A token id that the model has no embedding for (tokenizers are padded to different sizes in one family of models)
    is read as id 0. Its predictions still follow from the sequence alone, as a drafter's must.

    Args:
        network: A decoder-only transformers model whose cache can be cropped.
        output_ids: Token id that each column of its logits stands for, shape (columns,); None where column i is
            token i.
        limits: How many tokens the model was made for, or the number itself. Its owner asks for nothing beyond; a
            longer prompt is not read.

    Attributes:
        log: Calls since the owner last replaced it.
        network: The model.
        output_ids: As given.
        limits: As given.
        context: Greatest number of tokens that it can hold after any prompt.
        reach: Greatest number of tokens that it can hold after the last prompt.
        vocabulary: Number of token ids that the model can read.
        settings: What changes its law as a function of the prefix; None for its law as it is.
        end: Greatest number of tokens, prompt included, of the text that is written, where its owner says.
    """

    settings: GenerationSettings | None = None
    end: int | None = None

    def __init__(
        self, network: PreTrainedModel, output_ids: Tensor | None = None, limits: Limits | int = _NONE
    ) -> None:
        self.log = CallLog()
        self.network = network
        self.output_ids = output_ids
        self.limits = limits if isinstance(limits, Limits) else Limits(limits)
        self.context = self.reach = self.limits.context
        self.vocabulary = embedding_rows(network)
        self._cache: Cache = growing_cache()
        self._length, self._is_long = 0, False
        self._prompt: Sequence[int] = ()
        self._rules: Rules | None = None

    @property
    def length(self) -> int:
        """Number of leading tokens of the sequence that the cache holds."""
        return self._length

    def afresh(self) -> CachedModel:
        """The same model with a cache that holds nothing yet, and no buffers."""
        fresh = type(self)(self.network, self.output_ids, self.limits)
        fresh.settings = self.settings
        return fresh

    def prefill(self, prompt: Sequence[int]) -> None:
        """Start on a new sequence and read all of the prompt but its last token, which the first call will feed."""
        self._prompt, self._rules, self.end = prompt, None, None
        started = time.perf_counter()
        self._growing().reset()  # no rollback: a call that was interrupted leaves layers of different lengths
        self._length, self._is_long = 0, False
        self.reach = self.limits.after(len(prompt))
        if len(prompt) <= self.reach:
            with torch.inference_mode():
                self._start(prompt)
        wait_for(self.network.device)
        self.log.prefill_seconds += time.perf_counter() - started

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on."""
        if length < self._length:
            self._growing().crop(length - self._length)
            self._length = length

    def logits(self, sequence: Sequence[int], positions: int) -> Tensor:
        """Logits of the next token after each of the last `positions` prefixes of the sequence, in order, in one call.

        Args:
            sequence: What has been seen, perhaps longer; its last `positions` - 1 tokens are what is judged.
            positions: 1..len(sequence), and after a prompt of n tokens at most len(sequence) - n + 1 at first.

        Returns:
            In the model's type, on its device, shape (positions, columns).
        """
        self.rollback(len(sequence) - positions)
        started = time.perf_counter()
        with torch.inference_mode():
            logits, fed = self._catch_up(sequence, positions)
            if self.settings is not None:
                logits = self._ruled(logits, sequence)
        wait_for(self.network.device)
        self.log.count(fed, time.perf_counter() - started)
        return logits

    def uncached_logits(self, prompt: Sequence[int], sequence: Sequence[int]) -> Tensor:
        """Logits after the whole sequence, prompt included, by one call without a cache: slow and obviously right."""
        with torch.inference_mode():
            logits = self.network(input_ids=self._ids(sequence), use_cache=False, logits_to_keep=1).logits[0, -1:]
            return self._changed(logits, prompt, sequence)[0]

    def cached_tokens(self) -> tuple[int, set[int]]:
        """How many tokens each layer's cache should hold now, and the numbers that some layer does hold."""
        cache = self._growing()
        return self._length, {cache.get_seq_length(layer) for layer in range(len(cache.layers))}

    def _growing(self) -> Cache:
        """The part of the cache that grows with the sequence."""
        return self._cache

    def _start(self, prompt: Sequence[int]) -> None:
        """Read the prompt, with nothing held."""
        if self.limits.is_long(len(prompt)):  # positions of the first parts would be those of a short text
            self._read(prompt, keep=1)
            self._is_long = True
            self.rollback(len(prompt) - 1)
            return
        for first in range(0, len(prompt) - 1, PREFILL):
            self._read(prompt[first : min(first + PREFILL, len(prompt) - 1)], keep=1)

    def _catch_up(self, sequence: Sequence[int], positions: int) -> tuple[Tensor, int]:
        """Logits after the last prefixes of the sequence, and the number of tokens fed for them.

        Where rotary positions change with the length of the text, each prefix has those of its own length, as if it
        were read alone: the cache is of one kind, and filled anew for the other.
        """
        first = len(sequence) - positions + 1
        is_long = self.limits.is_long(first)
        if is_long != self._is_long:
            self.rollback(0)
            self._is_long = is_long
        if not is_long and self.limits.is_long(len(sequence)):
            end: int = self.limits.switch  # type: ignore[assignment]
            before, fed = self._catch_up(sequence[:end], end - first + 1)
            after, more = self._catch_up(sequence, len(sequence) - end)
            return torch.cat((before, after)), fed + more
        fresh = sequence[self._length :]
        return self._read(fresh, positions), len(fresh)

    def _read(self, tokens: Sequence[int], keep: int) -> Tensor:
        """Feed tokens of the sequence after those held; logits after the last `keep` of them."""
        logits = self._forward(self._ids(tokens), keep)
        self._length += len(tokens)
        return logits

    def _forward(self, ids: Tensor, keep: int) -> Tensor:
        """One call of the network; shape (keep, columns)."""
        output = self.network(input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=keep)
        logits: Tensor = output.logits
        return logits[0]

    def _ruled(self, logits: Tensor, sequence: Sequence[int]) -> Tensor:
        """Logits after the last prefixes of a sequence, changed as the settings say."""
        if self._rules is None:
            self._rules = self._rules_after(self._prompt, self.end)
        return self._rules.applied(logits, self.output_ids, self._prefixes(self._prompt, sequence, len(logits)))

    def _rules_after(self, prompt: Sequence[int], end: int | None) -> Rules:
        """What the settings say of a text after this prompt that comes to `end` tokens at most, the prompt included."""
        assert self.settings is not None
        first = len(self._decoder_tokens(prompt, prompt))
        most = None if end is None else end - len(prompt) + first
        return Rules(self.settings, prompt, first, most, self.network.device)

    def _prefixes(self, prompt: Sequence[int], sequence: Sequence[int], count: int) -> list[Sequence[int]]:
        """What the decoder has read at each of the last prefixes of a sequence."""
        lengths = range(len(sequence) - count + 1, len(sequence) + 1)
        return [self._decoder_tokens(prompt, sequence[:length]) for length in lengths]

    def _decoder_tokens(self, prompt: Sequence[int], sequence: Sequence[int]) -> Sequence[int]:
        """What the decoder reads of a sequence that begins with a prompt."""
        return sequence

    def _changed(self, logits: Tensor, prompt: Sequence[int], sequence: Sequence[int]) -> Tensor:
        """The same as `_ruled` for whatever text, shape (1, columns)."""
        if self.settings is None:
            return logits
        rules = self._rules_after(prompt, None)
        return rules.applied(logits, self.output_ids, self._prefixes(prompt, sequence, 1))

    def _ids(self, tokens: Sequence[int]) -> Tensor:
        """Token ids as the model reads them, shape (1, tokens)."""
        readable = [token if token < self.vocabulary else 0 for token in tokens]
        return torch.tensor([readable], device=self.network.device)


def check_cache(model: CachedModel, prompt: Sequence[int], sequence: Sequence[int], tolerance: float) -> None:
    """Check that a model's cache is what its sequence makes it, in any state; for tests.

    The cache must hold as many tokens as the model says; and the logits after the sequence, caught up on from the
    cache, must be those of a call without a cache.

    Args:
        model: It is caught up on the sequence thereby.
        prompt: What it was last prefilled with.
        sequence: What it follows now, the prompt included.
        tolerance: Greatest difference of two logits, as a share of the greatest absolute logit.

    Raises:
        AssertionError: saying what differs.
    """
    length, held = model.cached_tokens()
    if held - {length}:
        raise AssertionError(f"layers of the cache hold {sorted(held)} tokens, expected {length} each")
    found = model.logits(sequence, 1)[0]
    expected = model.uncached_logits(prompt, sequence)
    if not math.isfinite(float(found.max())) or not math.isfinite(float(expected.max())):
        raise AssertionError("its logits are not finite numbers: are its weights damaged, or is its dtype too narrow?")
    difference = float((found - expected).abs().max() / expected.abs().max())
    if not difference <= tolerance:
        raise AssertionError(f"logits differ by {difference:.2g} of the greatest, expected {tolerance:.2g} at most")
