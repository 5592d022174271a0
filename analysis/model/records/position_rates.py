"""Acceptance by position with intervals, from survival counts or from mere survival shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta


@dataclass(frozen=True)
class PositionRate:
    """Acceptance at one position of a draft.

    Attributes:
        position: Counted from 0.
        examined: Drafts that got so far: all tokens before were accepted, and the draft had a token here, as far as the
            engine tells the latter. 0 where only rates are known.
        accepted: Those of them whose token was accepted.
        hazard: P(accepted | all before it were accepted), in [0, 1].
        low: Lower end of its 95 % interval; None where only rates are known.
        high: Upper end.
        weight: Share of the examined that independent trials of the same spread would be, in (0, 1]: below 1 where
            requests differ.
    """

    position: int
    examined: float
    accepted: float
    hazard: float
    low: float | None
    high: float | None
    weight: float = 1.0

    @property
    def posterior(self) -> tuple[float, float] | None:
        """Parameters of the beta law of the hazard, by Jeffreys' prior; None where only rates are known."""
        if not self.examined:
            return None
        return self.weight * self.accepted + 0.5, self.weight * (self.examined - self.accepted) + 0.5

    @property
    def error(self) -> float | None:
        """Standard deviation of the hazard's beta law, never 0; None where only rates are known."""
        if self.posterior is None:
            return None
        a, b = self.posterior
        return float((a * b / (a + b + 1)) ** 0.5 / (a + b))


def jeffreys_95(successes: float, trials: float) -> tuple[float, float]:
    """95 % interval of a proportion by Jeffreys' prior; it reaches 0 and 1 where all trials fared alike.

    Args:
        successes: 0..trials.
        trials: > 0.

    >>> [round(end, 3) for end in jeffreys_95(8, 10)]
    [0.497, 0.956]
    """
    a, b = successes + 0.5, trials - successes + 0.5
    low = float(beta.ppf(0.025, a, b)) if successes > 0 else 0.0
    high = float(beta.ppf(0.975, a, b)) if successes < trials else 1.0
    return low, high


def rates_of_counts(drafts: float, accepted: Sequence[float], offered: Sequence[float]) -> Iterable[PositionRate]:
    """Rates from survival counts, up to the first position that no draft reached.

    Args:
        drafts: Number of drafts, > 0.
        accepted: Drafts whose first j + 1 tokens were all accepted.
        offered: Drafts that had a token at position j; empty where unknown.
    """
    for j, count in enumerate(accepted):
        examined = accepted[j - 1] if j else drafts
        if offered:
            examined = min(examined, offered[j] if j < len(offered) else 0.0)
        examined = max(examined, count)
        if examined <= 0:
            return
        yield PositionRate(j, examined, count, count / examined, *jeffreys_95(count, examined))


def rates_of_requests(by_request: Sequence[Sequence[float]], positions: int) -> Iterable[PositionRate]:
    """Rates whose intervals have the spread between requests.

    The variance of a hazard h is that of a ratio of sums over n requests, n / (n - 1) x sum (accepted - h examined)^2 /
    (sum examined)^2 (Cochran, Sampling Techniques, 1977, section 6.4), and no less than that of independent trials.

    Args:
        by_request: Drafts of each request, >= 2 requests, and behind them its accepted by position.
        positions: Number of positions.
    """
    table = np.zeros((len(by_request), positions + 1))
    for row, counts in zip(table, by_request, strict=True):
        row[: min(len(counts), positions + 1)] = counts[: positions + 1]
    for j in range(positions):
        examined, accepted = table[:, j], table[:, j + 1]
        total, count = float(examined.sum()), float(accepted.sum())
        if total <= 0:
            return
        hazard = count / total
        spread = len(table) / (len(table) - 1) * float(((accepted - hazard * examined) ** 2).sum())
        plain = total * hazard * (1 - hazard)
        weight = min(1.0, plain / spread) if spread > 0 and plain > 0 else 1.0
        yield PositionRate(j, total, count, hazard, *jeffreys_95(weight * count, weight * total), weight)


def rates_of_shares(survival: Sequence[float]) -> Iterable[PositionRate]:
    """Rates from shares alone, without intervals, up to the first position that no draft reached."""
    before = 1.0
    for j, share in enumerate(survival):
        if before <= 0:
            return
        yield PositionRate(j, 0.0, 0.0, share / before, None, None)
        before = share
