"""What an optimisation searches: the drafts of leaf and `rounds` steps with bounded length and depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from analysis.model import MAX_DRAFT_LENGTH, Acceptance, Affine, Cascade, InputError, PerPosition

MAX_DEPTH = 8
"""Greatest `max_depth`."""

Path: TypeAlias = tuple[str, ...]
"""Reviewers from the target down to the one whose draft is meant."""


@dataclass(frozen=True)
class Problem:
    """The models, and how long and how deep a draft may be.

    Feasible are all drafts of leaf (`tokens`) and `rounds` steps in which no model drafts for itself, the target
    never drafts, every pair used has an acceptance, every draft and inner draft has a greatest possible length of at
    most `max_tokens`, and drafts nest at most `max_depth` deep (leaves only: depth 1). The empty draft is feasible.

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
            self.cascade.cost(model)

    @property
    def models(self) -> tuple[str, ...]:
        """The target and every drafter that a feasible draft may use."""
        return tuple({model: None for pair in self.pairs for model in pair})

    def drafters_after(self, path: Path) -> tuple[str, ...]:
        """Drafters whose tokens the last model of a path can review there."""
        row = self.cascade.acceptance.get(path[-1], {})
        return tuple(by for by in row if by not in path and by != self.cascade.target)

    def paths(self) -> Iterator[Path]:
        """Every path of reviewers that a feasible draft may have, shortest first."""
        level: list[Path] = [(self.cascade.target,)]
        for _ in range(self.max_depth):
            yield from level
            level = [(*path, by) for path in level for by in self.drafters_after(path)]

    @property
    def is_flat(self) -> bool:
        """Whether every feasible draft is one of leaves."""
        target = self.cascade.target
        nested = [by for by in self.drafters_after((target,)) if self.drafters_after((target, by))]
        return self.max_depth == 1 or self.max_tokens == 1 or not nested

    @property
    def is_constant(self) -> bool:
        """Whether every acceptance and cost that a feasible draft may use is one number."""
        return all(self.cascade.pair(*pair).is_constant for pair in self.pairs) and all(
            isinstance(cost, Affine) and cost.per_token == 0 for cost in map(self.cascade.cost, self.models)
        )

    def relaxed_to_constants(self) -> Problem:
        """The problem with acceptances and costs that are constant and nowhere worse.

        Every hazard becomes its greatest value over the positions and types that a draft of at most `max_tokens`
        tokens has, every cost its least over calls on 1..max_tokens + 1 tokens.
        """
        models = dict(self.cascade.models)
        for model in self.models:
            cost = self.cascade.cost(model)
            models[model] = replace(models[model], cost=Affine(min(cost.at(q + 1) for q in range(self.max_tokens + 1))))
        rows: dict[str, dict[str, Acceptance]] = {}
        for reviewer, by in self.pairs:
            given = self.cascade.pair(reviewer, by)
            most = max(given.at(j, corrected) for j in range(self.max_tokens) for corrected in (False, True))
            rows.setdefault(reviewer, {})[by] = Acceptance(PerPosition((most,)), PerPosition((most,)))
        return replace(self, cascade=replace(self.cascade, models=models, acceptance=rows, draft=()))
