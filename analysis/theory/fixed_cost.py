"""Whether every cycle of a cascade costs the same, and how much: known from its steps, without probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.model import Cascade, Step


def fixed_cost(cascade: Cascade) -> float | None:
    """Cost of every cycle in one-token target calls; None where it depends on what is accepted.

    Number and lengths of drafts must be the same in every cycle, or make no difference to what is paid: leaf steps,
    rounds of such drafts, an `until` whose rounds are free or whose start is certain; a review of drafts whose length
    varies must cost the same for all of them. Acceptances are not read, so that the rare cascade of certain acceptances
    whose cost comes out fixed by them is not told.
    """
    found = _of_round(cascade, cascade.target, cascade.draft)
    return None if found is None else found[0] / cascade.cost(cascade.target).at(1)


def _of_round(cascade: Cascade, reviewer: str, steps: Sequence[Step]) -> tuple[float, int] | None:
    """(cost of a round in the specification's unit, its greatest draft length) where all rounds cost the same."""
    spent: list[float] = []
    least = most = 0
    for step in steps:
        before = least, most
        cost = _of_leaf(cascade, step, *before) if step.is_leaf else _of_review(cascade, step, *before)
        if cost is None:
            return None
        spent.append(cost[0])
        least, most = cost[1], cost[2]
    review = cascade.cost(reviewer)
    if any(review.at(q) != review.at(least + 1) for q in range(least + 2, most + 2)):
        return None
    return math.fsum([*spent, review.at(least + 1)]), most


def _of_leaf(cascade: Cascade, step: Step, least: int, most: int) -> tuple[float, int, int] | None:
    """(cost of a leaf step, least and greatest length of the draft behind it)."""
    cost = cascade.cost(step.by)
    if step.tokens is not None:
        return cost.drafting(step.tokens), least + step.tokens, most + step.tokens
    assert step.until is not None
    one = cost.drafting(step.block)
    blocks = {length: max(0, -(-(step.until - length) // step.block)) for length in (least, most)}
    ends = {length: length + number * step.block for length, number in blocks.items()}
    if least == most or least >= step.until or one == 0:
        greatest = max(ends[most], step.until - 1 + step.block if least < step.until and least != most else 0)
        return blocks[least] * one, max(least, min(step.until, ends[least])), greatest
    return None


def _of_review(cascade: Cascade, step: Step, least: int, most: int) -> tuple[float, int, int] | None:
    """(cost of a step's rounds, least and greatest length of the draft behind them)."""
    if step.until is not None and least >= step.until:
        return 0.0, least, most
    inner = _of_round(cascade, step.by, step.draft)
    if inner is None:
        return None
    cost, longest = inner
    if step.rounds is not None:
        return step.rounds * cost, least + step.rounds, most + step.rounds * (longest + 1)
    assert step.until is not None
    if cost > 0:
        return None
    return 0.0, step.until, max(most, step.until + longest)
