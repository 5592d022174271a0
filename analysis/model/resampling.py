"""Bootstrap over prompts: how often each prompt is drawn, and percentile intervals of what was computed from that."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def prompt_weights(prompts: int, resamples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each prompt is drawn in each resample of as many prompts, with replacement.

    Args:
        prompts: Number of prompts, >= 1.
        resamples: Number of resamples, >= 1.
        generator: Draws them.

    Returns:
        Whole numbers, shape (resamples, prompts); every row adds up to `prompts`.
    """
    return generator.multinomial(prompts, np.full(prompts, 1 / prompts), size=resamples).astype(np.float64)


def interval_95(values: ArrayLike) -> tuple[float, float]:
    """The 95 % percentile interval: 2.5 % of the values lie below it, and as many above.

    Args:
        values: A statistic in each resample, shape (resamples,), finite.

    Example:
        >>> interval_95(range(1001))
        (25.0, 975.0)
    """
    low, high = np.quantile(np.asarray(values, dtype=float), [0.025, 0.975])
    return float(low), float(high)
