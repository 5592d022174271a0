"""EWIF of a drafter by draft length, with the lengths that are as good as the best."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.model import MAX_DRAFT_LENGTH, Cascade, Reading, goes_on, readings
from analysis.model.boundary.fields import count
from analysis.theory.exact import cycle_law

NEAR = 0.01
"""Lengths whose EWIF lies within this share of the best are as good as the best for any practical purpose."""


@dataclass(frozen=True)
class LengthRow:
    """EWIF of one draft length.

    Attributes:
        tokens: Draft length k; 0 is autoregressive decoding.
        ewif: Expected walltime improvement factor.
        tokens_per_cycle: Expected tokens of a cycle, in [1, k + 1].
        cost_per_cycle: Expected cost of a cycle, in one-token target calls.
        is_best: Whether no other length of the table is better.
        is_near: Whether it lies within 1 % of the best.
    """

    tokens: int
    ewif: float
    tokens_per_cycle: float
    cost_per_cycle: float
    is_best: bool
    is_near: bool


def ewif_by_length(cascade: Cascade, longest: int = 16) -> list[LengthRow]:
    """EWIF of a drafter for every draft length from 0 to `longest`.

    Args:
        cascade: Its draft is one step of `tokens`, whose length is what varies.
        longest: Greatest length, 1..4096.

    Raises:
        InputError: where the draft is another one, or `longest` is out of range.

    >>> from analysis import Cascade
    >>> rows = ewif_by_length(Cascade.speculative(alpha=0.8, c=0.1, k=1), longest=8)
    >>> [row.tokens for row in rows if row.is_near], max(rows, key=lambda row: row.ewif).tokens
    ([5, 6, 7], 6)
    """
    laws = [cycle_law(cascade.with_length(k)) for k in range(count(longest, "longest", MAX_DRAFT_LENGTH) + 1)]
    best = max(law.ewif for law in laws)
    return [
        LengthRow(
            k, law.ewif, law.tokens_per_cycle, law.cost_per_cycle, law.ewif == best, law.ewif >= (1 - NEAR) * best
        )
        for k, law in enumerate(laws)
    ]


def known_length(cascade: Cascade, longest: int) -> tuple[int, list[Reading]]:
    """The greatest draft length, up to `longest`, that reads no table past an end that says nothing of what follows.

    Args:
        cascade: Its draft is one step of `tokens`, whose length is what varies.
        longest: Greatest length asked for, 1..4096.

    Returns:
        The length, 0 where not even one token is known, and the tables that end there; none where `longest` is known.
    """
    for length in range(1, longest + 1):
        ending = [r for r in readings(cascade.with_length(length)) if r.is_beyond and not goes_on(r.beyond)]
        if ending:
            return length - 1, ending
    return longest, []
