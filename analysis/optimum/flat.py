"""The best draft of leaf steps only, exactly, whatever varies: positions are known, so hulls by position are enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from analysis.model import Draft, Step, progress
from analysis.optimum.costs import first_best, relative_cost, relative_drafting
from analysis.optimum.hull import Vector, upper_hull
from analysis.optimum.problem import Problem
from analysis.optimum.programme import merged


@dataclass(frozen=True)
class _Followers:
    """The hull of all that can follow a number of tokens.

    Attributes:
        cost: Costs still to come, the target's review included, by vertex.
        gain: Tokens still to be accepted, given that all before are, by vertex.
        origin: By vertex, the drafter and the tokens of the next go, and the vertex that follows it; "" for no go.
    """

    cost: Vector
    gain: Vector
    origin: list[tuple[str, int, int]]


def best_flat(problem: Problem) -> Draft:
    """The draft of leaves with the greatest EWIF for hazards and costs of any form.

    Going back from the last position, the hull of what can follow j tokens is that of stopping there, at the target's
    cost on j + 1 tokens and no gain, and of a go of k tokens (cost c, hazards h_1..h_k) before each vertex (C, g) that
    can follow j + k tokens: (c + C, h_1 (1 + h_2 (1 + ... h_k (1 + g)))). Only costs by draft need goes of more than
    one token; the others' cost as much one by one.
    """
    target = problem.cascade.target
    longest = problem.longest(target)
    followers: dict[int, _Followers] = {}
    for position in progress(range(longest, -1, -1), "drafts of leaves", "length"):
        costs, gains = [np.array([relative_cost(problem, target, position + 1)])], [np.zeros(1)]
        origin = [("", 0, 0)]
        for by in problem.drafters_after((target,)) if position < longest else ():
            for tokens, survival, within in _goes(problem, by, position):
                after = followers[position + tokens]
                costs.append(relative_drafting(problem, by, tokens) + after.cost)
                gains.append(within + survival * after.gain)
                origin += [(by, tokens, i) for i in range(after.cost.size)]
        cost, gain = np.concatenate(costs), np.concatenate(gains)
        kept = upper_hull(cost, gain)
        followers[position] = _Followers(cost[kept], gain[kept], [origin[i] for i in kept])
    best = followers[0]
    return _traced(problem, followers, first_best((1 + best.gain) / best.cost))


def _goes(problem: Problem, by: str, position: int) -> Iterator[tuple[int, float, float]]:
    """(tokens, probability that all are accepted, expected accepted ones) of every go of a drafter from a position."""
    target = problem.cascade.target
    pair = problem.cascade.pair(target, by)
    most = min(problem.longest(target) - position, problem.ends.go(by)) if problem.is_by_draft(by) else 1
    survival, within = 1.0, 0.0
    for tokens in range(1, most + 1):
        if not problem.may_follow(target, position + tokens - 1, by):
            return
        survival *= pair.at(position + tokens - 1)
        within += survival
        yield tokens, survival, within


def _traced(problem: Problem, followers: dict[int, _Followers], vertex: int) -> Draft:
    """The draft of a vertex; neighbouring tokens of a drafter are one step where that costs the same."""
    position, goes = 0, []
    while True:
        by, tokens, vertex = followers[position].origin[vertex]
        if not by:
            break
        goes.append(Step(by, tokens=tokens))
        position += tokens
    steps: list[Step] = []
    for by, run in groupby(goes, key=lambda step: step.by):
        neighbours = tuple(run)
        steps += neighbours if problem.is_by_draft(by) else merged(neighbours)
    return tuple(steps)
