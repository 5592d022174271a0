"""Keys and values of a model in 8-bit integers, and its attention, whose products are exact.

A matrix product in floating point adds in an order that depends on the shape, so a token's result depends on how many
are computed beside it. Products of whole numbers held in float32 are exact as long as no sum reaches 2^24, in whatever
order. Queries, keys and values are rounded to 8 bits and a sign, each head of each token with a step of its own,
probabilities to multiples of 2^-15; `realrun.network.int8_rows` does that. The softmax works row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from realrun.network.int8_rows import Floats, merged, rounded, scored
from realrun.network.kv_cache import GRAIN

_SHORTEST = 32
"""Rows of scores are at least so long, for torch takes other ways to add up a shorter row."""


@dataclass(frozen=True)
class Heads:
    """How the columns of a layer's product divide into heads.

    Attributes:
        keys: Number of key heads, and of value heads.
        groups: Number of query heads for each of them.
        width: Entries of a head, 1..256.
    """

    keys: int
    groups: int
    width: int

    @property
    def queries(self) -> int:
        """Number of query heads."""
        return self.keys * self.groups


@dataclass(frozen=True)
class LayerCache:
    """One layer's part of the cache in a call.

    Attributes:
        states: Keys and values as whole numbers, shape (room, 2 * key heads, width).
        steps: Their steps, shape (2 * key heads, room).
        tops: Greatest step of values up to each token, over 2^15, shape (room, key heads).
        keys: Those held, shape (key heads, width, held).
        values: Those held, shape (key heads, held, width).
    """

    states: Floats
    steps: Floats
    tops: Floats
    keys: Tensor
    values: Tensor

    def read(self, queries: Tensor, query_steps: Floats, start: int, window: int, unit: Floats, peaks: Floats) -> None:
        """What the heads of some tokens read, as unit rows; keys and values of these tokens are in the cache.

        Args:
            queries: Whole numbers, shape (key heads, groups * tokens, width).
            query_steps: Their steps, shape (key heads, groups * tokens).
            start: Position of the first token.
            window: How many tokens, itself included, a token sees; 0 for all before it.
            unit: Written, shape (tokens, query heads * width).
            peaks: Written, shape (tokens, 1).
        """
        count = len(unit)
        scores = torch.bmm(queries, self.keys)
        scored(scores.numpy(), query_steps, self.steps, start, count, window)
        weights = scores.softmax(-1)
        rounded(weights.numpy(), self.steps, self.tops, start, count, window)
        merged(torch.bmm(weights, self.values).numpy(), self.tops, start, unit, peaks)


class IntegerCache:
    """Keys and values of all layers, in buffers that grow.

    Args:
        layers: Number of layers.
        heads: Of each layer.
    """

    def __init__(self, layers: int, heads: Heads) -> None:
        self._keys = heads.keys
        both = 2 * heads.keys
        self._states = np.zeros((layers, 0, both, heads.width), np.float32)
        self._steps = np.zeros((layers, both, 0), np.float32)
        self._tops = np.zeros((layers, 0, heads.keys), np.float32)

    def layers(self, held: int, end: int) -> Iterator[LayerCache]:
        """Each layer's part in a call after which `end` tokens are held, where `held` were before."""
        length = max(end, _SHORTEST)
        if length > self._states.shape[1]:
            room = -(-length // GRAIN) * GRAIN
            self._states = _grown(self._states, 1, room, held)
            self._steps = _grown(self._steps, 2, room, held)
            self._tops = _grown(self._tops, 1, room, held)
        seen = torch.from_numpy(self._states)[:, :length]
        keys = seen[:, :, : self._keys].permute(0, 2, 3, 1).unbind()
        values = seen[:, :, self._keys :].transpose(1, 2).unbind()
        return map(LayerCache, self._states, self._steps, self._tops, keys, values)


def _grown(buffer: Floats, axis: int, room: int, held: int) -> Floats:
    shape = list(buffer.shape)
    shape[axis] = room
    grown = np.zeros(shape, np.float32)
    place = (slice(None),) * axis + (slice(held),)
    grown[place] = buffer[place]
    return grown
