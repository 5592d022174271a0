"""Local search over drafts: the drafts one change away, and a climb that ends where none of them is better.

Nothing here says what is better or which changes are worth a try; a search brings both, and nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from analysis.model.step import Draft, Step

Candidate = TypeVar("Candidate")


class Edit(NamedTuple):
    """A change of a draft at one of its steps.

    Attributes:
        gone: Number of steps that give way, from that one on.
        steps: What takes their place.
    """

    gone: int
    steps: Draft


DROPPED = Edit(1, ())


def edited(
    draft: Draft, edits: Callable[[int], Iterable[Edit]], put_in: Callable[[int], Iterable[Step]] = lambda i: ()
) -> Iterator[Draft]:
    """The drafts that single changes make of one, in the order of its steps; those with one more step come last.

    Args:
        draft: What is changed.
        edits: By the index of a step, the changes at it.
        put_in: By index in 0..len(draft), the steps that may be put in before it.

    Example:
        >>> d = (Step("a", tokens=2), Step("b", tokens=1))
        >>> [[step.by for step in other] for other in edited(d, lambda i: [DROPPED])]
        [['b'], ['a']]
    """
    for i in range(len(draft)):
        for gone, steps in edits(i):
            yield (*draft[:i], *steps, *draft[i + gone :])
    for i in range(len(draft) + 1):
        for step in put_in(i):
            yield (*draft[:i], step, *draft[i:])


def count_of(step: Step) -> int:
    """The step's number of tokens or rounds, or the number of tokens it goes on to."""
    return step.tokens or step.rounds or step.until or 0


def counted(step: Step, counts: Iterable[int]) -> Iterator[Step]:
    """The step with other counts of what it counts."""
    for count in counts:
        if step.tokens is not None:
            yield replace(step, tokens=count)
        elif step.rounds is not None:
            yield replace(step, rounds=count)
        else:
            yield replace(step, until=count)


def nested(step: Step, beside: Callable[[Draft], Iterable[Draft]]) -> Iterator[Step]:
    """The step over the drafts beside its inner one, the empty draft left out; nothing for a leaf."""
    if step.draft:
        for draft in beside(step.draft):
            if draft:
                yield replace(step, draft=draft)


def _itself(candidate: Hashable) -> Hashable:
    return candidate


def climb(
    starts: Iterable[Candidate],
    neighbours: Callable[[Candidate], Iterable[Candidate]],
    select: Callable[[Sequence[Candidate]], Sequence[Candidate]],
    *,
    identity: Callable[[Candidate], Hashable] = _itself,
    most_rounds: int | None = None,
    most_seen: int | None = None,
) -> Candidate:
    """The best candidate met on the way from some starts to a place where no neighbour is better.

    Args:
        starts: At least one.
        neighbours: Candidates one change away.
        select: Judges candidates, and gives those to go on from, the best first; of equals it keeps the earlier. It is
            given what it last chose, followed by candidates that it has not seen.
        identity: Equal for candidates that are the same.
        most_rounds: Greatest number of rounds of changes; None for no limit.
        most_seen: Number of candidates after which no further round begins; None for no limit.
    """
    seen = {identity(start): start for start in starts}
    chosen = select(list(seen.values()))
    climbed: set[Hashable] = set()
    rounds = 0
    while (most_rounds is None or rounds < most_rounds) and (most_seen is None or len(seen) <= most_seen):
        fresh: dict[Hashable, Candidate] = {}
        for candidate in chosen:
            if identity(candidate) not in climbed:
                climbed.add(identity(candidate))
                fresh.update({identity(other): other for other in neighbours(candidate) if identity(other) not in seen})
        if not fresh:
            break
        seen.update(fresh)
        chosen = select([*chosen, *fresh.values()])
        rounds += 1
    return chosen[0]


def best_of(value: Callable[[Candidate], float], width: int = 1) -> Callable[[Sequence[Candidate]], list[Candidate]]:
    """For `climb`: choose the candidates of the greatest values, `width` of them.

    Args:
        value: The greater the better; asked for several times of one candidate.
        width: How many are kept from one round of changes to the next.
    """

    def select(candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=value, reverse=True)[:width]

    return select
