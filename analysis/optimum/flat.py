"""The best draft of leaf steps only, exactly, whatever varies: positions are known, so hulls by position are enough."""

from __future__ import annotations

import numpy as np

from analysis.model import Draft, Step, progress
from analysis.optimum.costs import first_best, relative_cost, relative_costs
from analysis.optimum.hull import upper_hull
from analysis.optimum.problem import Problem
from analysis.optimum.programme import merged


def best_flat(problem: Problem) -> Draft:
    """The draft of leaves with the greatest EWIF for hazards and costs of any form.

    Going back from the last position, the hull of what can follow j tokens is that of stopping there, at the target's
    cost on j + 1 tokens and no gain, and of a leaf (hazard h, cost c) before each vertex (C, g) that can follow j + 1
    tokens: (c + C, h (1 + g)).
    """
    cascade = problem.cascade
    target = cascade.target
    drafters = problem.drafters_after((target,))
    price = relative_costs(problem)
    followers: list[list[tuple[str, int]]] = []
    cost, gain = np.zeros(0), np.zeros(0)
    for position in progress(range(problem.longest(target), -1, -1), "drafts of leaves", "length"):
        costs, gains = [np.array([relative_cost(problem, target, position + 1)])], [np.zeros(1)]
        origin = [("", 0)]
        for by in drafters if cost.size else ():
            if not problem.may_follow(target, position, by):
                continue
            costs.append(price[by] + cost)
            gains.append(cascade.pair(target, by).at(position) * (1 + gain))
            origin += [(by, i) for i in range(cost.size)]
        cost, gain = np.concatenate(costs), np.concatenate(gains)
        kept = upper_hull(cost, gain)
        cost, gain = cost[kept], gain[kept]
        followers.append([origin[i] for i in kept])
    steps = []
    vertex = first_best((1 + gain) / cost)
    for level in reversed(followers):
        by, vertex = level[vertex]
        if not by:
            break
        steps.append(Step(by, tokens=1))
    return merged(steps)
