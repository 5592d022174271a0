"""Exact additive statistics of simulated blocks of cycles: whole numbers only, merged by addition in any order.

A *block* is the unit that is independent of all others: one cycle where acceptances are independent, a prompt, a
stretch of text or a whole generation where they are not. Squares and products are formed of block sums, so that the
interval is right in all these cases.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulate.compiled import compiled
from simulate.program import Calls

_HALF_BITS = 22
"""Costs of blocks have at most 43 bits; halves of 22 keep sums of their products within 64 bits."""

MAX_CHUNK = 1 << 16
"""Blocks that may be summed in 64 bits before Python's integers take over."""


@dataclass(frozen=True)
class Totals:
    """Sums over blocks of one task, all exact.

    Attributes:
        blocks: Number of blocks.
        cycles: Number of cycles in them.
        tokens: Their tokens.
        ticks: Their cost in ticks (see `Layout.tick`).
        tokens_squared: Sum of squared block tokens.
        ticks_squared: Sum of squared block costs.
        tokens_ticks: Sum of block tokens times block cost.
        yields: Number of cycles by their tokens.
        calls: Number of calls by (model, tokens of the call); what the mean cost is computed from.
    """

    blocks: int = 0
    cycles: int = 0
    tokens: int = 0
    ticks: int = 0
    tokens_squared: int = 0
    ticks_squared: int = 0
    tokens_ticks: int = 0
    yields: Counter[int] = field(default_factory=Counter)
    calls: Calls = field(default_factory=Counter)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.blocks + other.blocks,
            self.cycles + other.cycles,
            self.tokens + other.tokens,
            self.ticks + other.ticks,
            self.tokens_squared + other.tokens_squared,
            self.ticks_squared + other.ticks_squared,
            self.tokens_ticks + other.tokens_ticks,
            self.yields + other.yields,
            self.calls + other.calls,
        )


def totals_of_constant_cost(yields: Counter[int], ticks: int, calls: Calls) -> Totals:
    """Totals of independent cycles that all cost the same, from the count of each yield.

    Args:
        yields: Number of cycles by their tokens.
        ticks: Cost of every cycle in ticks.
        calls: Calls of all cycles together.
    """
    cycles = sum(yields.values())
    tokens = sum(n * times for n, times in yields.items())
    return Totals(
        blocks=cycles,
        cycles=cycles,
        tokens=tokens,
        ticks=ticks * cycles,
        tokens_squared=sum(n * n * times for n, times in yields.items()),
        ticks_squared=ticks * ticks * cycles,
        tokens_ticks=ticks * tokens,
        yields=yields,
        calls=calls,
    )


def block_moments(tokens: NDArray[np.int64], ticks: NDArray[np.int64]) -> tuple[int, int, int, int, int]:
    """Exact sums of tokens, ticks, tokens^2, ticks^2 and tokens * ticks.

    Args:
        tokens: By block, below 2^24; at most `MAX_CHUNK` blocks.
        ticks: By block, below 2^44.
    """
    sums = np.zeros(9, dtype=np.int64)
    _add_moments(tokens, ticks, sums)
    t, low, high, tt, low_low, low_high, high_high, t_low, t_high = sums.tolist()
    return (
        t,
        (high << _HALF_BITS) + low,
        tt,
        (high_high << 2 * _HALF_BITS) + (low_high << _HALF_BITS + 1) + low_low,
        (t_high << _HALF_BITS) + t_low,
    )


@compiled
def _add_moments(tokens: NDArray[np.int64], ticks: NDArray[np.int64], sums: NDArray[np.int64]) -> None:
    t = low = high = tt = low_low = low_high = high_high = t_low = t_high = 0
    for i in range(tokens.size):
        a = tokens[i]
        lower = ticks[i] & ((1 << _HALF_BITS) - 1)
        upper = ticks[i] >> _HALF_BITS
        t += a
        low += lower
        high += upper
        tt += a * a
        low_low += lower * lower
        low_high += lower * upper
        high_high += upper * upper
        t_low += a * lower
        t_high += a * upper
    sums[0], sums[1], sums[2], sums[3] = t, low, high, tt
    sums[4], sums[5], sums[6], sums[7] = low_low, low_high, high_high, t_low
    sums[8] = t_high
