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

from simulate.intervals import ROUNDING, error_of_the_unseen, quantile_95
from simulate.kernel.program import exact_cost
from simulate.kernel.totals import Totals
from simulate.sampler import Sample, Sampler

_NO_VARIANCE = 1e-13
"""A variance of a difference below this share of those of its terms is rounding."""

_RESAMPLES_AT_ONCE = 1 << 22
"""Entries of the table of resampled counts held in memory at a time."""


@dataclass(frozen=True, repr=False)
class Estimate:
    """What totals say about a cascade.

    Attributes:
        ewif: Tokens over cost, ratio of means; with a prefill, the same for whole generations with the prefill in
            both numerator and denominator, so that autoregressive decoding is 1.
        standard_error: Of `ewif`, by the delta method over blocks; infinite for fewer than two. Where no two blocks
            differed although they could, that of an event yet unseen (see `error_of_the_unseen`).
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

    def __repr__(self) -> str:
        low, high = self.ci95
        return (
            f"Estimate(ewif={self.ewif:.6g}, ci95=[{low:.6g}, {high:.6g}], cycles={self.cycles}, blocks={self.blocks})"
        )

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval."""
        return quantile_95(self.blocks) * self.standard_error + ROUNDING * self.ewif

    @property
    def ci95(self) -> tuple[float, float]:
        """95 % interval for EWIF, by Student's t with one degree of freedom less than blocks."""
        return self.ewif - self.half_width, self.ewif + self.half_width


def estimate(totals: Totals, sampler: Sampler) -> Estimate:
    """Estimate EWIF from totals that `sampler` drew.

    With block tokens t, costs c and r = sum t / sum c over n blocks, the standard error is
    sqrt(sum (t - r c)^2 / (n (n - 1))) over the mean cost. All sums are exact; rounding happens at the very end.
    """
    n = totals.blocks
    tick = Fraction(sampler.layout.tick)
    prefill = Fraction(sampler.prefill)
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
    mean_cost = float(ticks * tick / n)
    if n < 2:
        error = math.inf
    elif residual == 0:
        error = _error_of_the_unseen(sampler, n, float(ewif), mean_cost)
    else:
        error = math.sqrt(residual / (n * (n - 1))) / mean_cost
    return Estimate(
        float(ewif), error, totals.tokens / totals.cycles, float(cost) / totals.cycles, totals.cycles, totals.blocks
    )


def _error_of_the_unseen(sampler: Sampler, n: int, ewif: float, mean_cost: float) -> float:
    """Standard error of an EWIF whose n blocks were all alike: 0 only where they must be.

    A block of t tokens and cost c deviates by t - r c + p (1 - r), p being the prefill.
    """
    if sampler.is_certain:
        return 0.0
    shift = sampler.prefill * (1 - ewif)
    deviation = max(sampler.greatest_tokens + shift, ewif * sampler.layout.greatest_cost - shift)
    return error_of_the_unseen(n, deviation / mean_cost)


def bootstrap_interval(
    sample: Sample, generator: np.random.Generator, resamples: int = 999, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval for EWIF, blocks being the units resampled.

    Resampling n blocks is drawing multinomial counts of their distinct outcomes, which is the same law and quicker.
    Blocks that are all alike give an interval of no width, whatever else was possible: `estimate` knows better.

    Args:
        sample: The blocks.
        generator: Source of random numbers.
        resamples: Number of resamples.
        level: Coverage wanted, in (0, 1).
    """
    outcomes, counts = np.unique(sample.ratio_terms, axis=1, return_counts=True)
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
        first: EWIF of the first; with a prefill that of whole generations, as in `Estimate`.
        second: EWIF of the second.
        difference: First minus second.
        standard_error: Of the difference; where a cascade, or the difference, never varied although it could, with
            that of an event yet unseen.
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
        """95 % interval for the difference, by Student's t with one degree of freedom less than blocks."""
        half = quantile_95(self.blocks) * self.standard_error + ROUNDING * (self.first + self.second)
        return self.difference - half, self.difference + half


class PairedSums:
    """Additive sums of paired blocks, for comparisons of any length in constant memory.

    Sums are of differences from the first pair of blocks, so that what never varies has a variance of exactly 0.

    Args:
        first: Draws blocks of one cascade.
        second: Draws blocks of the other.
    """

    def __init__(self, first: Sampler, second: Sampler) -> None:
        self._samplers = first, second
        self._blocks = 0
        self._origin: NDArray[np.float64] = np.zeros((4, 1))
        self._sums: NDArray[np.float64] = np.zeros(4)
        self._products: NDArray[np.float64] = np.zeros((4, 4))

    def draw(self, key: tuple[object, ...], blocks: int) -> None:
        """Draw that many more blocks of both with the same random numbers."""
        rows = np.concatenate([s.sample(key, blocks, forked=True).ratio_terms for s in self._samplers])
        if self._blocks == 0:
            self._origin = rows[:, :1].copy()
        rows -= self._origin
        self._blocks += blocks
        self._sums += rows.sum(axis=1)
        self._products += rows @ rows.T

    def comparison(self) -> Comparison:
        """The difference of the two ratios of means, by the delta method over pairs of blocks."""
        n = self._blocks
        shifts = self._sums / n
        means = self._origin[:, 0] + shifts
        covariance = (self._products / n - np.outer(shifts, shifts)) * n / (n - 1)
        first, second = means[0] / means[1], means[2] / means[3]
        slope_first = np.array([1.0, -first, 0.0, 0.0]) / means[1]
        slope_second = np.array([0.0, 0.0, 1.0, -second]) / means[3]
        both = slope_first - slope_second
        alone = [max(0.0, float(s @ covariance @ s)) for s in (slope_first, slope_second)]
        together = float(slope_first @ covariance @ slope_second)
        scale = math.sqrt(alone[0] * alone[1])
        variance = float(both @ covariance @ both)
        if variance <= _NO_VARIANCE * sum(alone):
            variance = 0.0
        unseen = [
            _error_of_the_unseen(sampler, n, float(ratio), float(mean_cost))
            for sampler, ratio, mean_cost, own in zip(
                self._samplers, (first, second), (means[1], means[3]), alone, strict=True
            )
            if (own == 0 or variance == 0) and not self._are_the_same
        ]
        return Comparison(
            float(first),
            float(second),
            float(first - second),
            math.sqrt(variance / n) + sum(unseen),
            together / scale if scale > 0 else 0.0,
            n,
        )

    @property
    def _are_the_same(self) -> bool:
        """Whether both draw the very same blocks, so that no difference is possible."""
        one, other = ((s.cascade, s.process, s.generation) for s in self._samplers)
        return one == other


def compare(first: Sampler, second: Sampler, key: tuple[object, ...], blocks: int, chunk: int = 1 << 16) -> Comparison:
    """Compare two cascades with common random numbers: block i of both draws from the same stream.

    Args:
        first: Draws blocks of one.
        second: Draws blocks of the other.
        key: Names the random numbers.
        blocks: Number of blocks, >= 2; any number in constant memory.
        chunk: Blocks drawn at a time.
    """
    sums = PairedSums(first, second)
    for index, at in enumerate(range(0, blocks, chunk)):
        sums.draw((*key, index), min(chunk, blocks - at))
    return sums.comparison()
