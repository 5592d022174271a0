"""From counts by position to hazards with standard errors by bootstrap over prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model.resampling import prompt_weights

MIN_EXAMINED = 30
"""A position examined at fewer places takes the hazard of the positions from there on pooled."""

RESAMPLES = 1000


@dataclass(frozen=True)
class HazardEstimate:
    """Hazards and their standard errors.

    Attributes:
        hazards: By position, the last one for all from there on; in [0, 1].
        errors: Standard error of each, >= 0.
    """

    hazards: list[float]
    errors: list[float]


def groups(counts: NDArray[np.float64], least: float) -> list[slice]:
    """Positions that share a hazard: each its own, the first examined less than so and all after it together.

    A position that a single prompt came to, of several, does not stand alone either: nothing tells how much others
    would differ.

    Args:
        counts: As for `estimate`.
        least: Number of examined tokens.
    """
    examined = counts[..., 0].sum(axis=0)
    prompts = np.count_nonzero(counts[..., 0], axis=0)
    alone = (examined >= least) & (prompts >= min(2, len(counts)))
    first = int(np.argmin(alone)) if not alone.all() else alone.size
    rest = [slice(first, alone.size)] if examined[first:].any() else []
    return [*(slice(j, j + 1) for j in range(first)), *rest]


def resamples(prompts: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each prompt is drawn in each resample of the bootstrap, shape (RESAMPLES, prompts)."""
    return prompt_weights(prompts, RESAMPLES, generator)


def estimate(counts: NDArray[np.float64], drawn: NDArray[np.float64], heaviest: int = 1) -> HazardEstimate | None:
    """Hazards by position.

    Args:
        counts: (examined, accepted) by prompt and position, shape (prompts, positions, 2).
        drawn: From `resamples`.
        heaviest: Greatest weight with which one place is counted, >= 1.

    Returns:
        None where nothing was examined.
    """
    shared = groups(counts, MIN_EXAMINED * heaviest)
    pooled = [ratio(counts[:, group].sum(axis=1), drawn, heaviest) for group in shared]
    return HazardEstimate([hazard for hazard, _ in pooled], [error for _, error in pooled]) if pooled else None


def ratio(counts: NDArray[np.float64], drawn: NDArray[np.float64], heaviest: int = 1) -> tuple[float, float]:
    """Accepted over examined tokens, and its standard error.

    The error is no less than the standard deviation of the Jeffreys posterior of so many independent places,
    Beta(accepted + 1/2, examined - accepted + 1/2): resamples differ too little, or not at all, where few prompts count
    or all tokens fared alike.

    Args:
        counts: (examined, accepted) by prompt, shape (prompts, 2), examined not all zero.
        drawn: From `resamples`.
        heaviest: Greatest weight with which one place is counted, >= 1.
    """
    examined, accepted = counts.sum(axis=0)
    share = min(1.0, accepted / examined)
    a, b = accepted / heaviest + 0.5, max(0.0, examined - accepted) / heaviest + 0.5
    least = np.sqrt(a * b / (a + b + 1)) / (a + b)
    totals = drawn @ counts
    known = totals[:, 0] > 0
    return share, float(max(least, np.std(totals[known, 1] / totals[known, 0], ddof=1)))
