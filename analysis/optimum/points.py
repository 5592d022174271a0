"""Drafts as (cost, gain) points that remember how they begin, and what remains of many after taking the hull."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.optimum.hull import Indices, Vector, height, upper_hull


class PointOrigin(NamedTuple):
    """First step of the draft behind a point, and where the rest is found.

    Attributes:
        by: Drafter of the first step; empty for the empty draft.
        inner_length: Greatest length of the step's inner draft; 0 for a leaf.
        inner: Index of the inner draft in the hull for that length.
        left: Greatest length of the rest.
        tail: Index of the rest in the hull for that length.
    """

    by: str
    inner_length: int
    inner: int
    left: int
    tail: int


@dataclass(frozen=True)
class Points:
    """Drafts by what they cost and gain.

    Attributes:
        cost: Expected cost, the reviewer's own call included, in the specification's unit, shape (n,).
        gain: Expected accepted tokens, weighted, shape (n,).
        length: Greatest possible number of tokens, shape (n,).
        origin: How each draft begins, n entries.
    """

    cost: Vector
    gain: Vector
    length: Indices
    origin: Sequence[PointOrigin]

    @classmethod
    def empty_draft(cls, cost: float) -> Points:
        """The one draft without steps."""
        return cls(np.array([cost]), np.zeros(1), np.zeros(1, dtype=np.intp), [PointOrigin("", 0, -1, 0, -1)])

    def only(self, chosen: Indices) -> Points:
        """The points at some indices."""
        return Points(self.cost[chosen], self.gain[chosen], self.length[chosen], [self.origin[i] for i in chosen])

    def of_length(self, length: int) -> Longest:
        """The points of exactly some greatest length."""
        index = np.flatnonzero(self.length == length)
        return Longest(length, self.cost[index], self.gain[index], index)


class Longest(NamedTuple):
    """Those vertices of a hull that use up all its tokens, with their indices among all its vertices."""

    length: int
    cost: Vector
    gain: Vector
    which: Indices


@dataclass(frozen=True)
class Batch:
    """One first step, over each of some inner drafts, before each of some rests.

    Attributes:
        by: Drafter of the step.
        inner: The inner drafts, m of them; None for a leaf.
        rest: The rests, n of them.
        cost: Shape (m, n); (n,) for a leaf.
        gain: The same shape.
    """

    by: str
    inner: Longest | None
    rest: Longest
    cost: Vector
    gain: Vector

    def points(self, chosen: Indices) -> Points:
        """The drafts at some indices of the flattened arrays."""
        inner, rest = np.divmod(chosen, self.rest.which.size)
        inner_length = 0 if self.inner is None else self.inner.length
        where = np.full(inner.size, -1) if self.inner is None else self.inner.which[inner]
        origin = [
            PointOrigin(self.by, inner_length, i, self.rest.length, j)
            for i, j in zip(where.tolist(), self.rest.which[rest].tolist(), strict=True)
        ]
        length = np.full(chosen.size, 1 + inner_length + self.rest.length)
        return Points(self.cost.ravel()[chosen], self.gain.ravel()[chosen], length, origin)


def hull_with(known: Points, batches: Sequence[Batch]) -> Points:
    """Hull of the vertices of a hull and some batches; of equal points, the known and the earlier ones are kept.

    Batches are thinned against the known hull first, which is cheap and loses no vertex.
    """
    parts = [known]
    for batch in batches:
        cost, gain = batch.cost.ravel(), batch.gain.ravel()
        above = np.flatnonzero(gain > height(cost, known.cost, known.gain))
        if above.size:
            parts.append(batch.points(above[upper_hull(cost[above], gain[above])]))
    if len(parts) == 1:
        return known
    every = Points(
        np.concatenate([part.cost for part in parts]),
        np.concatenate([part.gain for part in parts]),
        np.concatenate([part.length for part in parts]),
        [origin for part in parts for origin in part.origin],
    )
    return every.only(upper_hull(every.cost, every.gain))
