"""The exact programme of a problem, or of the largest smaller one that is affordable."""

from __future__ import annotations

from dataclasses import replace

from analysis.optimum.problem import Problem
from analysis.optimum.programme import BATCH, Programme, TooLargeError

WORK = 200_000_000
"""Greatest work of an exact programme, see `Programme`: five to ten seconds of one core."""

LEAST_TOKENS = 8
"""Length to which a problem too large is cut at the most; below it only drafts of leaves are left."""


def programme_of(problem: Problem) -> Programme | None:
    """The solved programme of a constant problem, of one of smaller depth and then length, or None.

    Each attempt may cost half of the one before, so that all together cost at most twice `WORK`.
    """
    work = WORK
    smaller: Problem | None = problem
    while smaller is not None:
        if _least_work(smaller, work) <= work:
            try:
                return Programme(smaller, work)
            except TooLargeError:
                work //= 2
        smaller = _reduced(smaller)
    return None


def _reduced(problem: Problem) -> Problem | None:
    """One level less, or half the length where there are two levels."""
    if problem.is_flat:
        return None
    if problem.max_depth > 2:
        return replace(problem, max_depth=problem.max_depth - 1)
    if problem.max_tokens > LEAST_TOKENS:
        return replace(problem, max_tokens=max(LEAST_TOKENS, problem.max_tokens // 2))
    return None


def _least_work(problem: Problem, limit: float) -> float:
    """Work of the programme if every hull had one vertex, counted to a limit."""
    work = 0.0
    for path in problem.paths():
        length = problem.longest(path[-1])
        for by in problem.drafters_after(path):
            work += BATCH * length * (max(1.0, length / 4) if problem.reviews(path, by) else 1.0)
        if work > limit:
            break
    return work
