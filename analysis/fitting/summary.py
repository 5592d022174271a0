"""Acceptance from a mean acceptance length, the one number that most serving engines print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from analysis.fitting.result import Fit
from analysis.model import MAX_DRAFT_LENGTH
from analysis.model.boundary.fields import count, only_keys, read_number, reject

MOST_COUNT = 1e15
"""Greatest count of tokens or cycles: sums of counts stay exact whole numbers in floating point."""


@dataclass(frozen=True)
class MeanLength:
    """Mean tokens of cycles that draft a fixed number of tokens.

    Attributes:
        tokens_per_cycle: Mean tokens of a cycle, its correction or bonus token counted, in [1, draft_length + 1].
        draft_length: Tokens drafted in every cycle, >= 1.
        cycles: Number of cycles averaged, None where unknown.
    """

    tokens_per_cycle: float
    draft_length: int
    cycles: float | None


def read_mean_length(fields: Mapping[str, object]) -> MeanLength:
    """Read `mean_length`, `draft_length`, `bonus_counted` and `cycles`.

    Raises:
        InputError: naming the field, its value and the allowed range.
    """
    only_keys(fields, tuple(fields), required=("draft_length", "bonus_counted"))
    draft_length = count(fields["draft_length"], "draft_length", MAX_DRAFT_LENGTH)
    bonus = fields["bonus_counted"]
    if not isinstance(bonus, bool):
        reject("bonus_counted", bonus, "true where the correction or bonus token is counted, else false")
    mean = read_number(fields["mean_length"], "mean_length", bonus, draft_length + bonus)
    cycles = read_number(fields["cycles"], "cycles", 1, MOST_COUNT) if "cycles" in fields else None
    return MeanLength(mean + (not bonus), draft_length, cycles)


def fit_mean_length(seen: MeanLength) -> tuple[float, float | None]:
    """The alpha whose cycles yield this mean: 1 + alpha + ... + alpha^k = mean, and its standard error.

    The standard error is sqrt(Var T / cycles) over d E[T] / d alpha (delta method); where alpha is 0 or 1 that of half
    a token more on either side of those examined; None without the number of cycles.
    """
    k = seen.draft_length
    powers = np.arange(k + 1)
    alpha = brentq(lambda a: float((a**powers).sum()) - seen.tokens_per_cycle, 0.0, 1.0, xtol=1e-15)
    if seen.cycles is None:
        return alpha, None
    rejected = seen.cycles * (1 - alpha**k)
    accepted = seen.cycles * (seen.tokens_per_cycle - 1)
    if min(accepted, rejected) < 0.5:
        examined = accepted + rejected
        inner = (accepted + 0.5) / (examined + 1)
        return alpha, math.sqrt(inner * (1 - inner) / examined)
    survival = alpha**powers
    mean = float(survival.sum())
    # E[T^2] from P(T > j) = alpha^j: sum over j of (2 j + 1) alpha^j.
    variance = max(float(((2 * powers + 1) * survival).sum()) - mean**2, 0.0)
    slope = float((powers[1:] * alpha ** powers[:-1]).sum())
    return alpha, math.sqrt(variance / seen.cycles) / slope


def fit_of_mean_length(seen: MeanLength) -> Fit:
    """The constant model of a mean length, with no AIC: one number fits one number."""
    alpha, error = fit_mean_length(seen)
    note = f"from {seen.tokens_per_cycle:g} tokens per cycle, correction or bonus token included"
    return Fit("constant", alpha, error, {"alpha": alpha}, {"alpha": error}, None, 1, None, note)
