"""From logits to the law a token is chosen from: temperature, top-k and top-p, the same for target and drafters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.model import InputError

_BLOCK = 64
"""Values in a block of `largest`."""

_LIKELY = 1e-3
"""Probability of a likely token: at most 1,000 tokens are."""

_MINUS_INFINITY = {torch.bfloat16: 0xFF80, torch.float16: 0xFC00}
"""Its bits; greater ones are NaN with the sign set, which a processor makes of infinity - infinity."""

_COLD = 1e-6
"""Below this temperature only the likeliest token is left, up to ties."""


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
        _demand_number("temperature", self.temperature, lambda t: 0 <= t < math.inf, "a finite number >= 0")
        if self.top_k is not None and (type(self.top_k) is not int or self.top_k < 1):
            raise InputError("top_k", f"got {self.top_k!r}, expected a whole number >= 1")
        _demand_number("top_p", self.top_p, lambda p: 0 < p <= 1, "a number in (0, 1]")

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is always chosen."""
        return self.temperature == 0

    def to_json(self) -> dict[str, object]:
        """How tokens are sampled: the temperature, and of the other two what leaves tokens out."""
        result: dict[str, object] = {"temperature": self.temperature}
        result |= {"top_k": self.top_k} if self.top_k is not None else {}
        return result | ({"top_p": self.top_p} if self.top_p < 1 else {})

    def probabilities(self, logits: Tensor) -> Tensor:
        """The law of the next token, over the last axis; at least float32. Not for a greedy policy."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.temperature < _COLD:
            logits = logits - logits.amax(-1, keepdim=True)  # or the quotient would be infinite
        if self.temperature != 1:
            logits = logits / max(self.temperature, torch.finfo(logits.dtype).tiny)
        probabilities = logits.softmax(-1)
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            probabilities = _at_least(probabilities, largest(probabilities, self.top_k)[..., -1:])
        if self.top_p < 1:
            probabilities = _at_least(probabilities, nucleus_edge(probabilities, self.top_p))
        return probabilities


def _demand_number(field: str, value: object, good: Callable[[float], bool], allowed: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not good(value):
        raise InputError(field, f"got {value!r}, expected {allowed}")


def _at_least(probabilities: Tensor, edge: Tensor) -> Tensor:
    """The laws given that the token is at least as likely as the edge, of shape (..., 1)."""
    if probabilities.is_cuda:
        kept = torch.where(probabilities >= edge, probabilities, 0)
        return kept / kept.sum(-1, keepdim=True)
    kept = torch.zeros_like(probabilities)  # few are not zero: setting these is faster than going through all again
    rows, laws = (tensor.numpy().reshape(-1, tensor.shape[-1]) for tensor in (probabilities, kept))
    for row, law, least in zip(rows, laws, edge.numpy().ravel(), strict=True):
        places = (row >= least).nonzero()[0]
        law[places] = row[places] / row[places].sum()
    return kept


def nucleus_edge(probabilities: Tensor, top_p: float) -> Tensor:
    """Probability of the token with which the likeliest ones first reach the mass `top_p`, shape (..., 1)."""
    if probabilities.is_cuda:
        ordered = probabilities.sort(-1, descending=True).values
        reached = (ordered.cumsum(-1) < top_p).sum(-1, keepdim=True)
        return ordered.gather(-1, reached.clamp(max=ordered.shape[-1] - 1))
    rows = probabilities.numpy().reshape(-1, probabilities.shape[-1])
    edges = np.array([_edge_of(row, top_p) for row in rows], rows.dtype)
    return torch.from_numpy(edges).reshape(*probabilities.shape[:-1], 1)


def _edge_of(row: np.ndarray, top_p: float) -> float:
    """The same for one law, looked for among the likely tokens first, which mostly are enough and always few.

    Tokens below (1 - top_p) / vocabulary have less than 1 - top_p together, so that the edge is not among them.
    """
    for least in (_LIKELY, (1 - top_p) / row.size):
        falling = -np.sort(-row[np.flatnonzero(row >= least)])
        masses = falling.cumsum()
        if falling.size and float(masses[-1]) >= top_p:
            break
    return float(falling[min(int(np.searchsorted(masses, top_p)), falling.size - 1)]) if falling.size else math.nan


def largest(values: Tensor, k: int) -> Tensor:
    """The k largest values of every row, in falling order, shape (..., k).

    On a CPU `topk` of a whole vocabulary is slow. The k largest lie in the k blocks of the largest maxima, or behind
    the last whole block.
    """
    width = values.shape[-1]
    blocks = width // _BLOCK
    if values.is_cuda or 4 * k > blocks:
        return values.topk(k, dim=-1).values
    whole = values[..., : blocks * _BLOCK].unflatten(-1, (blocks, _BLOCK))
    chosen = whole.amax(-1).topk(k, dim=-1, sorted=False).indices
    candidates = whole.gather(-2, chosen[..., None].expand(*chosen.shape, _BLOCK)).flatten(-2)
    return torch.cat([candidates, values[..., blocks * _BLOCK :]], -1).topk(k, dim=-1).values


def greatest(values: Tensor) -> Tensor:
    """Index of the greatest value of every row, of equal ones the first, shape (...); of a NaN where there is one.

    On a CPU NumPy finds it 10 to 70 times faster than torch. Half-precision numbers of which the greatest is not
    negative are ordered as the integers of the same bits, and so is NaN, but for one with the sign set.
    """
    if values.device.type != "cpu":
        return values.argmax(-1)
    if values.dtype not in (torch.bfloat16, torch.float16):
        return torch.from_numpy(np.asarray(values.numpy().argmax(-1)))
    bits = values.view(torch.int16).numpy()
    found = bits.argmax(-1)
    if np.take_along_axis(bits, found[..., None], -1).min() < 0:
        return values.argmax(-1)
    if bits.view(np.uint16).max() > _MINUS_INFINITY[values.dtype]:
        return values.argmax(-1)
    return torch.from_numpy(np.asarray(found))


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
        spread.index_copy_(-1, output_ids, columns)
    return spread
