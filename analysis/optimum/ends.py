"""Where measured tables end: an optimisation reads past the end of one only where it has been told what holds there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from analysis.model import MAX_DRAFT_LENGTH, ByDraft, Cascade, PerPosition, Tabulated, goes_on
from analysis.model.cost import Cost, table_field
from analysis.model.hazard import Hazard
from analysis.model.reach import table_fields

NO_END = MAX_DRAFT_LENGTH + 1
"""Stands for a table that goes on: no draft is longer, and no call greater."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Ends:
    """Where the tables of some pairs and their models end.

    Attributes:
        cascade: Whose tables.
        pairs: The pairs (reviewer, drafter) that may be used.
    """

    cascade: Cascade
    pairs: tuple[Pair, ...]

    @cached_property
    def _tokens(self) -> dict[tuple[str, str, bool], int]:
        return {
            (reviewer, by, corrected): _end(hazard)
            for reviewer, by in self.pairs
            for corrected, _, hazard in table_fields(reviewer, by, self.cascade.pair(reviewer, by))
        }

    @cached_property
    def _lengths(self) -> dict[str, int]:
        lengths = {}
        for model in dict.fromkeys(reviewer for reviewer, _ in self.pairs):
            ends = [end for (reviewer, _, _), end in self._tokens.items() if reviewer == model]
            lengths[model] = min(max(ends), _end(self.cascade.cost(model)) - 1)
        return lengths

    def tokens(self, reviewer: str, by: str, corrected: bool) -> int:
        """Number of positions at which a drafter's tokens of a type may be, from 0 on."""
        return self._tokens[reviewer, by, corrected]

    def go(self, drafter: str) -> int:
        """Greatest number of tokens that a drafter may draft in one go, as far as its costs say."""
        cost = self.cascade.cost(drafter)
        return _end(cost) if isinstance(cost, ByDraft) else NO_END

    def length(self, reviewer: str) -> int:
        """Greatest length of a draft that a model may review; 0 where it reviews nothing."""
        return self._lengths.get(reviewer, 0)

    def beyond(self, calls: Mapping[str, int], lengths: Mapping[Pair, int], reviewers: Collection[str]) -> list[str]:
        """Fields of tables that go on and are read past their end.

        Args:
            calls: Greatest call, or go, by model.
            lengths: Greatest length of a draft by pair.
            reviewers: Models that review; the others' tokens are never corrected ones.
        """
        found: dict[str, Hazard | Cost] = {}
        for pair in self.pairs:
            for corrected, field, hazard in table_fields(*pair, self.cascade.pair(*pair)):
                if _ends_before(hazard, lengths[pair]) and (not corrected or pair[1] in reviewers):
                    found[field] = hazard
        for model, q in calls.items():
            if _ends_before(self.cascade.cost(model), q):
                found[table_field(model, self.cascade.cost(model))] = self.cascade.cost(model)
        return [field for field, table in found.items() if _goes_on(table)]

    def cutting(self, allowed: Mapping[str, int], reviewers: Collection[str]) -> list[tuple[str, int]]:
        """(field, entries) of tables that do not go on and end before drafts of the allowed lengths do."""
        return list(dict.fromkeys(self._cutting(allowed, reviewers)))

    def _cutting(self, allowed: Mapping[str, int], reviewers: Collection[str]) -> Iterator[tuple[str, int]]:
        for reviewer, by in self.pairs:
            if reviewer in reviewers:
                for corrected, field, hazard in table_fields(reviewer, by, self.cascade.pair(reviewer, by)):
                    if _end(hazard) < allowed[reviewer] and (not corrected or by in reviewers):
                        yield field, _end(hazard)
        for model, length in allowed.items():
            cost = self.cascade.cost(model)
            most = allowed[self.cascade.target] if isinstance(cost, ByDraft) else length + 1
            if _end(cost) < most and (model in reviewers or isinstance(cost, ByDraft)):
                yield table_field(model, cost), _end(cost)


def _end(table: object) -> int:
    """Entries of a table that may be read."""
    if isinstance(table, Tabulated | ByDraft | PerPosition) and table.end is not None and not _goes_on(table):
        return table.end
    return NO_END


def _goes_on(table: object) -> bool:
    """Whether a table has been told to go on."""
    return isinstance(table, Tabulated | ByDraft | PerPosition) and goes_on(table.beyond)


def _ends_before(table: object, read: int) -> bool:
    return isinstance(table, Tabulated | ByDraft | PerPosition) and table.end is not None and table.end < read
