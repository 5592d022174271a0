"""Upper bounds on what one cycle holds: its rounds, its drafted tokens, and sums of anything over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from analysis.model import Cascade, Step

Amount = TypeVar("Amount", int, float)


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
