"""Acceptance by position with intervals, from survival counts or from mere survival shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    """

    position: int
    examined: float
    accepted: float
    hazard: float
    low: float | None
    high: float | None

    @property
    def error(self) -> float | None:
        """Standard deviation of Jeffreys' posterior, never 0; None where only rates are known."""
        if not self.examined:
            return None
        a, b = self.accepted + 0.5, self.examined - self.accepted + 0.5
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


def rates_of_shares(survival: Sequence[float]) -> Iterable[PositionRate]:
    """Rates from shares alone, without intervals, up to the first position that no draft reached."""
    before = 1.0
    for j, share in enumerate(survival):
        if before <= 0:
            return
        yield PositionRate(j, 0.0, 0.0, share / before, None, None)
        before = share
