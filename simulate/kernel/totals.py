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

from simulate.kernel.compiled import compiled
from simulate.kernel.goes import Calls

_LIMB_BITS = 22
"""Costs of blocks have at most 62 bits; three limbs of 22 keep sums of their products within 64 bits."""

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
        tokens: By block, below 2^24; at most `MAX_CHUNK` blocks, and few enough that their squares add up below 2^63.
        ticks: By block, below 2^62.
    """
    sums = np.zeros(13, dtype=np.int64)
    _add_moments(tokens, ticks, sums)
    t, tt, *limbs = sums.tolist()
    return t, _joined(limbs[:3]), tt, _joined(limbs[3:8]), _joined(limbs[8:])


def _joined(limbs: list[int]) -> int:
    """The number with these limbs, lowest first; each may be larger than a limb."""
    return sum(limb << _LIMB_BITS * i for i, limb in enumerate(limbs))


@compiled
def _add_moments(tokens: NDArray[np.int64], ticks: NDArray[np.int64], sums: NDArray[np.int64]) -> None:
    """Sums of tokens, their squares, and by limb those of ticks (3), ticks^2 (5) and tokens * ticks (3)."""
    t = tt = c0 = c1 = c2 = cc0 = cc1 = cc2 = cc3 = cc4 = tc0 = tc1 = tc2 = 0
    for i in range(tokens.size):
        a = tokens[i]
        low = ticks[i] & ((1 << _LIMB_BITS) - 1)
        middle = (ticks[i] >> _LIMB_BITS) & ((1 << _LIMB_BITS) - 1)
        high = ticks[i] >> 2 * _LIMB_BITS
        t += a
        tt += a * a
        c0 += low
        c1 += middle
        c2 += high
        cc0 += low * low
        cc1 += 2 * low * middle
        cc2 += 2 * low * high + middle * middle
        cc3 += 2 * middle * high
        cc4 += high * high
        tc0 += a * low
        tc1 += a * middle
        tc2 += a * high
    sums[0], sums[1] = t, tt
    sums[2], sums[3], sums[4] = c0, c1, c2
    sums[5], sums[6], sums[7], sums[8], sums[9] = cc0, cc1, cc2, cc3, cc4
    sums[10], sums[11], sums[12] = tc0, tc1, tc2
