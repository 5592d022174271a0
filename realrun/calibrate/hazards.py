"""From counts by position to hazards with standard errors by bootstrap over prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_EXAMINED = 30
"""A position examined at fewer places takes the hazard of the positions from there on pooled."""

RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """Hazards and their standard errors.

    Attributes:
        hazards: By position, the last one for all from there on; in [0, 1].
        errors: Standard error of each, >= 0.
    """

    hazards: list[float]
    errors: list[float]


def groups(examined: Sequence[float], least: float) -> list[slice]:
    """Positions that share a hazard: each its own, the first examined less than so and all after it together."""
    result = []
    for j, n in enumerate(examined):
        if n < least:
            if sum(examined[j:]):
                result.append(slice(j, len(examined)))
            break
        result.append(slice(j, j + 1))
    return result


def resamples(prompts: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each prompt is drawn in each resample of the bootstrap, shape (RESAMPLES, prompts)."""
    return generator.multinomial(prompts, np.full(prompts, 1 / prompts), size=RESAMPLES).astype(float)


def estimate(counts: NDArray[np.float64], drawn: NDArray[np.float64], heaviest: int = 1) -> Estimate | None:
    """Hazards by position.

    Args:
        counts: (examined, accepted) by prompt and position, shape (prompts, positions, 2).
        drawn: From `resamples`.
        heaviest: Greatest weight with which one place is counted, >= 1.

    Returns:
        None where nothing was examined.
    """
    shared = groups(counts[..., 0].sum(axis=0).tolist(), MIN_EXAMINED * heaviest)
    pooled = [ratio(counts[:, group].sum(axis=1), drawn) for group in shared]
    return Estimate([hazard for hazard, _ in pooled], [error for _, error in pooled]) if pooled else None


def ratio(counts: NDArray[np.float64], drawn: NDArray[np.float64]) -> tuple[float, float]:
    """Accepted over examined tokens, and its standard error.

    Where all or none were accepted no resample differs; the standard deviation of the Jeffreys posterior,
    Beta(accepted + 1/2, examined - accepted + 1/2), takes its place.

    Args:
        counts: (examined, accepted) by prompt, shape (prompts, 2), examined not all zero.
        drawn: From `resamples`.
    """
    examined, accepted = counts.sum(axis=0)
    share = min(1.0, accepted / examined)
    if share in (0, 1):
        a, b = accepted + 0.5, max(0.0, examined - accepted) + 0.5
        return share, float(np.sqrt(a * b / (a + b + 1)) / (a + b))
    totals = drawn @ counts
    known = totals[:, 0] > 0
    return share, float(np.std(totals[known, 1] / totals[known, 0], ddof=1))
