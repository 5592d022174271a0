"""What an optimisation searches: the drafts of leaf and `rounds` steps with bounded length and depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from analysis.model import MAX_DRAFT_LENGTH, Acceptance, Affine, ByDraft, Cascade, InputError, PerPosition, Step
from analysis.optimum.ends import Ends

MAX_DEPTH = 8
"""Greatest `max_depth`."""

Path: TypeAlias = tuple[str, ...]
"""Reviewers from the target down to the one whose draft is meant."""


@dataclass(frozen=True)
class Problem:
    """The models, and how long and how deep a draft may be.

    Feasible are all drafts of leaf (`tokens`) and `rounds` steps in which no model drafts for itself, the target
    never drafts, every pair used has an acceptance, every draft and inner draft has a greatest possible length of at
    most `max_tokens`, drafts nest at most `max_depth` deep (leaves only: depth 1), and no table is read past its end
    that has not been told to go on there. The empty draft is feasible.

    Attributes:
        cascade: Models, acceptances and costs; its draft is not read.
        max_tokens: Greatest possible length of a draft at every level, 1..4096.
        max_depth: Greatest nesting, 1..8.
        pairs: Every (reviewer, drafter) that a feasible draft may use.

    Raises:
        InputError: naming the field that is out of range or missing.
    """

    cascade: Cascade
    max_tokens: int = 16
    max_depth: int = 3
    pairs: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        for name, value, high in (
            ("max_tokens", self.max_tokens, MAX_DRAFT_LENGTH),
            ("max_depth", self.max_depth, MAX_DEPTH),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
                raise InputError(name, f"got {value!r}, expected a whole number in 1..{high}")
        target = self.cascade.target
        if not self.drafters_after((target,)):
            raise InputError(f"acceptance.{target}", "missing, expected the acceptance of at least one drafter")
        pairs: dict[tuple[str, str], None] = {}
        level = {target: None}
        for _ in range(self.max_depth):
            found = {(reviewer, by): None for reviewer in level for by in self.drafters_after((reviewer,))}
            pairs.update(found)
            level = {by: None for _, by in found}
        object.__setattr__(self, "pairs", tuple(pairs))
        for model in self.models:
            if self.is_by_draft(model) and not self.is_flat:
                problem = f"optimised for drafts of leaves alone, got max_depth {self.max_depth}: set it to 1"
                raise InputError(f"models.{model}.cost.by_draft", problem)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The target and every drafter that a feasible draft may use."""
        return tuple({model: None for pair in self.pairs for model in pair})

    @cached_property
    def ends(self) -> Ends:
        """Where the tables end that no feasible draft reads past."""
        return Ends(self.cascade, self.pairs)

    def is_by_draft(self, model: str) -> bool:
        """Whether a drafter's tokens cost what their go costs, so that two goes are not one longer go."""
        return isinstance(self.cascade.cost(model), ByDraft)

    def drafters_after(self, path: Path) -> tuple[str, ...]:
        """Drafters whose tokens the last model of a path can review there."""
        row = self.cascade.acceptance.get(path[-1], {})
        return tuple(by for by in row if by not in path and by != self.cascade.target)

    def longest(self, reviewer: str) -> int:
        """Greatest possible length of a draft that a model reviews, as far as its tables let it."""
        return min(self._allowed(reviewer), self.ends.length(reviewer))

    def _allowed(self, reviewer: str) -> int:
        """The same, were there no tables; a drafter's review adds a token of its own to the draft above."""
        return self.max_tokens - (reviewer != self.cascade.target)

    def reviews(self, path: Path, by: str) -> bool:
        """Whether a drafter may review drafts of its own in a draft of the last model of a path."""
        return (
            len(path) < self.max_depth
            and self.longest(path[-1]) > 1
            and self.longest(by) > 0
            and bool(self.drafters_after((*path, by)))
        )

    @cached_property
    def reviewers(self) -> frozenset[str]:
        """The target and the drafters that may review drafts of their own somewhere, at the most."""
        return self._reviewing(self.longest)

    def paths(self) -> Iterator[Path]:
        """Every path of reviewers that a feasible draft may have, shortest first."""
        level: list[Path] = [(self.cascade.target,)]
        for _ in range(self.max_depth):
            yield from level
            level = [(*path, by) for path in level for by in self.drafters_after(path)]

    def may_follow(self, reviewer: str, length: int, by: str, inner: int = 0) -> bool:
        """Whether a token, or a round over an inner draft, fits a draft that already has some greatest length.

        Args:
            reviewer: Whose draft it is.
            length: Its greatest length so far.
            by: Drafter of the step.
            inner: Greatest length of the inner draft; 0 for a token that the drafter drafts itself.
        """
        if length + 1 + inner > self.longest(reviewer):
            return False
        if not inner:
            return length < self.ends.tokens(reviewer, by, corrected=False)
        return length + inner <= self.ends.tokens(reviewer, by, corrected=False) and (
            length + inner < self.ends.tokens(reviewer, by, corrected=True)
        )

    def fits(self, steps: Sequence[Step]) -> bool:
        """Whether a draft of leaf and `rounds` steps is within the lengths and the tables."""
        return self._length(self.cascade.target, steps) is not None

    def _length(self, reviewer: str, steps: Sequence[Step]) -> int | None:
        """Greatest length of a draft, None where it does not fit."""
        length = 0
        for step in steps:
            inner = self._length(step.by, step.draft) if step.draft else 0
            if inner is None:
                return None
            number = step.tokens or step.rounds or 0
            last = length + (number - 1) * (1 + inner)
            if not self.may_follow(reviewer, last, step.by, inner):
                return None
            length = last + 1 + inner
        return length

    @property
    def is_flat(self) -> bool:
        """Whether every feasible draft is one of leaves."""
        return len(self.reviewers) == 1

    @cached_property
    def is_constant(self) -> bool:
        """Whether every acceptance and cost that a feasible draft may read is one number, and none of them ends."""
        if any(self.is_by_draft(model) for model in self.models):
            return False
        for reviewer, by in self.pairs:
            length = self._length_reviewed(reviewer)
            types = (False, True) if by in self.reviewers else (False,)
            if min(self.ends.tokens(reviewer, by, kind) for kind in types) < length:
                return False
            if len(set(self._hazards_read(reviewer, by))) > 1:
                return False
        return all(len({self.cascade.cost(model).at(q) for q in self._calls(model)}) == 1 for model in self.models)

    def _length_reviewed(self, reviewer: str) -> int:
        """Greatest length of a draft that a model reviews; 0 where it only drafts."""
        return self.longest(reviewer) if reviewer in self.reviewers else 0

    def _calls(self, model: str) -> range:
        """Sizes of calls of a model that a feasible draft may make: 1 for drafting, more for reviews."""
        return range(1, self._length_reviewed(model) + 2)

    def _hazards_read(self, reviewer: str, by: str) -> Iterator[float]:
        """Hazards of a pair that a feasible draft may read."""
        pair = self.cascade.pair(reviewer, by)
        for corrected in (False, True) if by in self.reviewers else (False,):
            top = min(self._length_reviewed(reviewer), self.ends.tokens(reviewer, by, corrected))
            yield from pair.of(corrected).first(top)

    def beyond_data(self) -> list[str]:
        """Tables that some feasible draft reads past their end, since they have been told to go on."""
        return self.ends.beyond(
            {m: self._most_read(m) for m in self.models},
            {pair: self._length_reviewed(pair[0]) for pair in self.pairs},
            self.reviewers,
        )

    def _most_read(self, model: str) -> int:
        """Greatest entry of a model's table of costs that a feasible draft may read."""
        return self.longest(self.cascade.target) if self.is_by_draft(model) else self._length_reviewed(model) + 1

    def cut_short(self) -> list[tuple[str, int]]:
        """Tables that keep drafts within `max_tokens` from being feasible: (field, entries)."""
        return self.ends.cutting({m: self._allowed(m) for m in self.models}, self._reviewing(self._allowed))

    def _reviewing(self, longest: Callable[[str], int]) -> frozenset[str]:
        """Who may review, by the greatest length of a model's drafts; of a path only the last two models are seen."""
        found = {self.cascade.target}
        level = {self.cascade.target}
        for _ in range(self.max_depth - 1):
            level = {
                by
                for reviewer in level
                if longest(reviewer) > 1
                for by in self.drafters_after((reviewer,))
                if longest(by) > 0 and set(self.drafters_after((by,))) - {reviewer}
            }
            found |= level
        return frozenset(found)

    def relaxed_to_constants(self) -> Problem:
        """The problem with acceptances and costs that are constant and nowhere worse.

        Every hazard becomes the greatest and every cost the least that a feasible draft may read.
        """
        models = dict(self.cascade.models)
        for model in self.models:
            cost = self.cascade.cost(model)
            models[model] = replace(models[model], cost=Affine(min(cost.at(q) for q in self._calls(model))))
        rows: dict[str, dict[str, Acceptance]] = {}
        for reviewer, by in self.pairs:
            most = PerPosition((max(self._hazards_read(reviewer, by), default=0.0),))
            rows.setdefault(reviewer, {})[by] = Acceptance(most, most)
        return replace(self, cascade=replace(self.cascade, models=models, acceptance=rows, draft=()))
