"""Generations of N tokens: the mean and variance of their cost, with prefill and with the last cycles cut.

Definition. A cycle that starts with R tokens remaining offers the target at most R - 1 (its review adds one, so no
cycle passes N). Inside it, every leaf step is cut to the room left; an inner round may yield at most the room left,
so its own draft has room for one token less; a step without room drafts nothing. With R = 1 the cycle is a plain
target call. Costs are those of the calls that remain.

Renewal recursion over n tokens remaining, with T and C the yield and cost of a cycle given room n - 1:
    M_0 = 1,   M_n = sum_t E[exp(theta C); T = t] M_{n-t},
truncated at theta^2, which holds the mean and second moment of the total cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, longest, progress
from analysis.model.boundary.fields import count, read_number
from analysis.theory.joint import JointRounds
from analysis.theory.parameters import Parameters

MAX_TOKENS = 1_000_000
"""Greatest number of tokens of one generation."""


@dataclass(frozen=True)
class Generations:
    """Cost of generations of every length up to N, in one-token target calls.

    Attributes:
        mean: ``mean[n]`` = expected cost of n tokens, prefill included, shape (N + 1,).
        variance: ``variance[n]`` = its variance, same shape.
        prefill: Cost of the target's pass over the prompt, >= 0, which autoregressive decoding pays too.
        drafter_prefill: Cost of the drafters' passes over the prompt, >= 0.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    prefill: float
    drafter_prefill: float

    @property
    def ewif(self) -> NDArray[np.float64]:
        """(prefill + n) / mean[n]: autoregressive cost over expected cost, nan at n = 0; to EWIF as n grows."""
        n = np.arange(self.mean.size)
        with np.errstate(invalid="ignore"):
            ratio: NDArray[np.float64] = np.where(n > 0, (self.prefill + n) / np.where(n > 0, self.mean, 1.0), np.nan)
        return ratio


def generations(cascade: Cascade, tokens: int, *, prefill: float = 0.0, drafter_prefill: float = 0.0) -> Generations:
    """Mean and variance of the cost of generating 0..tokens tokens.

    Prefill is a certain cost paid once, before the first cycle; it makes no token. A run of more than two seconds
    shows its progress.

    Args:
        cascade: The cascade.
        tokens: Length N of the longest generation, 1..1,000,000.
        prefill: Cost of the target's pass over the prompt, in one-token target calls, >= 0.
        drafter_prefill: Cost of all drafters' passes over the prompt, in the same unit, >= 0.

    Raises:
        InputError: for arguments outside their range, a missing acceptance or a missing cost.
    """
    tokens = count(tokens, "tokens", MAX_TOKENS)
    prefill = read_number(prefill, "prefill", 0)
    drafter_prefill = read_number(drafter_prefill, "drafter_prefill", 0)
    rounds = JointRounds(cascade, Parameters(cascade, differentiate=False), orders=3)
    unit = cascade.cost(cascade.target).at(1)
    scale = np.array([1.0, 1 / unit, 1 / unit**2])[:, None]
    greatest_room = longest(cascade.draft)
    ahead = np.zeros((3, 1, tokens + 1))
    ahead[0, 0, 0] = 1.0
    for n in progress(range(1, tokens + 1), "generations", "token"):
        if n - 1 <= greatest_room:
            cycle = (rounds.cycle(n - 1)[:, 0] * scale)[:, None]
        reach = cycle.shape[-1]
        ahead[..., n] = rounds.taylor.multiply(cycle, ahead[..., n - reach : n][..., ::-1]).sum(axis=-1)
        ahead[0, 0, n] = 1.0  # exactly, so that rounding does not add up over a long generation
    mean, half_square = ahead[1, 0], ahead[2, 0]
    return Generations(
        mean + prefill + drafter_prefill,
        np.maximum(2 * half_square - mean**2, 0.0),
        prefill,
        drafter_prefill,
    )
