"""The cascade that replays best, by climbing from good ones: for those who deploy, where theory's optimum is not it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from analysis.model import Draft, InputError, Step, longest
from analysis.model.neighbours import DROPPED, Edit, best_of, climb, count_of, counted, edited, nested

MOST_TOKENS = 32
"""Greatest length of a draft that is tried."""


def search(start: Draft, drafters: Sequence[str], reviewers: Sequence[str], score: Callable[[Draft], float]) -> Draft:
    """Go to the best neighbour until none is better.

    Args:
        start: Where to begin.
        drafters: In the order in which they may review each other.
        reviewers: Those of them that can.
        score: The greater the better; asked for several times of one draft.
    """
    return climb([start], lambda draft: neighbours(draft, drafters, reviewers), best_of(score))


def neighbours(draft: Draft, drafters: Sequence[str], reviewers: Sequence[str]) -> Iterator[Draft]:
    """Drafts that differ in one number, or in one step: one more, one fewer, or one that goes on in another way."""
    for near in _near(draft, drafters, reviewers):
        try:
            if longest(near) <= MOST_TOKENS:
                yield near
        except InputError:
            continue


def _near(draft: Draft, drafters: Sequence[str], reviewers: Sequence[str]) -> Iterator[Draft]:
    def edits(i: int) -> Iterator[Edit]:
        step = draft[i]
        yield from (Edit(1, (other,)) for other in _near_step(step, drafters, reviewers))
        yield DROPPED
        if i and step.is_leaf:  # the first step drafts alike in both ways
            yield Edit(1, (_said_otherwise(step),))

    def put_in(i: int) -> Iterator[Step]:
        around = {step.by for step in draft[max(0, i - 1) : i + 1]}
        return (Step(name, tokens=2) for name in drafters if name not in around)

    return edited(draft, edits, put_in)


def _near_step(step: Step, drafters: Sequence[str], reviewers: Sequence[str]) -> Iterator[Step]:
    n = count_of(step)
    yield from counted(step, (m for m in sorted({n - 1, n + 1, n + 3, n - 3}) if m >= 1))
    cheaper = drafters[drafters.index(step.by) + 1 :]
    if step.draft:
        yield from nested(step, lambda draft: _near(draft, cheaper, reviewers))
        yield Step(step.by, tokens=step.rounds or 2)
    elif step.by in reviewers:
        for name in cheaper:
            yield Step(step.by, rounds=max(1, (step.tokens or 2) // 2), draft=(Step(name, tokens=3),))


def _said_otherwise(leaf: Step) -> Step:
    """So many tokens of its own, or as many as the whole draft lacks to that many."""
    if leaf.until is None:
        return Step(leaf.by, until=leaf.tokens)
    return Step(leaf.by, tokens=leaf.until)
