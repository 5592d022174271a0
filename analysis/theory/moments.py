"""Second moments of a cycle: the variance of its tokens, of its cost, and of the EWIF that n cycles would show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade
from analysis.theory.fixed_cost import fixed_cost
from analysis.theory.joint import JointRounds
from analysis.theory.parameters import Parameters


@dataclass(frozen=True)
class CycleMoments:
    """Joint first and second moments of the tokens T and the cost C of one cycle.

    Attributes:
        pmf: ``pmf[i]`` = P(T = i + 1), shape (greatest draft length + 1,).
        cost: ``cost[i]`` = E[C; T = i + 1], in one-token target calls, same shape.
        cost_squared: ``cost_squared[i]`` = E[C^2; T = i + 1], same shape.
        fixed: The cost of every cycle where all cost the same whatever is accepted; None elsewhere.
    """

    pmf: NDArray[np.float64]
    cost: NDArray[np.float64]
    cost_squared: NDArray[np.float64]
    fixed: float | None = None

    @property
    def tokens_per_cycle(self) -> float:
        """E[T], >= 1."""
        return 1.0 + float(np.arange(self.pmf.size) @ self.pmf)

    @property
    def cost_per_cycle(self) -> float:
        """E[C], in one-token target calls."""
        return math.fsum(self.cost) if self.fixed is None else self.fixed

    @property
    def ewif(self) -> float:
        """E[T] / E[C]."""
        return self.tokens_per_cycle / self.cost_per_cycle

    @property
    def tokens_variance(self) -> float:
        """Var T. One drafter, with b = 1 - alpha: (alpha - (2k+1) alpha^(k+1) b - alpha^(2k+2)) / b^2; 0 at 0, 1."""
        return self._variance(1.0, 0.0)

    @property
    def cost_variance(self) -> float:
        """Var C, in squared one-token target calls: 0 where cost is fixed, else accurate to about 1e-15 of E[C^2]."""
        return self._variance(0.0, 1.0)

    @property
    def covariance(self) -> float:
        """Cov(T, C). Not zero where inner rounds of large yield are also long, or cut an `until` short."""
        if self.fixed is not None:
            return 0.0
        deviation = np.arange(1, self.pmf.size + 1) - self.tokens_per_cycle
        return float(deviation @ (self.cost - self.cost_per_cycle * self.pmf))

    @property
    def ewif_variance_per_cycle(self) -> float:
        """Var(T - EWIF C) / E[C]^2: the EWIF shown by n cycles has variance this / n (delta method, large n)."""
        return self._variance(1.0, -self.ewif) / self.cost_per_cycle**2

    @property
    def ewif_variance_per_token(self) -> float:
        """E[T] Var(T - EWIF C) / E[C]^2: the EWIF shown by N tokens has variance this / N (large N).

        N tokens take N / E[T] cycles, so the variance for one cycle is multiplied by E[T]; equivalently the time for
        N tokens has variance N Var(T - EWIF C) / (EWIF^2 E[T]) (central limit theorem of renewal-reward processes).
        """
        return self.ewif_variance_per_cycle * self.tokens_per_cycle

    def _variance(self, per_token: float, per_cost: float) -> float:
        """Var(x T + y C) as variance between yields plus variance within a yield, which cancels least."""
        if self.fixed is not None:
            per_cost = 0.0
        mass = np.where(self.pmf > 0, self.pmf, 1.0)
        mean_cost = np.where(self.pmf > 0, self.cost / mass, self.cost_per_cycle)
        tokens = np.arange(1, self.pmf.size + 1) - self.tokens_per_cycle
        between = per_token * tokens + per_cost * (mean_cost - self.cost_per_cycle)
        within = np.maximum(self.cost_squared - self.cost * mean_cost, 0.0)
        return math.fsum(self.pmf * between**2) + per_cost**2 * math.fsum(within)


def cycle_moments(cascade: Cascade) -> CycleMoments:
    """Joint moments of one cycle of any cascade, by the recursion of `analysis.theory.joint`.

    Raises:
        InputError: where a pair that the draft uses has no acceptance, or a model that is called no cost.
    """
    law = JointRounds(cascade, Parameters(cascade, differentiate=False), orders=3).cycle()[:, 0]
    unit = cascade.cost(cascade.target).at(1)
    return CycleMoments(law[0], law[1] / unit, 2 * law[2] / unit**2, fixed_cost(cascade))
