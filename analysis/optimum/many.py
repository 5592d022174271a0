"""EWIF of one draft under many sets of constant acceptances and costs at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.model import Cascade, Draft
from analysis.optimum.hull import Vector


def ewif_of_each(draft: Draft, cascades: Sequence[Cascade]) -> Vector:
    """EWIF of a draft of leaf and `rounds` steps for cascades that share a target and have constants only.

    Goes back from the end of the draft with the gain g of what follows, as `analysis.optimum.programme` derives: a leaf
    token of acceptance a gives a (1 + g), a round a (1 + g) + g' (a - (1 - a) g), with g' at weight a.

    Returns:
        Shape (number of cascades,).
    """
    gain, cost = _draft(draft, cascades[0].target, np.ones(len(cascades)), cascades)
    unit = np.array([cascade.cost(cascade.target).at(1) for cascade in cascades])
    return np.asarray((1 + gain) * unit / cost)


def _draft(draft: Draft, reviewer: str, weight: Vector, cascades: Sequence[Cascade]) -> tuple[Vector, Vector]:
    """Gain, weighted, and cost of a reviewer's draft, the review included."""
    gain = np.zeros(len(cascades))
    cost = np.array([cascade.cost(reviewer).at(1) for cascade in cascades])
    for step in reversed(draft):
        a = weight * np.array([cascade.pair(reviewer, step.by).at(0) for cascade in cascades])
        if step.draft:
            inner_gain, once = _draft(step.draft, step.by, a, cascades)
        else:
            inner_gain, once = np.zeros(len(cascades)), np.array([cascade.cost(step.by).at(1) for cascade in cascades])
        times = step.tokens or step.rounds or 0
        for _ in range(times):
            gain = a * (1 + gain) + inner_gain * (a - (1 - a) * gain)
        cost = cost + times * once
    return gain, cost
