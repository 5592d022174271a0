"""A draft without the tokens and rounds that do nothing for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from analysis.model import Draft, Step
from analysis.optimum.programme import merged

LOSS = 1e-12
"""Relative EWIF that a shorter draft may lose: as much as rounding could."""


def trimmed(draft: Draft, value: Callable[[Draft], float]) -> Draft:
    """Shorten a draft step by step, from its end and from the inside, as far as its value allows.

    The optimum is often reached by many drafts to the last digit, for example where a free drafter's twentieth token is
    never accepted. Assumes that where n tokens or rounds of a step suffice, more do.
    """
    enough = value(draft) * (1 - LOSS)
    return _trimmed(draft, lambda shorter: not (value(shorter) < enough))


def _trimmed(draft: Draft, suffices: Callable[[Draft], bool]) -> Draft:
    for i in reversed(range(len(draft))):
        before, step, after = draft[:i], draft[i], draft[i + 1 :]
        if suffices(before + after):
            draft = before + after
            continue
        within = _Within(before, after, suffices)
        step = _fewest(step, within.step)
        if step.draft:
            step = replace(step, draft=_trimmed(step.draft, partial(within.inner, step)))
        draft = (*before, step, *after)
    return merged(draft)


@dataclass(frozen=True)
class _Within:
    """What suffices in a draft's place for one step."""

    before: Draft
    after: Draft
    suffices: Callable[[Draft], bool]

    def step(self, step: Step) -> bool:
        return self.suffices((*self.before, step, *self.after))

    def inner(self, step: Step, draft: Draft) -> bool:
        return bool(draft) and self.step(replace(step, draft=draft))


def _fewest(step: Step, suffices: Callable[[Step], bool]) -> Step:
    """The step with as few tokens or rounds as suffice, by bisection."""
    low, high = 0, step.tokens or step.rounds or 0
    while high - low > 1:
        middle = (low + high) // 2
        fewer = replace(step, rounds=middle) if step.draft else replace(step, tokens=middle)
        low, high = (low, middle) if suffices(fewer) else (middle, high)
    return replace(step, rounds=high) if step.draft else replace(step, tokens=high)
