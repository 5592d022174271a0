"""Seconds of calls by size and context: the measured table, and the law behind its scatter."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls


@dataclass(frozen=True)
class CallTimes:
    """Seconds of a model's call by the tokens it is fed and the tokens its cache holds.

    Between two measured sizes or contexts they are interpolated linearly. Beyond the last one the line through the
    last two goes on; below the first one the first holds.

    Attributes:
        contexts: Tokens held, ascending, >= 0.
        sizes: Tokens fed, q, ascending, the first is 1.
        seconds: ``seconds[context][size]``, > 0.
    """

    contexts: tuple[int, ...]
    sizes: tuple[int, ...]
    seconds: tuple[tuple[float, ...], ...]

    def at(self, q: int, held: float) -> float:
        """Seconds of a call on q tokens after `held` ones."""
        return max(0.0, _on_line(self.contexts, [_on_line(self.sizes, row, q) for row in self.seconds], held))

    def scaled(self, factor: float) -> CallTimes:
        """All seconds multiplied by a factor."""
        return replace(self, seconds=tuple(tuple(factor * value for value in row) for row in self.seconds))

    def smoothed(self, error: float) -> CallTimes:
        """The table with less of its measurement's scatter.

        A call takes no less time for more tokens, nor for more of them held; and what a held token adds grows linearly
        with the tokens that look at it. So seconds(q, held) = f(q) + held (b + e q), f rising, b, e >= 0, fitted by
        least squares of relative errors (every term has a coefficient >= 0). Where a device departs from that law by
        more than the measurement's error says, the table is right: of each entry's relative deviation r from the law
        the share v / (v + error^2) is kept, with v = max(0, mean r^2 - error^2) the variance of true deviations.

        Args:
            error: Relative standard error of an entry, >= 0; 0 keeps the table as it is.
        """
        table = np.array(self.seconds)
        if not error > 0 or not table.all():
            return self
        law, terms = _fitted(np.array(self.contexts, float), np.array(self.sizes, float), table)
        if not law.all():  # entries scatter by so many times themselves that nothing that rises lies near them
            return self
        deviations = table / law - 1
        free = max(1, table.size - terms)
        true = max(0.0, float((deviations**2).sum()) / free - error**2)
        kept = law * (1 + deviations * true / (true + error**2))
        return replace(self, seconds=tuple(tuple(row) for row in kept.tolist()))


def _fitted(
    contexts: NDArray[np.float64], sizes: NDArray[np.float64], table: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """The law at the table's entries, and how many of its coefficients are positive."""
    held, q = np.meshgrid(contexts - contexts[0], sizes, indexing="ij")
    terms = [np.ones_like(q), *((q >= size).astype(float) for size in sizes[1:]), held, held * q]
    matrix = np.stack([term.ravel() for term in terms], axis=1)
    scale = matrix.max(axis=0)
    scale[scale == 0] = 1.0
    coefficients, _ = nnls(matrix / scale / table.reshape(-1, 1), np.ones(table.size))
    law: NDArray[np.float64] = ((matrix / scale) @ coefficients).reshape(table.shape)
    return law, int((coefficients > 0).sum())


def _on_line(points: Sequence[int], values: Sequence[float], x: float) -> float:
    """Piecewise linear through the points; constant before the first, the last piece goes on after the last."""
    if x <= points[0] or len(points) == 1:
        return values[0]
    i = min(bisect_right(points, x), len(points) - 1)
    share = (x - points[i - 1]) / (points[i] - points[i - 1])
    return values[i - 1] + share * (values[i] - values[i - 1])
