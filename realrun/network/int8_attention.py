"""Attention whose products are exact: queries, keys, values and probabilities as whole numbers held in float32.

A matrix product in floating point adds in an order that depends on the shape, so a token's result depends on how many
are computed beside it. Products of whole numbers are exact as long as no sum reaches 2^24, in whatever order. Queries,
keys and values are rounded to 8 bits and a sign, each head of each token with a step of its own, probabilities to
multiples of 2^-15. The softmax works row by row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from realrun.network.int8_linear import peaks_of
from realrun.network.kv_cache import GRAIN

LEVELS = 255
"""Queries, keys and values are whole numbers in -255..255 of their steps: 255 * 255 * 256 < 2^24, so heads may be up to
256 wide."""

WIDEST_HEAD = 256
LONGEST = 60_000
"""So many tokens keep the sum of rounded probabilities times 255 below 2^24."""

_ONE = 2.0**15
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
class Slice:
    """What one layer reads and writes in a call, as views of the cache.

    Attributes:
        keys: Shape (key heads, width, held).
        values: Shape (key heads, held, width).
        key_steps: Shape (key heads, 1, 1, held).
        value_steps: The same.
        fresh: Where this call's keys and values go, shape (tokens, 2 * key heads, width).
        fresh_steps: Where their steps go, shape (tokens, 2 * key heads, 1).
        fresh_tops: Where the greatest steps of values so far go, over 2^15, shape (tokens, key heads, 1).
        top: The same of the token before, shape (key heads, 1); None at the start.
    """

    keys: Tensor
    values: Tensor
    key_steps: Tensor
    value_steps: Tensor
    fresh: Tensor
    fresh_steps: Tensor
    fresh_tops: Tensor
    top: Tensor | None


class IntegerCache:
    """Keys and values of all layers as whole numbers with their steps, in buffers that grow.

    Args:
        layers: Number of layers.
        heads: Of each layer.
    """

    def __init__(self, layers: int, heads: Heads) -> None:
        self._heads = heads
        both = 2 * heads.keys
        self._states = torch.zeros(layers, 0, both, heads.width)
        self._steps = torch.zeros(layers, 0, both, 1)
        self._tops = torch.zeros(layers, 0, heads.keys, 1)

    def slices(self, start: int, end: int) -> list[Slice]:
        """What each layer reads and writes in a call on the tokens of positions start..end - 1."""
        self._grow(max(end, _SHORTEST), start)
        keys, held = self._heads.keys, held_in(end)
        states, steps = self._states[:, :held], self._steps[:, :held]
        steps = steps.permute(0, 2, 3, 1)[:, :, None]
        tops = self._tops[:, start - 1].unbind() if start else [None] * len(states)
        return [
            Slice(*views)
            for views in zip(
                states[:, :, :keys].permute(0, 2, 3, 1).unbind(),
                states[:, :, keys:].transpose(1, 2).unbind(),
                steps[:, :keys].unbind(),
                steps[:, keys:].unbind(),
                self._states[:, start:end].unbind(),
                self._steps[:, start:end].unbind(),
                self._tops[:, start:end].unbind(),
                tops,
                strict=True,
            )
        ]

    def _grow(self, length: int, held: int) -> None:
        if length <= self._states.shape[1]:
            return
        room = -(-length // GRAIN) * GRAIN
        self._states, self._steps, self._tops = (
            _grown(buffer, room, held) for buffer in (self._states, self._steps, self._tops)
        )


def attended(states: Tensor, heads: Heads, part: Slice, mask: Tensor | None) -> Tensor:
    """What each token's query heads read.

    Args:
        states: Queries, keys and values of these tokens side by side, positions applied, queries scaled; shape (tokens,
            query heads + 2 * key heads, width). They are written over.
        heads: Their numbers.
        part: The layer's part of the cache; this call's keys and values are written to it.
        mask: Shape (tokens, held), 0 where a token sees another and minus infinity elsewhere; None where all is seen.

    Returns:
        Shape (tokens, query heads * width).
    """
    count, keys, groups, queries = len(states), heads.keys, heads.groups, heads.queries
    steps = peaks_of(states).mul_(1 / LEVELS)
    states.div_(steps).round_()
    part.fresh.copy_(states[:, queries:])
    part.fresh_steps.copy_(steps[:, queries:])
    tops = _running_tops(steps[:, queries + keys :], part)
    if count == 1:
        rows, query_steps = states[0, :queries].view(keys, groups, -1), steps[0, :queries].view(keys, groups, 1, 1)
    else:
        rows = states[:, :queries].view(count, keys, groups, -1).permute(1, 2, 0, 3).reshape(keys, groups * count, -1)
        query_steps = steps[:, :queries].view(count, keys, groups, 1).permute(1, 2, 0, 3)
    scores = torch.bmm(rows, part.keys)
    held = scores.shape[2]
    weights = scores.view(keys, groups, count, held).mul_(part.key_steps)
    weights = weights.mul_(query_steps) if mask is None else torch.addcmul(mask, weights, query_steps)
    weights = weights.softmax(-1).mul_(part.value_steps).div_(tops).round_()
    read = torch.bmm(weights.view(keys, groups * count, held), part.values).view(keys, groups, count, -1).mul_(tops)
    return read.permute(2, 0, 1, 3).reshape(count, -1)


def visible(start: int, end: int, window: int | None) -> Tensor | None:
    """The mask of a call on the tokens of positions start..end - 1, for `attended`.

    Args:
        start: Number of tokens held before.
        end: Number of tokens held then.
        window: How many tokens, itself included, a token sees; None for all before it.
    """
    held = held_in(end)
    if end - start == 1 and held == end and (window is None or end <= window):
        return None
    seen = torch.ones(end - start, held, dtype=torch.bool).tril_(start)
    if window is not None:
        seen.triu_(start - window + 1)
    return torch.zeros(end - start, held).masked_fill_(~seen, -torch.inf)


def held_in(end: int) -> int:
    """Length of the rows of scores where `end` tokens are held."""
    return max(end, _SHORTEST)


def _running_tops(steps: Tensor, part: Slice) -> Tensor:
    """Greatest step of values up to each token, over 2^15, kept for later calls; shape (key heads, 1, tokens, 1)."""
    tops = steps.mul(1 / _ONE)
    if len(steps) > 1:
        tops = tops.cummax(0).values
    if part.top is None:
        part.fresh_tops.copy_(tops)
    else:
        torch.maximum(tops, part.top, out=part.fresh_tops)
    return part.fresh_tops.transpose(0, 1)[:, None]


def _grown(buffer: Tensor, room: int, held: int) -> Tensor:
    grown = buffer.new_zeros(buffer.shape[0], room, *buffer.shape[2:])
    grown[:, :held] = buffer[:, :held]
    return grown
