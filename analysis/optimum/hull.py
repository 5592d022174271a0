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


def outlined(cost: Vector, gain: Vector, most: int) -> tuple[Vector, Vector]:
    """A non-decreasing concave hull nowhere below a given one, of about `most` vertices at the most.

    Some of its edges are kept, the first and the last among them, and prolonged until they meet.

    Args:
        cost: Costs of the vertices, rising, shape (n,).
        gain: Gains of the vertices, rising, with falling slopes.
        most: Number of vertices from which edges are dropped, >= 4.

    Returns:
        (cost, gain) of the vertices.
    """
    if cost.size <= most:
        return cost, gain
    slope = np.diff(gain) / np.diff(cost)
    bends = np.sqrt(-np.diff(slope) * (cost[2:] - cost[:-2]))  # how far prolonged edges rise above a vertex
    along = np.append(0.0, np.cumsum(np.nan_to_num(bends)))
    edge = np.searchsorted(along, np.linspace(0, along[-1], most - 1))
    edge = np.unique(np.concatenate([[0], np.minimum(edge, slope.size - 1), [slope.size - 1]]))
    left, right = edge[:-1], edge[1:]
    height = gain[right] - gain[left] - slope[left] * (cost[right] - cost[left])
    steeper = slope[left] > slope[right]
    fall = np.where(steeper, slope[left] - slope[right], 1.0)
    meeting = cost[right] + np.where(steeper, height / fall, 0.0)
    meeting = np.clip(meeting, cost[left + 1], cost[right])
    above = np.maximum(
        gain[left] + slope[left] * (meeting - cost[left]), gain[right] - slope[right] * (cost[right] - meeting)
    )
    x = np.concatenate([cost[:1], meeting, cost[-1:]])
    y = np.maximum.accumulate(np.concatenate([gain[:1], above, gain[-1:]]))
    return x, y
