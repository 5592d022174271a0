"""Upper bounds on what one cycle holds (rounds, tokens, cost), and whether all cycles are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from analysis.model import Cascade, InputError, Step, longest

Amount = TypeVar("Amount", int, float)

MAX_COST = 1e150
"""Greatest possible cost of a block of cycles, in one-token target calls; its square is still a finite double."""


def greatest_work(cascade: Cascade) -> int:
    """Most rounds plus tokens drafted by leaf steps that one cycle can hold, whatever is accepted; >= 1."""
    return greatest_sum(cascade.target, cascade.draft, lambda reviewer, steps: 1, lambda drafter: 1)


def greatest_sum(
    reviewer: str,
    steps: Sequence[Step],
    of_review: Callable[[str, Sequence[Step]], Amount],
    of_token: Callable[[str], Amount],
) -> Amount:
    """An upper bound on a sum over all reviews and all tokens drafted in one round.

    An inner round yields at least one token, so a step that goes on until it holds n has at most n of them.

    Args:
        reviewer: Who reviews the round.
        steps: The draft of the round.
        of_review: What the review of a draft adds at most, by its reviewer and the draft's steps; >= 0.
        of_token: What a token drafted by a leaf step adds, by its drafter; >= 0.
    """
    total = of_review(reviewer, steps)
    for step in steps:
        if step.is_leaf:
            total += (step.tokens or (step.until or 0) + step.block - 1) * of_token(step.by)
        else:
            total += (step.rounds or step.until or 0) * greatest_sum(step.by, step.draft, of_review, of_token)
    return total


def greatest_cost(cascade: Cascade, cycles: int = 1) -> float:
    """An upper bound on the cost of that many cycles, in one-token target calls.

    Raises:
        InputError: where a cost is missing, or the bound is above `MAX_COST`.
    """
    unit = cascade.cost(cascade.target).at(1)
    bound = cycles * greatest_sum(
        cascade.target,
        cascade.draft,
        lambda reviewer, steps: _greatest_call(cascade, reviewer, longest(steps)) / unit,
        lambda drafter: cascade.cost(drafter).at(1) / unit,
    )
    if not bound <= MAX_COST:
        raise InputError(
            "models", f"costs give a cycle of up to {bound:.3g} target calls, expected at most {MAX_COST:g}"
        )
    return bound


def least_positive_cost(cascade: Cascade) -> float:
    """The least cost above 0 of a call that a cycle can hold, in one-token target calls."""
    unit = cascade.cost(cascade.target).at(1)
    return min(cost for cost in _call_costs(cascade, cascade.target, cascade.draft) if cost > 0) / unit


def is_certain(cascade: Cascade) -> bool:
    """Whether every hazard that a review can meet is 0 or 1, so that all cycles are the same."""
    return _is_certain(cascade, cascade.target, cascade.draft)


def _greatest_call(cascade: Cascade, reviewer: str, length: int) -> float:
    return max(cascade.cost(reviewer).at(q) for q in range(1, length + 2))


def _call_costs(cascade: Cascade, reviewer: str, steps: Sequence[Step]) -> set[float]:
    costs = {cascade.cost(reviewer).at(q) for q in range(1, longest(steps) + 2)}
    for step in steps:
        costs |= {cascade.cost(step.by).at(1)} if step.is_leaf else _call_costs(cascade, step.by, step.draft)
    return costs


def _is_certain(cascade: Cascade, reviewer: str, steps: Sequence[Step]) -> bool:
    positions = range(longest(steps))
    for step in steps:
        acceptance = cascade.pair(reviewer, step.by)
        types = (False,) if step.is_leaf else (False, True)
        if any(acceptance.at(position, corrected) not in (0, 1) for corrected in types for position in positions):
            return False
        if not step.is_leaf and not _is_certain(cascade, step.by, step.draft):
            return False
    return True
