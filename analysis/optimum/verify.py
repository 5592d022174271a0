"""Checks of an optimum; that of the exact programme builds no hull: is every set of points closed under every step?

Let ``hulls[L]`` of a node be said to bound its drafts of at most L tokens. That is so up to L eps in gain if the
empty draft, every leaf before a vertex of ``hulls[L - 1]``, and every round over a vertex of the drafter's
``hulls[m]`` before one of ``hulls[L - 1 - m]`` are no more than eps above ``hulls[L]``: a shortfall d of the rest
counts B <= 1 times and one of the inner draft, e, at most a <= 1 times, so if they are at most (L - 1 - m) eps and m
eps, the whole is at most L eps. Vertices are enough because what a step gives is linear in the rest and in the inner
draft.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.optimum.bound import upper_bound
from analysis.optimum.costs import relative_costs
from analysis.optimum.optimise import Optimum
from analysis.optimum.points import Points
from analysis.optimum.programme import Node, Programme

EVALUATION = 1e-14
"""Allowance for rounding in one comparison, relative to the greatest gain plus one."""

LONGEST_FLAT = 256
"""Greatest `max_tokens` at which an optimum of leaves is checked; the tables take a quarter of a gigabyte there."""

FLAT_POINTS = 1024
"""Grid intervals of that check, whose chords leave some 1e-5 of the EWIF open."""


def checked_bound(optimum: Optimum) -> float | None:
    """An upper bound on every feasible draft by another way than the one that found the optimum.

    `proved_bound` for an exact programme; for drafts of leaves the bound by values instead of hulls of
    `analysis.optimum.bound`. None for drafts of leaves of more than 256 tokens, and where the certificate is itself
    such a bound.
    """
    problem = optimum.problem
    if optimum.programme is not None:
        return proved_bound(optimum.programme)
    if not problem.is_flat or problem.max_tokens > LONGEST_FLAT:
        return None
    return upper_bound(replace(problem, max_depth=1), optimum.ewif, points=FLAT_POINTS, passes=0)


def proved_bound(programme: Programme) -> float:
    """An upper bound on the EWIF of every feasible draft, proved from the programme's vertices alone.

    Reads acceptances and costs from the problem again. Where the programme is right, the bound is its optimum but
    for rounding; where a vertex is missing, the bound is greater; where nothing bounds some draft, it is infinite.
    """
    problem = programme.problem
    cascade = problem.cascade
    found = {node.path: node for node in programme.nodes}
    excess = max((_excess(programme, node, found) for node in programme.nodes), default=0.0)
    target = found[(cascade.target,)].hulls[-1]
    excess += EVALUATION * (1 + float(target.gain.max()))
    return float(np.max((1 + target.gain + problem.max_tokens * excess) / target.cost))


def _excess(programme: Programme, node: Node, found: dict[tuple[str, ...], Node]) -> float:
    """How far any step leads above the node's hulls."""
    problem = programme.problem
    cascade = problem.cascade
    weight = 1.0
    for reviewer, by in zip(node.path, node.path[1:], strict=False):
        weight *= cascade.pair(reviewer, by).at(0)
    longest, price = problem.longest(node.path[-1]), relative_costs(problem)
    if len(node.hulls) <= longest:
        return np.inf
    worst = _above(node.hulls[0], np.array([price[node.path[-1]]]), np.zeros(1))
    for left in range(1, longest + 1):
        hull = node.hulls[left]
        worst = max(worst, _above(hull, node.hulls[left - 1].cost, node.hulls[left - 1].gain))
        for by in problem.drafters_after(node.path):
            a = weight * cascade.pair(node.path[-1], by).at(0)
            rest = node.hulls[left - 1]
            worst = max(worst, _above(hull, price[by] + rest.cost, a * (1 + rest.gain)))
            deeper = (*node.path, by)
            if not problem.reviews(node.path, by) or a == 0:
                continue
            if left > 1 and deeper not in found:
                return np.inf
            for length in range(1, min(left, problem.longest(by) + 1)):
                inner, rest = found[deeper].hulls[length], node.hulls[left - 1 - length]
                # An inner gain with a negative coefficient is no better than none, which the leaf covers.
                worth = np.maximum(a - (1 - a) * rest.gain, 0.0)
                gain = a * (1 + rest.gain) + np.multiply.outer(inner.gain, worth)
                worst = max(worst, _above(hull, np.add.outer(inner.cost, rest.cost).ravel(), gain.ravel()))
    return worst


def _above(
    hull: Points,
    cost: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    gain: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> float:
    """Greatest height of points above a hull, at least 0; infinite at costs below its first vertex."""
    allowed = np.interp(cost, hull.cost, hull.gain, left=-np.inf)
    return max(0.0, float(np.max(gain - allowed)))
