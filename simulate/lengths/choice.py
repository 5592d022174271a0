"""Settings chosen on one half of the texts and judged on the other, both ways round, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model.resampling import interval_95

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """What one family of rules takes on texts that its setting was not chosen on.

    Attributes:
        settings: Index of the rule judged on the first half of the texts (chosen on the second), and of the other.
        milliseconds: Of each text, by the rule that was chosen without it. Shape (texts,).
    """

    settings: tuple[int, int]
    milliseconds: Times


def halves(texts: int) -> NDArray[np.int64]:
    """To which half each text belongs, 0 or 1: every second one. Shape (texts,)."""
    return np.arange(texts) % 2


def choose(times: Times, rules: Sequence[int]) -> Chosen:
    """The rule of a family that is fastest on the other half, for each half.

    Args:
        times: Milliseconds by rule and text, shape (rules, texts), at least two texts.
        rules: Indices of the family's rules.

    Example:
        >>> choose(np.array([[1.0, 5.0, 1.0, 5.0], [2.0, 2.0, 2.0, 2.0]]), [0, 1])
        Chosen(settings=(1, 0), milliseconds=array([2., 5., 2., 5.]))
    """
    half = halves(times.shape[1])
    family = times[list(rules)]
    settings = (_fastest(family[:, half == 1], rules), _fastest(family[:, half == 0], rules))
    return Chosen(settings, np.where(half == 0, times[settings[0]], times[settings[1]]))


def _fastest(family: Times, rules: Sequence[int]) -> int:
    return rules[int(np.argmin(family.sum(axis=1)))]


def gains(times: Mapping[str, Times], baseline: Times, weights: Times) -> dict[str, tuple[float, float, float]]:
    """Ratio of total times, baseline over each, with its 95 % interval by bootstrap over texts.

    All are resampled alike, so that intervals of two of them are paired by text. What was chosen is not chosen again.

    Args:
        times: Milliseconds by name, each of shape (texts,).
        baseline: The same of what they are compared with.
        weights: How often each resample draws each text, from `prompt_weights`, shape (resamples, texts).

    Returns:
        By name (ratio, low, high).
    """
    above = weights @ baseline
    return {
        name: (float(baseline.sum() / mine.sum()), *interval_95(above / (weights @ mine)))
        for name, mine in times.items()
    }
