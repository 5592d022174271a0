"""EWIF from totals and samples: delta-method, bootstrap and paired intervals.

EWIF is a ratio of means over blocks, never a mean of ratios, so its interval is that of a ratio estimator (Cochran,
Sampling Techniques, 1977, section 6.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from simulate.program import exact_cost
from simulate.sampler import Sample, Sampler
from simulate.stats import NORMAL_95
from simulate.totals import Totals

ROUNDING = 1e-12
"""Relative widening of intervals, so that a certain outcome lies inside its own."""

_RESAMPLES_AT_ONCE = 1 << 22
"""Entries of the table of resampled counts held in memory at a time."""


@dataclass(frozen=True)
class Estimate:
    """What totals say about a cascade.

    Attributes:
        ewif: Tokens over cost, ratio of means; with a prefill, the same for whole generations with the prefill in
            both numerator and denominator, so that autoregressive decoding is 1.
        standard_error: Of `ewif`, by the delta method over blocks; infinite for fewer than two.
        tokens_per_cycle: Mean tokens of a cycle.
        cost_per_cycle: Mean cost of a cycle, in one-token target calls.
        cycles: Number of cycles.
        blocks: Number of independent blocks of cycles.
    """

    ewif: float
    standard_error: float
    tokens_per_cycle: float
    cost_per_cycle: float
    cycles: int
    blocks: int

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval."""
        return NORMAL_95 * self.standard_error + ROUNDING * self.ewif

    @property
    def ci95(self) -> tuple[float, float]:
        """Normal 95 % interval for EWIF."""
        return self.ewif - self.half_width, self.ewif + self.half_width


def estimate(totals: Totals, sampler: Sampler) -> Estimate:
    """Estimate EWIF from totals that `sampler` drew.

    With block tokens t, costs c and r = sum t / sum c over n blocks, the standard error is
    sqrt(sum (t - r c)^2 / (n (n - 1))) over the mean cost. All sums are exact; rounding happens at the very end.
    """
    n = totals.blocks
    tick = Fraction(sampler.layout.tick)
    prefill = Fraction(sampler.generation.prefill) if sampler.generation else Fraction(0)
    cost = exact_cost(sampler.cascade, totals.calls)
    ewif = (totals.tokens + n * prefill) / (cost + n * prefill)
    shift = prefill / tick
    tokens = totals.tokens + n * prefill
    ticks = totals.ticks + n * shift
    ratio = tokens / ticks
    tokens_squared = totals.tokens_squared + 2 * prefill * totals.tokens + n * prefill**2
    ticks_squared = totals.ticks_squared + 2 * shift * totals.ticks + n * shift**2
    products = totals.tokens_ticks + prefill * totals.ticks + shift * totals.tokens + n * prefill * shift
    residual = tokens_squared - 2 * ratio * products + ratio**2 * ticks_squared
    error = math.sqrt(residual / (n * (n - 1))) / float(ticks * tick / n) if n > 1 else math.inf
    return Estimate(
        float(ewif), error, totals.tokens / totals.cycles, float(cost) / totals.cycles, totals.cycles, totals.blocks
    )


def bootstrap_interval(
    sample: Sample, generator: np.random.Generator, resamples: int = 999, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval for EWIF, blocks being the units resampled.

    Resampling n blocks is drawing multinomial counts of their distinct outcomes, which is the same law and quicker.

    Args:
        sample: The blocks.
        generator: Source of random numbers.
        resamples: Number of resamples.
        level: Coverage wanted, in (0, 1).
    """
    outcomes, counts = np.unique(np.stack([sample.tokens, sample.costs]), axis=1, return_counts=True)
    n = sample.tokens.size
    at_once = max(1, _RESAMPLES_AT_ONCE // counts.size)
    ratios = []
    for first in range(0, resamples, at_once):
        drawn = generator.multinomial(n, counts / n, size=min(at_once, resamples - first))
        tokens, costs = (drawn @ outcomes.T).T
        ratios.append(tokens / costs)
    low, high = np.quantile(np.concatenate(ratios), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Comparison:
    """Two cascades compared.

    Attributes:
        first: EWIF of the first.
        second: EWIF of the second.
        difference: First minus second.
        standard_error: Of the difference.
        correlation: Of the two estimates, in [-1, 1]; what sharing random numbers gains.
        blocks: Number of blocks of each.
    """

    first: float
    second: float
    difference: float
    standard_error: float
    correlation: float
    blocks: int

    @property
    def ci95(self) -> tuple[float, float]:
        """Normal 95 % interval for the difference."""
        half = NORMAL_95 * self.standard_error + ROUNDING * (self.first + self.second)
        return self.difference - half, self.difference + half


class PairedSums:
    """Additive sums of paired blocks, for comparisons of any length in constant memory."""

    def __init__(self) -> None:
        self._blocks = 0
        self._sums: NDArray[np.float64] = np.zeros(4)
        self._products: NDArray[np.float64] = np.zeros((4, 4))

    def add(self, first: Sample, second: Sample) -> None:
        """Add blocks drawn with the same random numbers."""
        rows = np.stack([first.tokens, first.costs, second.tokens, second.costs])
        self._blocks += rows.shape[1]
        self._sums += rows.sum(axis=1)
        self._products += rows @ rows.T

    def comparison(self) -> Comparison:
        """The difference of the two ratios of means, by the delta method over pairs of blocks."""
        n = self._blocks
        means = self._sums / n
        covariance = (self._products / n - np.outer(means, means)) * n / (n - 1)
        first, second = means[0] / means[1], means[2] / means[3]
        slope_first = np.array([1.0, -first, 0.0, 0.0]) / means[1]
        slope_second = np.array([0.0, 0.0, 1.0, -second]) / means[3]
        both = slope_first - slope_second
        variance = max(0.0, float(both @ covariance @ both)) / n
        alone = [float(s @ covariance @ s) for s in (slope_first, slope_second)]
        together = float(slope_first @ covariance @ slope_second)
        scale = math.sqrt(max(0.0, alone[0]) * max(0.0, alone[1]))
        return Comparison(
            float(first),
            float(second),
            float(first - second),
            math.sqrt(variance),
            together / scale if scale > 0 else 0.0,
            n,
        )


def compare(first: Sampler, second: Sampler, key: tuple[object, ...], blocks: int, chunk: int = 1 << 16) -> Comparison:
    """Compare two cascades with common random numbers: block i of both draws from the same stream.

    Args:
        first: Draws blocks of one.
        second: Draws blocks of the other.
        key: Names the random numbers.
        blocks: Number of blocks, >= 2; any number in constant memory.
        chunk: Blocks drawn at a time.
    """
    sums = PairedSums()
    for index, at in enumerate(range(0, blocks, chunk)):
        size = min(chunk, blocks - at)
        sums.add(first.sample((*key, index), size, forked=True), second.sample((*key, index), size, forked=True))
    return sums.comparison()
