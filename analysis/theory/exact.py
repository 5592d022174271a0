"""Exact law of a cascade's cycle by a forward recursion over draft length.

Works for every cascade of the specification: hazards constant, by position, decaying or by type; `tokens`, `rounds`
and `until` steps nested to any depth; scalar, affine and tabulated costs, by call or by draft. Nothing is sampled and
nothing is solved: all terms are sums and products of probabilities, so results are accurate to rounding, alpha = 1
included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.model import Acceptance, Cascade, Step, check_reach, longest

Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class CycleLaw:
    """What one cycle of a cascade yields and costs.

    Attributes:
        pmf: ``pmf[i]`` = P(the cycle yields i + 1 tokens), shape (greatest draft length + 1,).
        cost_per_cycle: Expected cost of a cycle, in one-token target calls.
    """

    pmf: Vector
    cost_per_cycle: float

    @property
    def tokens_per_cycle(self) -> float:
        """Expected tokens of a cycle, in [1, greatest draft length + 1]."""
        return 1.0 + float(np.arange(self.pmf.size) @ self.pmf)

    @property
    def ewif(self) -> float:
        """Expected walltime improvement factor: E[tokens] / E[cost], by renewal-reward; autoregressive = 1.

        CS Drafting (arXiv 2312.11462) section 4; Theorem 3.8 of Leviathan et al. (arXiv 2211.17192) for one drafter.
        """
        return self.tokens_per_cycle / self.cost_per_cycle


def cycle_law(cascade: Cascade) -> CycleLaw:
    """Law of the tokens and expected cost of one cycle.

    Where the draft reads past the end of a table that does not say what holds there, the last entry does, and an
    `Advice` says so.

    Raises:
        InputError: where a pair that the draft uses has no acceptance, or a model that is called no cost; where a table
            refuses to be read past its end.
    """
    check_reach(cascade)
    return law_within_reach(cascade)


def law_within_reach(cascade: Cascade) -> CycleLaw:
    """`cycle_law` of a cascade whose reach was checked before."""
    law = _round_law(cascade, cascade.target, cascade.draft)
    return CycleLaw(law.pmf, law.cost / cascade.cost(cascade.target).at(1))


def ewif(cascade: Cascade) -> float:
    """EWIF of a cascade; see `CycleLaw.ewif`."""
    return cycle_law(cascade).ewif


@dataclass(frozen=True)
class _RoundLaw:
    """Yield and expected cost (unit of the specification) of one review round; a cycle is the target's round."""

    pmf: Vector
    cost: float


@dataclass(frozen=True)
class _Increment:
    """What a step adds to a draft at a time: a block of leaf tokens, or the yield of a round.

    Attributes:
        sizes: ``sizes[i]`` = P(i + 1 tokens are added).
        cost: Expected cost of adding them.
        ends_corrected: Whether the last token added is a correction or bonus.
    """

    sizes: Vector
    cost: float
    ends_corrected: bool


@dataclass(frozen=True)
class _Hazards:
    """Hazards of one pair at the positions 0..top - 1 of a draft, by type of token."""

    accepted: Vector
    corrected: Vector

    @classmethod
    def of(cls, acceptance: Acceptance, top: int) -> _Hazards:
        return cls(np.array(acceptance.accepted.first(top)), np.array(acceptance.corrected.first(top)))


def _round_law(cascade: Cascade, reviewer: str, steps: Sequence[Step]) -> _RoundLaw:
    """One round: the steps draft, the reviewer accepts a prefix and adds one token.

    Two vectors run along the draft, both indexed by its length L so far: P(L), which decides costs, and
    P(L and all L tokens are accepted), whose losses are the law of the number of accepted tokens.
    """
    top = longest(steps)
    length, alive = np.zeros(top + 1), np.zeros(top + 1)
    length[0] = alive[0] = 1.0
    accepted = np.zeros(top + 1)
    cost = 0.0
    hazards: dict[str, _Hazards] = {}
    for step in steps:
        if step.until is not None and not length[: step.until].any():
            continue
        increment = _increment(cascade, step)
        if step.by not in hazards:
            hazards[step.by] = _Hazards.of(cascade.pair(reviewer, step.by), top)
        length, starts = _repeat(step, length, _sure(increment, top))
        cost += increment.cost * float(starts.sum())
        landing, losing = _reviewed(increment, hazards[step.by])
        alive, starts = _repeat(step, alive, landing)
        accepted += _landed(starts, losing, shift=0)
    accepted += alive
    review = cascade.cost(reviewer)
    reached = np.flatnonzero(length)
    cost += float(length[reached] @ np.array([review.at(int(drafted) + 1) for drafted in reached]))
    return _RoundLaw(accepted, cost)


def _increment(cascade: Cascade, step: Step) -> _Increment:
    if step.is_leaf:
        block = step.block if step.tokens is None else step.tokens
        sizes = np.zeros(block)
        sizes[-1] = 1.0
        return _Increment(sizes, cascade.cost(step.by).drafting(block), ends_corrected=False)
    inner = _round_law(cascade, step.by, step.draft)
    return _Increment(inner.pmf, inner.cost, ends_corrected=True)


def _sure(increment: _Increment, top: int) -> Vector:
    """Landing matrix with every token accepted: row L, column i is P(from L tokens to L + i + 1).

    Rows end where the greatest increment would pass `top`: no draft is extended from a greater length.
    """
    return np.broadcast_to(increment.sizes, (top - increment.sizes.size + 1, increment.sizes.size))


def _reviewed(increment: _Increment, hazards: _Hazards) -> tuple[Vector, Vector]:
    """Landing and losing matrices of one increment under review.

    Returns:
        (landing, losing), both with the rows of `_sure`: ``landing[L, i]`` = P(i + 1 tokens are added to a draft of
        L and all are accepted), ``losing[L, i]`` = P(the token at position L + i is the first rejected).
    """
    size = increment.sizes.size
    ends = hazards.corrected if increment.ends_corrected else hazards.accepted
    passing = np.lib.stride_tricks.sliding_window_view(hazards.accepted, size)
    last = np.lib.stride_tricks.sliding_window_view(ends, size)
    before = np.ones_like(passing)
    np.cumprod(passing[:, :-1], axis=1, out=before[:, 1:])
    longer = np.append(np.cumsum(increment.sizes[:0:-1])[::-1], 0.0)
    losing = before * (increment.sizes * (1 - last) + longer * (1 - passing))
    return before * increment.sizes * last, losing


def _repeat(step: Step, mass: Vector, landing: Vector) -> tuple[Vector, Vector]:
    """Apply a step's increment as often as the step says.

    Returns:
        (mass after the step by draft length, expected number of increments started at each length).
    """
    if step.until is None:
        starts = np.zeros_like(mass)
        for _ in range(step.rounds or 1):
            starts += mass
            mass = _landed(mass, landing, shift=1)
        return mass, starts
    mass = mass.copy()
    starts = np.zeros_like(mass)
    for drafted in range(min(step.until, mass.size)):
        start = mass[drafted]
        if start > 0:
            starts[drafted] = start
            mass[drafted] = 0.0
            mass[drafted + 1 : drafted + 1 + landing.shape[1]] += start * landing[drafted]
    return mass, starts


def _landed(mass: Vector, matrix: Vector, shift: int) -> Vector:
    """Sum mass[L] * matrix[L, i] into index L + i + shift."""
    occupied = np.flatnonzero(mass)
    if occupied.size == 0:
        return np.zeros_like(mass)
    flow = mass[occupied, None] * matrix[occupied]
    index = occupied[:, None] + np.arange(matrix.shape[1]) + shift
    total: Vector = np.bincount(index.ravel(), weights=flow.ravel(), minlength=mass.size).astype(np.float64)
    return total
