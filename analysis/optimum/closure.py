"""A bound for problems too large to solve: the same hulls, with the limit on lengths left to the number of steps.

Acceptances and costs are constants, where necessary those of `Problem.relaxed_to_constants`. Three things are given
away besides: an inner draft uses up none of its reviewer's tokens, so that every step counts as one; a model may
review at a level whatever is above it, but for the reviewer next to it; and its weight is the greatest over all paths
to it.

Each only adds drafts or raises gains. That a gain g' may be raised needs a word: a round is worth a (1 + g) + g' (a -
(1 - a) g), which rises with g' unless a leaf token in its place is at least as good. And constants that are nowhere
worse bound any hazards: for every length R of a round, ``sum_{i<=R} S_i + S_R g`` rises with each hazard in it, its
increments at the greatest hazard a are a^R (a - (1 - a) g), and again either g' raises it or a leaf is at least as
good. Where hulls have many vertices, a few of their edges are kept and prolonged: again only higher.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.model import progress
from analysis.optimum.bound import ROUNDING
from analysis.optimum.hull import Vector, outlined, upper_hull
from analysis.optimum.problem import Problem

WORK = 30_000_000
"""Points that the outlines are kept to; five seconds or so."""

STEPS = 64
"""Steps after which outlines have mostly stopped growing, however many more there may be."""

LEAST_VERTICES = 12
"""Least number of vertices to which an outline is coarsened."""


def closure_bound(problem: Problem) -> float:
    """Bound the EWIF of every draft of leaf and `rounds` steps of a problem, however large it is."""
    cascade = (problem if problem.is_constant else problem.relaxed_to_constants()).cascade
    target = cascade.target
    rows = {
        reviewer: {by: cascade.pair(reviewer, by).at(0) for r, by in problem.pairs if r == reviewer}
        for reviewer, _ in problem.pairs
    }
    most = _vertices(problem, rows)
    weights: list[dict[str, float]] = [{target: 1.0}]
    for _ in range(1, problem.max_depth):
        below: dict[str, float] = {}
        for reviewer, weight in weights[-1].items():
            for by, a in rows.get(reviewer, {}).items():
                below[by] = max(below.get(by, 0.0), weight * a)
        weights.append(below)
    inner: dict[str, tuple[Vector, Vector]] = {}
    outer: dict[str, tuple[Vector, Vector]] = {}
    for level in reversed(weights):
        hulls = {}
        for reviewer, weight in progress(level.items(), "upper bound", "reviewer", total=len(level)):
            steps = problem.longest(target) if reviewer == target else problem.max_tokens
            first = {
                by: (weight * a, *_reviewed(inner, by, cascade.cost(by).at(1)))
                for by, a in rows.get(reviewer, {}).items()
            }
            hulls[reviewer] = _closed(cascade.cost(reviewer).at(1), first, steps, most)
        inner = {reviewer: outlined(*hull, max(LEAST_VERTICES, most // 2)) for reviewer, hull in hulls.items()}
        outer = hulls
    cost, gain = outer[target]
    unit = problem.cascade.cost(target).at(1)
    return float(np.max((1 + gain) / cost)) * unit * (1 + ROUNDING)


def _vertices(problem: Problem, rows: Mapping[str, Mapping[str, float]]) -> int:
    """Vertices to which outlines are kept, so that the work stays within `WORK`."""
    reviews = sum(len(row) for row in rows.values()) * (problem.max_depth - 1) + len(rows[problem.cascade.target])
    return max(2 * LEAST_VERTICES, int((2 * WORK / (reviews * min(problem.max_tokens, STEPS))) ** 0.5))


def _reviewed(inner: Mapping[str, tuple[Vector, Vector]], by: str, cost: float) -> tuple[Vector, Vector]:
    """Cost and g' of a round by a drafter; the empty inner draft, which gains nothing, stands for its leaf token."""
    return inner.get(by, (np.array([cost]), np.zeros(1)))


def _closed(
    stop: float, first: Mapping[str, tuple[float, Vector, Vector]], steps: int, most: int
) -> tuple[Vector, Vector]:
    """Outline of all drafts of at most some number of steps; it often stops growing long before.

    It is their hull, or one a little above it where that has more vertices than `most`.
    """
    cost, gain = np.array([stop]), np.zeros(1)
    for _ in range(steps):
        costs, gains = [cost], [gain]
        for a, inner_cost, inner_gain in first.values():
            costs.append(np.add.outer(inner_cost, cost).ravel())
            gains.append((a * (1 + gain) + np.multiply.outer(inner_gain, a - (1 - a) * gain)).ravel())
        every_cost, every_gain = np.concatenate(costs), np.concatenate(gains)
        kept = upper_hull(every_cost, every_gain)
        before = gain
        cost, gain = outlined(every_cost[kept], every_gain[kept], most)
        if gain.size == before.size and np.allclose(gain, before, rtol=1e-15, atol=0):
            break
    return cost, gain
