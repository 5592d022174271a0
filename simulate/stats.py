"""Additive statistics of simulated cycles, and the EWIF interval they give."""

from __future__ import annotations

import math
from dataclasses import dataclass

NORMAL_95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class CycleTotals:
    """Sums over cycles: sufficient for EWIF and its interval, and merged by addition.

    Attributes:
        cycles: Number of cycles.
        tokens: Sum of tokens.
        cost: Sum of costs, in one-token target calls.
        tokens_squared: Sum of squared tokens.
        cost_squared: Sum of squared costs.
        tokens_cost: Sum of tokens times cost.
    """

    cycles: int = 0
    tokens: int = 0
    cost: float = 0.0
    tokens_squared: int = 0
    cost_squared: float = 0.0
    tokens_cost: float = 0.0

    def __add__(self, other: CycleTotals) -> CycleTotals:
        return CycleTotals(
            self.cycles + other.cycles,
            self.tokens + other.tokens,
            self.cost + other.cost,
            self.tokens_squared + other.tokens_squared,
            self.cost_squared + other.cost_squared,
            self.tokens_cost + other.tokens_cost,
        )

    @property
    def tokens_per_cycle(self) -> float:
        """Mean tokens of a cycle."""
        return self.tokens / self.cycles

    @property
    def cost_per_cycle(self) -> float:
        """Mean cost of a cycle, in one-token target calls."""
        return self.cost / self.cycles

    @property
    def ewif(self) -> float:
        """Ratio of means: tokens over cost."""
        return self.tokens / self.cost

    @property
    def standard_error(self) -> float:
        """Delta-method standard error of the ratio of means; needs at least two cycles.

        With r = EWIF: sqrt(sum (tokens_i - r cost_i)^2 / (n (n - 1))) over the mean cost.
        """
        ratio = self.ewif
        residual = self.tokens_squared - 2 * ratio * self.tokens_cost + ratio**2 * self.cost_squared
        n = self.cycles
        return math.sqrt(max(residual, 0.0) / (n * (n - 1))) / self.cost_per_cycle

    @property
    def ci95(self) -> tuple[float, float]:
        """Normal 95 % interval for EWIF, widened by float rounding, so that a certain outcome lies inside its own."""
        half = NORMAL_95 * self.standard_error + 1e-12 * self.ewif
        return self.ewif - half, self.ewif + half
