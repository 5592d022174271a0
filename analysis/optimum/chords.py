"""Convex functions of mu >= 0 kept on a grid and bounded from above in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.optimum.hull import Vector

Table: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Values of mu, denser near 0.

    Attributes:
        top: Greatest value, > 0.
        n: Number of intervals: ``mu[i]`` = top (i / n)^2 for i in 0..n.
    """

    top: float
    n: int

    @property
    def mu(self) -> Vector:
        """The grid, shape (n + 1,)."""
        return self.top * (np.arange(self.n + 1) / self.n) ** 2

    def above(self, table: Table, mu: Table, steepest: Table | float) -> Table:
        """Bound a convex function from above: by its chords, and by its greatest slope beyond the grid.

        Args:
            table: Upper bounds on its values on the grid, shape (..., n + 1).
            mu: Where to bound it, >= 0, shape (..., m), with leading axes those of the table.
            steepest: At least its greatest slope; broadcast against `mu`.
        """
        within = np.minimum(mu, self.top)
        left = np.minimum((self.n * np.sqrt(within / self.top)).astype(np.intp), self.n - 1)
        low = np.take_along_axis(table, left, axis=-1)
        high = np.take_along_axis(table, left + 1, axis=-1)
        share = (within - self.top * (left / self.n) ** 2) / (self.top * (2 * left + 1) / self.n**2)
        bound: Table = low + (high - low) * np.clip(share, 0.0, 1.0) + (mu - within) * steepest
        return bound
