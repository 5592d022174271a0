"""Every feasible draft of a small problem."""

from __future__ import annotations

from analysis.model import Draft, Step
from analysis.optimum.problem import Path, Problem
from analysis.optimum.programme import merged

ENUMERATED = 5_000
"""Greatest number of drafts that are all evaluated."""

_Known = list[tuple[list[Step], int]]
"""Drafts as single tokens and rounds, with their greatest lengths."""


class _TooManyError(Exception):
    """There are more drafts than asked for."""


def all_drafts(problem: Problem, most: int = ENUMERATED) -> list[Draft] | None:
    """Every feasible draft, the empty one first; None where there are more than `most`."""
    try:
        return [merged(steps) for steps, _ in _drafts(problem, (problem.cascade.target,), most)]
    except _TooManyError:
        return None


def _drafts(problem: Problem, path: Path, most: int) -> _Known:
    reviewer = path[-1]
    singles: list[tuple[Step, int]] = []
    for by in problem.drafters_after(path):
        singles.append((Step(by, tokens=1), 0))
        if problem.reviews(path, by):
            inner = _drafts(problem, (*path, by), most)
            singles += [(Step(by, rounds=1, draft=merged(steps)), length) for steps, length in inner if steps]
    found: _Known = [([], 0)]
    for steps, length in found:
        for single, inner_length in singles:
            if problem.may_follow(reviewer, length, single.by, inner_length):
                found.append(([*steps, single], length + 1 + inner_length))
                if len(found) > most:
                    raise _TooManyError
    return found
