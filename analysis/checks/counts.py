"""Counts of drafts that start at every position of a text, and resampling them by prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.checks.traces import Bits
from analysis.model.resampling import interval_95, prompt_weights

Vector = NDArray[np.float64]

RESAMPLES = 2000
"""Bootstrap samples of prompts behind an interval."""


@dataclass(frozen=True)
class PositionCounts:
    """How often each position of a draft was examined and accepted, by prompt.

    A draft starts at every position of the text. Its token j is examined where its tokens before were accepted and
    the drafter knew a token there; the end of the text and a drafter that abstains only censor.

    Attributes:
        examined: Shape (prompts, positions).
        accepted: Shape (prompts, positions).
    """

    examined: Vector
    accepted: Vector

    @property
    def hazards(self) -> Vector:
        """Accepted over examined tokens by position, all prompts pooled; nan where nothing was examined."""
        return ratio(self.accepted.sum(axis=0), self.examined.sum(axis=0))

    @property
    def survival(self) -> Vector:
        """P(the first j + 1 tokens are all accepted), nan where it is unknown."""
        return survival(self.hazards)


def ratio(part: Vector, whole: Vector) -> Vector:
    """part / whole, nan where the whole is 0."""
    result: Vector = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=result, where=np.asarray(whole) > 0)
    return result


def survival(hazards: Vector) -> Vector:
    """The product of hazards along the last axis (Kaplan and Meier): 0 from a hazard of 0 on, nan from an unknown one.

    A hazard is unknown (nan) where no draft was examined: all that got so far were cut, by a text's end for one.
    """
    ended = np.cumprod(np.nan_to_num(hazards, nan=1.0), axis=-1) == 0
    return np.where(ended, 0.0, np.cumprod(hazards, axis=-1))


def runs_ahead(bits: Bits) -> NDArray[np.intp]:
    """Number of agreements in a row from every position on."""
    stops = np.append(np.flatnonzero(bits != 1), bits.size)
    return stops[np.searchsorted(stops, np.arange(bits.size))] - np.arange(bits.size)


def count_positions(texts: Sequence[Bits], positions: int) -> PositionCounts:
    """Count drafts of up to `positions` tokens from every start of every text."""
    examined, accepted = np.zeros((len(texts), positions)), np.zeros((len(texts), positions))
    for prompt, bits in enumerate(texts):
        runs = runs_ahead(bits)
        after = np.arange(bits.size) + runs
        rejected = runs[(after < bits.size) & (np.append(bits, 1)[after] == 0)]
        longer = np.bincount(np.minimum(runs, positions), minlength=positions + 1)
        accepted[prompt] = longer[::-1].cumsum()[::-1][1:]
        examined[prompt] = accepted[prompt] + np.bincount(rejected, minlength=positions)[:positions]
    return PositionCounts(examined, accepted)


def interval(
    statistic: Callable[[Vector], Vector], prompts: int, generator: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % percentile interval over prompts of a statistic that takes weights, shape (resamples, prompts).

    Samples in which the statistic does not exist (nan) are left out; (nan, nan) where most are such.
    """
    values = statistic(prompt_weights(prompts, resamples, generator))
    kept = values[np.isfinite(values)]
    if kept.size < 0.5 * values.size:
        return float("nan"), float("nan")
    return interval_95(kept)
