"""From logits to the law a token is chosen from: temperature, top-k and top-p, the same for target and drafters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.model import InputError

_FIRST_CANDIDATES = 64
"""Likeliest tokens sorted first on a CPU in the search for the nucleus, which seldom holds more."""


@dataclass(frozen=True)
class Policy:
    """How a token is chosen from logits.

    Temperature comes first, then top-k, then top-p, as in transformers. Tokens exactly as likely as the last one kept
    are kept too, so that the law does not depend on the order of a sort.

    Attributes:
        temperature: Divides the logits, finite, >= 0; 0 is greedy choice, whatever the other two.
        top_k: Only the k likeliest tokens are left, >= 1; None for all.
        top_p: Only the likeliest tokens that together reach this mass are left, in (0, 1]; 1 for all.

    Raises:
        InputError: naming the attribute, its value and its range.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        _demand_number("temperature", self.temperature, 0 <= self.temperature < math.inf, "a finite number >= 0")
        if self.top_k is not None and (type(self.top_k) is not int or self.top_k < 1):
            raise InputError("top_k", f"got {self.top_k!r}, expected a whole number >= 1")
        _demand_number("top_p", self.top_p, 0 < self.top_p <= 1, "a number in (0, 1]")

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is always chosen."""
        return self.temperature == 0

    def probabilities(self, logits: Tensor) -> Tensor:
        """The law of the next token, over the last axis; at least float32. Not for a greedy policy."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.temperature != 1:
            logits = logits / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            edge = logits.topk(self.top_k, dim=-1).values[..., -1:]
            logits = logits.masked_fill(logits < edge, -math.inf)
        probabilities = logits.softmax(-1)
        if self.top_p < 1:
            probabilities = torch.where(probabilities >= self._nucleus_edge(probabilities), probabilities, 0)
            probabilities = probabilities / probabilities.sum(-1, keepdim=True)
        return probabilities

    def _nucleus_edge(self, probabilities: Tensor) -> Tensor:
        """Probability of the token with which the likeliest ones first reach `top_p`, shape (..., 1)."""
        vocabulary = probabilities.shape[-1]
        # On a GPU a look at the result would cost more than sorting it all.
        size = vocabulary if probabilities.is_cuda else min(vocabulary, _FIRST_CANDIDATES)
        while True:
            likeliest = probabilities.topk(size, dim=-1).values
            mass = likeliest.cumsum(-1)
            if size == vocabulary or bool((mass[..., -1] >= self.top_p).all()):
                break
            size = min(vocabulary, 8 * size)
        reached = (mass < self.top_p).sum(-1, keepdim=True)
        return likeliest.gather(-1, reached.clamp(max=size - 1))


def _demand_number(field: str, value: object, good: bool, allowed: str) -> None:
    if isinstance(value, bool) or not good:
        raise InputError(field, f"got {value!r}, expected {allowed}")


def over_vocabulary(columns: Tensor, output_ids: Tensor | None, vocabulary: int, fill: float = 0.0) -> Tensor:
    """Spread a model's output columns over the target's vocabulary, shape (..., vocabulary).

    Args:
        columns: Values by output column, shape (..., columns).
        output_ids: Token id of every column; None where column i is token i.
        vocabulary: Number of the target's token ids; columns beyond it must hold `fill`.
        fill: Value of the ids that the model cannot put out.
    """
    width = columns.shape[-1]
    if output_ids is None and width >= vocabulary:
        return columns[..., :vocabulary]
    spread = columns.new_full((*columns.shape[:-1], vocabulary), fill)
    if output_ids is None:
        spread[..., :width] = columns
    else:
        spread[..., output_ids] = columns
    return spread
