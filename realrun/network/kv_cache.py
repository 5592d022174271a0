"""A key-value cache that is written in place and cut back by forgetting its end."""

from __future__ import annotations

import torch
from transformers.cache_utils import Cache, DynamicLayer

GRAIN = 256
"""Buffers grow by this many tokens at a time."""


class GrowingLayer(DynamicLayer):
    """Keys and values of one attention layer in buffers with room at the end.

    transformers' own layer concatenates all keys and values anew in every call, and crops by slicing. Here a call
    writes its tokens into the buffers and a crop only lowers the count. Every layer holds the whole sequence, also a
    layer with a sliding window, whose mask then hides what is behind: so it can be cut back by any number of tokens.

    Attributes:
        length: Number of tokens held.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.length = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Take type, device and shape from the first states, of shape (1, heads, tokens, width)."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys = key_states[:, :, :0]
        self.values = value_states[:, :, :0]
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states; all keys and values, as views that hold until the next call."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, end = self.length, self.length + key_states.shape[2]
        if end > self.keys.shape[2]:
            self.keys, self.values = self._grown(self.keys, end), self._grown(self.values, end)
        self.keys[:, :, start:end] = key_states
        self.values[:, :, start:end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        """Number of tokens held."""
        return self.length

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens; the number is negative, as transformers has it."""
        self.length -= min(abs(tokens_to_remove), self.length)

    def reset(self) -> None:
        """Forget all tokens but keep the buffers."""
        self.length = 0

    def _grown(self, states: torch.Tensor, length: int) -> torch.Tensor:
        shape = (*states.shape[:2], -(-length // GRAIN) * GRAIN, states.shape[3])
        grown = states.new_empty(shape)
        grown[:, :, : self.length] = states[:, :, : self.length]
        return grown


def growing_cache() -> Cache:
    """An empty cache whose layers appear with the first call."""
    return Cache(layer_class_to_replicate=GrowingLayer)
