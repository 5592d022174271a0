"""What leaf steps draft in one go, what that costs, and which calls it stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from analysis.model import ByDraft, Cascade, Step

Calls: TypeAlias = Counter[tuple[str, int]]
"""Calls by (model, tokens of the call); of a drafter whose cost is by draft, goes by (model, tokens of the go)."""


class Go(NamedTuple):
    """Tokens that a leaf drafts in one go: a `tokens` step, or a block of an `until` step.

    Attributes:
        by: The drafter.
        tokens: How many, >= 1.
        at_once: Whether they cost as one, being priced by draft; else each is a call on one token.
    """

    by: str
    tokens: int
    at_once: bool


def goes_of(cascade: Cascade, steps: Sequence[Step]) -> list[Go] | None:
    """The goes of a draft of leaves, which are the same every time; None where a step has an inner draft."""
    goes: list[Go] = []
    length = 0
    for step in steps:
        if not step.is_leaf:
            return None
        at_once = isinstance(cascade.cost(step.by), ByDraft)
        if step.tokens is not None:
            goes.append(Go(step.by, step.tokens, at_once))
        elif step.until is not None:
            goes += [Go(step.by, step.block, at_once)] * max(0, -(-(step.until - length) // step.block))
        length = sum(go.tokens for go in goes)
    return goes


def drafters_of(goes: Sequence[Go]) -> list[str]:
    """Who drafts each token."""
    return [go.by for go in goes for _ in range(go.tokens)]


def spent_on(cascade: Cascade, goes: Sequence[Go]) -> list[float]:
    """Cost of the first 0, 1, ... tokens of some goes, the last go cut short, in the specification's unit."""
    spent = [0.0]
    for go in goes:
        before, cost = spent[-1], cascade.cost(go.by)
        spent += [before + cost.drafting(tokens) for tokens in range(1, go.tokens + 1)]
    return spent


def calls_of(goes: Sequence[Go], tokens: int) -> Calls:
    """Calls that draft the first so many tokens of some goes."""
    calls: Calls = Counter()
    for go in goes:
        drafted = min(go.tokens, tokens)
        if drafted == 0:
            break
        calls[go.by, drafted if go.at_once else 1] += 1 if go.at_once else drafted
        tokens -= drafted
    return calls
