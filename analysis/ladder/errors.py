"""Errors of predictions against measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr


@dataclass(frozen=True)
class RungComparison:
    """One cascade's prediction on one rung beside its measured speedup.

    Attributes:
        family: Of the cascade.
        predicted: Predicted speedup.
        low: Lower end of its 95 % interval.
        high: Upper end.
        measured: Measured speedup.
        measured_low: Lower end of its 95 % interval.
        measured_high: Upper end.
    """

    family: str
    predicted: float
    low: float
    high: float
    measured: float
    measured_low: float
    measured_high: float

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted / self.measured - 1

    @property
    def overlaps(self) -> bool:
        """Whether the two intervals have a point in common."""
        return self.low <= self.measured_high and self.measured_low <= self.high


def summary(comparisons: Sequence[RungComparison]) -> dict[str, object]:
    """Errors of one rung over many cascades; all are shares of the measured speedup.

    The median absolute error has no interval: resampled prompts scatter the measured speedups once more, which makes
    every absolute error greater, so that an interval of resamples lies above the error it is for.
    """
    errors = np.array([each.error for each in comparisons])
    return {
        "cascades": len(comparisons),
        "median_absolute": float(np.median(np.abs(errors))),
        "mean_absolute": float(np.abs(errors).mean()),
        "max_absolute": float(np.abs(errors).max()),
        "median_signed": float(np.median(errors)),
        "within_3_percent": float((np.abs(errors) <= 0.03).mean()),
        "within_5_percent": float((np.abs(errors) <= 0.05).mean()),
        "intervals_overlap": float(np.mean([each.overlaps for each in comparisons])),
        "rank_correlation": _rank_correlation(comparisons),
    }


def by_family(comparisons: Sequence[RungComparison]) -> dict[str, dict[str, object]]:
    """`summary` of each family."""
    families = dict.fromkeys(each.family for each in comparisons)
    return {family: summary([each for each in comparisons if each.family == family]) for family in families}


def _rank_correlation(comparisons: Sequence[RungComparison]) -> float | None:
    """Spearman's, of predicted and measured speedups; None where one of them does not vary."""
    predicted, measured = ([getattr(each, key) for each in comparisons] for key in ("predicted", "measured"))
    if len(comparisons) < 3 or len(set(predicted)) == 1 or len(set(measured)) == 1:
        return None
    return float(spearmanr(predicted, measured).statistic)


def improvement(summaries: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Rungs from the least median absolute error to the greatest."""

    def error(rung: str) -> float:
        value = summaries[rung]["median_absolute"]
        assert isinstance(value, float)
        return value

    return sorted(summaries, key=error)
