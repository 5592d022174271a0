"""The best K-matrix of the paper: nested `until` steps, one row of draft lengths for each reviewer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from analysis.model import Draft, InputError, Step, draft_from_k_matrix, goes_on, longest, progress, readings
from analysis.model.kmatrix import MAX_GRAM_BLOCK
from analysis.model.neighbours import best_of, climb
from analysis.optimum.bound import ROUNDING
from analysis.optimum.certificate import SearchLimits, consistent
from analysis.optimum.optimise import following_bound
from analysis.optimum.problem import Problem
from analysis.theory.exact import ewif

PAPER_TOKENS = 48
"""Greatest length of a draft of the paper's example [[5, 19, 29], [0, 1, 11], [0, 0, 10]], its overshoot included."""

ENUMERATED = 6000
"""Greatest number of matrices that are all tried."""

Matrix: TypeAlias = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class BestKMatrix:
    """The best K-matrix found.

    Attributes:
        matrix: Cumulative lengths (the paper's convention), row r of reviewer r, column j of drafter j.
        drafters: The drafters from the dearest to the cheapest, which is a leaf drafting in blocks.
        block: Tokens of such a block.
        draft: The matrix as a draft.
        ewif: Its EWIF.
        upper_bound: No K-matrix within the problem's lengths and depth has a greater EWIF.
        searched: How it was searched, in words.
        limits: What it rests on besides the numbers given.
    """

    matrix: Matrix
    drafters: tuple[str, ...]
    block: int
    draft: Draft
    ewif: float
    upper_bound: float
    searched: str
    limits: SearchLimits

    def notes(self) -> list[str]:
        """What it rests on, and whether matrices like those of the paper were among those searched, in words."""
        lines = self.limits.notes()
        if self.limits.max_tokens < PAPER_TOKENS:
            lines.append(
                f"max_tokens is {self.limits.max_tokens}: matrices as long as the paper's own, which draft up to "
                f"{PAPER_TOKENS} tokens, were not searched"
            )
        return lines

    def to_json(self) -> dict[str, object]:
        """The result as it is printed."""
        return {
            "ewif": self.ewif,
            "matrix": [list(row) for row in self.matrix],
            "drafters": list(self.drafters),
            "block": self.block,
            "draft": [step.to_json() for step in self.draft],
            "upper_bound": self.upper_bound,
            "searched": self.searched,
            "notes": self.notes(),
        }


class _Matrices:
    """EWIF of K-matrices, each draft evaluated once."""

    def __init__(self, problem: Problem) -> None:
        cascade = problem.cascade
        others = [model for model in problem.models if model != cascade.target]
        self.problem = problem
        self.drafters = tuple(sorted(others, key=lambda model: -cascade.cost(model).at(1)))
        self.block = min(MAX_GRAM_BLOCK, problem.max_tokens)
        reviewers = (cascade.target, *self.drafters)
        self.entries = [
            (r, j)
            for r in range(len(self.drafters))
            for j in range(r, len(self.drafters))
            if (reviewers[r], self.drafters[j]) in problem.pairs
        ]
        self.values: dict[Draft, float] = {}

    def matrix(self, lengths: Sequence[int]) -> Matrix:
        """The matrix with these values at `entries` and 0 elsewhere."""
        rows = [[0] * len(self.drafters) for _ in self.drafters]
        for (r, j), length in zip(self.entries, lengths, strict=True):
            rows[r][j] = length
        return tuple(tuple(row) for row in rows)

    def draft(self, lengths: Sequence[int]) -> Draft | None:
        """The matrix as a draft, or None where it is not feasible."""
        draft = draft_from_k_matrix(self.matrix(lengths), self.drafters, "cumulative", self.block)
        return draft if self._fits(draft, 1) and self._is_read(draft) else None

    def value(self, lengths: Sequence[int]) -> float:
        """EWIF; 0 where the matrix is not feasible."""
        draft = self.draft(lengths)
        if draft is None:
            return 0.0
        if draft not in self.values:
            self.values[draft] = ewif(self.problem.cascade.with_draft(draft))
        return self.values[draft]

    def _fits(self, steps: Sequence[Step], depth: int) -> bool:
        try:
            within = depth <= self.problem.max_depth and longest(steps) <= self.problem.max_tokens
        except InputError:
            return False
        return within and all(self._fits(step.draft, depth + 1) for step in steps if step.draft)

    def _is_read(self, draft: Draft) -> bool:
        """Whether a draft reads no table past an end at which it has not been told to go on."""
        read = readings(self.problem.cascade.with_draft(draft))
        return not any(reading.is_beyond and not goes_on(reading.beyond) for reading in read)


def best_k_matrix(problem: Problem) -> BestKMatrix:
    """Find the best K-matrix: by trying all where they are few, else by climbing from several starts.

    Drafters are taken from the dearest to the cheapest, as the paper orders them; a 0 leaves one out. An entry whose
    pair has no acceptance is 0.

    Raises:
        InputError: where a cost is by draft, for which there is no bound over matrices.
    """
    for model in problem.models:
        if problem.is_by_draft(model):
            raise InputError(f"models.{model}.cost.by_draft", "K-matrices are compared for costs by tokens alone")
    matrices = _Matrices(problem)
    top, number = problem.max_tokens, len(matrices.entries)
    if (top + 1) ** number <= ENUMERATED:
        every = itertools.product(range(top + 1), repeat=number)
        best = max(progress(every, "K-matrices", "matrix", total=(top + 1) ** number), key=matrices.value)
        searched = f"all {(top + 1) ** number} matrices tried"
    else:
        starts = [(0,) * number]
        starts += [tuple(length if i == e else 0 for i in range(number)) for e in range(number) for length in (3, top)]
        starts += [(length,) * number for length in (2, 5)]
        ends = [
            climb([start], partial(_changes, top=top), best_of(matrices.value))
            for start in progress(starts, "K-matrices", "start")
        ]
        best = max(ends, key=matrices.value)
        searched = f"{len(matrices.values)} different drafts tried, climbing from {len(starts)} matrices"
    value = matrices.value(best)
    bound = consistent(min(following_bound(problem, value), tokens_bound(problem)), value)
    draft = matrices.draft(best) or ()
    limits = SearchLimits.of(problem, draft)
    return BestKMatrix(matrices.matrix(best), matrices.drafters, matrices.block, draft, value, bound, searched, limits)


def tokens_bound(problem: Problem) -> float:
    """A bound for any cascade: a cycle costs a target call and yields at most 1 + a + ... + a^K tokens.

    a is the greatest hazard of any drafter at the target: CS Drafting's limit 1 / (1 - a) for finite drafts.
    """
    target = problem.cascade.target
    constant = problem.relaxed_to_constants().cascade
    most = max(constant.pair(target, by).at(0) for by in problem.drafters_after((target,)))
    tokens = sum(most**i for i in range(problem.longest(target) + 1))
    return tokens * problem.cascade.cost(target).at(1) / constant.cost(target).at(1) * (1 + ROUNDING)


def _changes(lengths: tuple[int, ...], top: int) -> Iterator[tuple[int, ...]]:
    """Matrices with one entry of any length, or two entries changed by one each."""
    for i in range(len(lengths)):
        for length in range(top + 1):
            yield (*lengths[:i], length, *lengths[i + 1 :])
    for i, j in itertools.combinations(range(len(lengths)), 2):
        for up, down in itertools.product((-1, 1), repeat=2):
            changed = list(lengths)
            changed[i] += up
            changed[j] += down
            if 0 <= changed[i] <= top and 0 <= changed[j] <= top:
                yield tuple(changed)
