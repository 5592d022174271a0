"""The cascade that replays best, by climbing from good ones: for those who deploy, where theory's optimum is not it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from analysis.model import Draft, InputError, Step, longest

MOST_TOKENS = 32
"""Greatest length of a draft that is tried."""


def climb(start: Draft, drafters: Sequence[str], reviewers: Sequence[str], score: Callable[[Draft], float]) -> Draft:
    """Go to the best neighbour until none is better.

    Args:
        start: Where to begin.
        drafters: In the order in which they may review each other.
        reviewers: Those of them that can.
        score: The greater the better; called once for a draft.
    """
    known = {start: score(start)}
    here = start
    while True:
        for draft in neighbours(here, drafters, reviewers):
            if draft not in known:
                known[draft] = score(draft)
        best = max(known, key=known.__getitem__)
        if best == here:
            return here
        here = best


def neighbours(draft: Draft, drafters: Sequence[str], reviewers: Sequence[str]) -> Iterator[Draft]:
    """Drafts that differ in one number, or in one step: one more, one fewer, or one that goes on in another way."""
    for near in _near(draft, drafters, reviewers):
        try:
            if longest(near) <= MOST_TOKENS:
                yield near
        except InputError:
            continue


def _near(draft: Draft, drafters: Sequence[str], reviewers: Sequence[str]) -> Iterator[Draft]:
    for i, step in enumerate(draft):
        before, behind = draft[:i], draft[i + 1 :]
        for other in _near_step(step, drafters, reviewers):
            yield *before, other, *behind
        yield *before, *behind
        if i and step.is_leaf:  # the first step drafts alike in both ways
            yield *before, _said_otherwise(step), *behind
    for i in range(len(draft) + 1):
        around = {step.by for step in draft[max(0, i - 1) : i + 1]}
        for name in drafters:
            if name not in around:
                yield *draft[:i], Step(name, tokens=2), *draft[i:]


def _near_step(step: Step, drafters: Sequence[str], reviewers: Sequence[str]) -> Iterator[Step]:
    for key in ("tokens", "rounds", "until"):
        n = getattr(step, key)
        if n is not None:
            yield from (replace(step, **{key: m}) for m in sorted({n - 1, n + 1, n + 3, n - 3}) if m >= 1)
    cheaper = drafters[drafters.index(step.by) + 1 :]
    if step.draft:
        inner = (draft for draft in _near(step.draft, cheaper, reviewers) if draft)
        yield from (replace(step, draft=draft) for draft in inner)
        yield Step(step.by, tokens=step.rounds or 2)
    elif step.by in reviewers:
        for name in cheaper:
            yield Step(step.by, rounds=max(1, (step.tokens or 2) // 2), draft=(Step(name, tokens=3),))


def _said_otherwise(leaf: Step) -> Step:
    """So many tokens of its own, or as many as the whole draft lacks to that many."""
    if leaf.until is None:
        return Step(leaf.by, until=leaf.tokens)
    return Step(leaf.by, tokens=leaf.until)
