"""Upper hulls of (cost, gain) points: all that maximising ``mu * gain - cost`` for every mu >= 0 can need."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]


def upper_hull(cost: Vector, gain: Vector) -> Indices:
    """Vertices of the non-decreasing concave hull, by rising cost; of equal points the first.

    A point is a vertex where it is the only maximum of ``mu * gain - cost`` for some mu >= 0. No tolerance is used:
    a point is dropped only where floating-point arithmetic finds another, or a mixture of two, at least as good.

    Args:
        cost: Expected costs, shape (n,), n >= 1.
        gain: Expected accepted tokens, shape (n,).

    Returns:
        Indices of the vertices; cost and gain rise strictly along them, and slopes fall strictly.
    """
    order = np.lexsort((-gain, cost))
    rising = gain[order]
    record = np.ones(order.size, dtype=bool)
    record[1:] = rising[1:] > np.maximum.accumulate(rising)[:-1]
    order = order[record]
    if order.size <= 2:
        return order
    costs, gains = cost[order].tolist(), gain[order].tolist()
    kept: list[int] = []
    for i, (x, y) in enumerate(zip(costs, gains, strict=True)):
        while len(kept) > 1:
            before, last = kept[-2], kept[-1]
            run, rise = costs[last] - costs[before], gains[last] - gains[before]
            if run * (y - gains[before]) < rise * (x - costs[before]):
                break
            kept.pop()
        kept.append(i)
    return order[kept]


def height(cost: Vector, vertex_cost: Vector, vertex_gain: Vector) -> Vector:
    """Greatest gain that a hull allows at each cost; minus infinity at costs below its first vertex."""
    return np.interp(cost, vertex_cost, vertex_gain, left=-np.inf)
