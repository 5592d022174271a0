"""Upper bounds on what one cycle holds (rounds, tokens, cost), and whether all cycles are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from analysis.model import ByDraft, Cascade, InputError, Step, longest

Amount = TypeVar("Amount", int, float)

MAX_COST = 1e150
"""Greatest possible cost of a block of cycles, in one-token target calls; its square is still a finite double."""


def greatest_work(cascade: Cascade) -> int:
    """Most rounds plus tokens drafted by leaf steps that one cycle can hold, whatever is accepted; >= 1."""
    return greatest_sum(cascade.target, cascade.draft, lambda reviewer, steps: 1, _most_tokens)


def greatest_sum(
    reviewer: str,
    steps: Sequence[Step],
    of_review: Callable[[str, Sequence[Step]], Amount],
    of_leaf: Callable[[Step], Amount],
) -> Amount:
    """An upper bound on a sum over all reviews and all leaf steps of one round.

    An inner round yields at least one token, so a step that goes on until it holds n has at most n of them.

    Args:
        reviewer: Who reviews the round.
        steps: The draft of the round.
        of_review: What the review of a draft adds at most, by its reviewer and the draft's steps; >= 0.
        of_leaf: What a leaf step adds at most; >= 0.
    """
    total = of_review(reviewer, steps)
    for step in steps:
        if step.is_leaf:
            total += of_leaf(step)
        else:
            total += (step.rounds or step.until or 0) * greatest_sum(step.by, step.draft, of_review, of_leaf)
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
        lambda step: _greatest_drafting(cascade, step) / unit,
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
        costs |= _leaf_costs(cascade, step) if step.is_leaf else _call_costs(cascade, step.by, step.draft)
    return costs


def _leaf_costs(cascade: Cascade, step: Step) -> set[float]:
    """Costs of the calls, or of the goes, that a leaf step may hold: goes may be cut short where a text ends."""
    cost = cascade.cost(step.by)
    longest_go = (step.tokens or step.block) if isinstance(cost, ByDraft) else 1
    return {cost.drafting(tokens) for tokens in range(1, longest_go + 1)}


def _greatest_drafting(cascade: Cascade, step: Step) -> float:
    """An upper bound on the cost of a leaf step."""
    goes = _most_tokens(step)
    if isinstance(cascade.cost(step.by), ByDraft):
        goes = 1 if step.tokens else -(-(step.until or 0) // step.block)
    return goes * max(_leaf_costs(cascade, step))


def _most_tokens(step: Step) -> int:
    """Most tokens that a leaf step may draft."""
    return step.tokens or (step.until or 0) + step.block - 1


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
