"""Additive statistics of simulated cycles, and the EWIF interval they give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from scipy.special import stdtrit

ROUNDING = 1e-12
"""Relative widening of intervals, far above float rounding, so that a certain outcome lies inside its own."""


def quantile_95(n: int) -> float:
    """Half width of a 95 % interval over its standard error, where that was estimated from n observations.

    The 97.5 % quantile of Student's t with n - 1 degrees of freedom (Cochran, Sampling Techniques, 1977, section 6.3,
    for ratios): 12.7 for two observations, 1.96 for very many. Infinite for fewer than two.
    """
    return float(stdtrit(n - 1, 0.975)) if n >= 2 else math.inf


def error_of_the_unseen(n: int, greatest_deviation: float) -> float:
    """The standard error to state where n observations are all alike although they need not be.

    Something never seen in n trials has a probability below 3 / n with 95 % confidence (the rule of three; Hanley and
    Lippman-Hand, JAMA 249, 1983), so the mean deviates by less than 3 / n times the greatest deviation. That is taken
    for the half width of a 95 % interval.

    Args:
        n: Number of observations, >= 1.
        greatest_deviation: From what was seen, of any observation that is possible.
    """
    return min(1.0, 3 / n) * greatest_deviation / quantile_95(max(n, 2))


@dataclass(frozen=True)
class CycleTotals:
    """Sums over cycles, all exact: sufficient for EWIF and its interval, and merged by addition.

    Attributes:
        cycles: Number of cycles.
        tokens: Sum of tokens.
        cost: Sum of costs, in one-token target calls.
        tokens_squared: Sum of squared tokens.
        cost_squared: Sum of squared costs.
        tokens_cost: Sum of tokens times cost.
        greatest_tokens: Tokens of a cycle are at most this; 0 where all cycles must be the same.
        greatest_cost: Cost of a cycle is at most this; 0 where all cycles must be the same.
    """

    cycles: int = 0
    tokens: int = 0
    cost: Fraction = Fraction()
    tokens_squared: int = 0
    cost_squared: Fraction = Fraction()
    tokens_cost: Fraction = Fraction()
    greatest_tokens: int = 0
    greatest_cost: float = 0.0

    def __add__(self, other: CycleTotals) -> CycleTotals:
        return CycleTotals(
            self.cycles + other.cycles,
            self.tokens + other.tokens,
            self.cost + other.cost,
            self.tokens_squared + other.tokens_squared,
            self.cost_squared + other.cost_squared,
            self.tokens_cost + other.tokens_cost,
            max(self.greatest_tokens, other.greatest_tokens),
            max(self.greatest_cost, other.greatest_cost),
        )

    @property
    def tokens_per_cycle(self) -> float:
        """Mean tokens of a cycle."""
        return self.tokens / self.cycles

    @property
    def cost_per_cycle(self) -> float:
        """Mean cost of a cycle, in one-token target calls."""
        return float(self.cost / self.cycles)

    @property
    def ewif(self) -> float:
        """Ratio of means: tokens over cost."""
        return float(self.tokens / self.cost)

    @property
    def standard_error(self) -> float:
        """Delta-method standard error of the ratio of means; needs at least two cycles.

        With r = EWIF: sqrt(sum (tokens_i - r cost_i)^2 / (n (n - 1))) over the mean cost. Where that is 0 although
        cycles can differ, `error_of_the_unseen`.
        """
        ratio = self.tokens / self.cost
        residual = self.tokens_squared - 2 * ratio * self.tokens_cost + ratio**2 * self.cost_squared
        n = self.cycles
        if residual == 0:
            greatest = max(float(self.greatest_tokens), self.ewif * self.greatest_cost)
            return error_of_the_unseen(n, greatest / self.cost_per_cycle)
        return math.sqrt(residual / (n * (n - 1))) / self.cost_per_cycle

    @property
    def ci95(self) -> tuple[float, float]:
        """95 % interval for EWIF, by Student's t."""
        half = quantile_95(self.cycles) * self.standard_error + ROUNDING * self.ewif
        return self.ewif - half, self.ewif + half
