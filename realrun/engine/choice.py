"""Where the randomness of sampling comes from: an explicit source, whose place an enumerator can take in a test."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Chooser(Protocol):
    """Makes every random choice of the engine."""

    def choose(self, weights: Tensor) -> Tensor:
        """An index drawn in proportion to weights.

        Args:
            weights: Finite, >= 0, not all zero, shape (n,).

        Returns:
            The index, shape (), int64, on the device of the weights; never one of weight zero.
        """


class Draws:
    """Choices by inversion of the cumulated weights, one uniform number each.

    Args:
        generator: A generator on the CPU, whatever the device of the models; the same state gives the same choices.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def choose(self, weights: Tensor) -> Tensor:
        """The first index at which the cumulated weights exceed a uniform share of their total."""
        share = torch.rand((), dtype=torch.float64, generator=self._generator).item()
        cumulated = weights.cumsum(-1, dtype=torch.float64)
        return torch.searchsorted(cumulated, share * cumulated[-1:], right=True)[0]


def seeded(seed: int) -> Draws:
    """A source with a generator of its own, from a seed in 0..2**63 - 1."""
    return Draws(torch.Generator().manual_seed(seed))
